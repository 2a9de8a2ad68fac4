"""Protocols of NASFLAT and HELP: sources, known labels of a target, and test architectures.

Predictions use the latencies of a target only at its support rows; the query rows evaluate them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.reproductions.latency_models import (
    Settings,
    adapt,
    choose,
    device_priors,
    fit_source,
    ridge,
    trivial,
    trivial_priors,
    unit_columns,
)
from benchmarks.reproductions.latency_tables import DeviceSet, LatencyTable, kind
from nmjax.stats import spearman

SETTINGS = Settings()
SOURCE_ROWS, SHOTS = 800, 20
# Amplitudes and length scales of the process on counts.
TRIVIAL = {"trivial 1": ((0.0,), (1.0,)), "trivial 2": ((0.1, 0.3, 1.0, 3.0), (2.0, 4.0, 8.0))}
OURS, CHOSEN = "ours", "ours, chosen"
PARTS = {OURS: ("sources", "costs"), "ours, no costs": ("sources",), "ours, no sources": ("costs",)}
POOL = {"fbnet": 4000, "nas-bench-201": 900}
QUERIES = 1000

Episodes = Iterator[tuple[str, str, dict[str, float]]]


class Past(NamedTuple):
    """Standardized predictions of the sources for the pool.

    Attributes:
      fitted: float[N, S], by `fit_source`.
      ridge: float[N, S], by ridge regression on the options alone, as the trivial baselines do.
    """

    fitted: np.ndarray
    ridge: np.ndarray


def fit_past(table: LatencyTable, rows: Mapping[str, np.ndarray]) -> dict[str, Past]:
    """Fit each device on its latencies in the given rows, float[N, 1] each."""
    costs, past = unit_columns(table.costs), {}
    for device, at in rows.items():
        y = table.latency[device][at]
        weights = fit_source(costs[at], table.options[at], y)
        fitted = costs @ weights[0] + table.options @ weights[1]
        simple = table.options @ ridge(table.options[at], y, penalty=1.0)
        past[device] = Past(unit_columns(fitted[:, None]), unit_columns(simple[:, None]))
    return past


def join(past: Mapping[str, Past], sources: Sequence[str]) -> Past:
    """Join the past of several sources."""
    return Past(
        *(np.concatenate(columns, 1) for columns in zip(*map(past.get, sources), strict=True))
    )


class Known(NamedTuple):
    """Data available before the first label of a target.

    Attributes:
      table: latencies, which are read only at support rows of a target.
      past: predictions of the sources.
      models: (priors, features float[N, 1 + D]) by name in `PARTS`.
    """

    table: LatencyTable
    past: Past
    models: Mapping[str, tuple]


def prepare(table: LatencyTable, past: Past, settings: Settings = SETTINGS) -> Known:
    """Priors of a new device with both kinds of features, and with each of them alone."""
    costs, models = unit_columns(table.costs), {}
    for name, parts in PARTS.items():
        sources = past.fitted if "sources" in parts else past.fitted[:, :0]
        features = np.concatenate([sources, costs if "costs" in parts else costs[:, :0]], axis=1)
        moments = jnp.asarray(features.T @ features / len(features), jnp.float32)
        priors = device_priors(
            jax.random.key(0), moments, num_sources=sources.shape[1], settings=settings
        )
        models[name] = priors, with_constant(features)
    return Known(table, past, models)


def with_constant(features: np.ndarray) -> jax.Array:
    """Features float32[N, 1 + D] with a constant first."""
    return jnp.asarray(np.insert(features, 0, 1, axis=1), jnp.float32)


def chosen_rows(known: Known, allowed: np.ndarray, number: int = SHOTS) -> np.ndarray:
    """Choose the rows int[number] that are most informative about any new device."""
    priors, features = known.models[OURS]
    return np.asarray(choose(priors, features, jnp.asarray(allowed), number=number))


def predict(known: Known, method: str, rows: np.ndarray, latency: np.ndarray) -> np.ndarray:
    """Predict float[N] by a method, in arbitrary units, from latencies float[B] of rows int[B]."""
    y = jnp.asarray(latency, jnp.float32)
    if method in TRIVIAL:
        amplitudes, lengths = TRIVIAL[method]
        sources, counts = known.past.ridge, unit_columns(known.table.counts)
        prior = trivial_priors(sources.shape[1], amplitudes)
        pool = with_constant(sources), jnp.asarray(counts, jnp.float32)
        return np.asarray(trivial(prior, *pool, jnp.array(lengths), jnp.asarray(rows), y))
    priors, features = known.models[method]
    return np.asarray(adapt(priors, features, features[rows], y))


def correlation(predicted: np.ndarray, latency: np.ndarray) -> float:
    """Spearman's correlation of two float[N]."""
    return float(spearman(jnp.asarray(predicted), jnp.asarray(latency, jnp.float32)))


def evaluate(
    known: Known, target: str, supports: Mapping[str, np.ndarray], queries: np.ndarray
) -> dict[str, float]:
    """Correlations over the query rows by method, given its support rows."""
    latency = known.table.latency[target]
    scores = {}
    for method, rows in supports.items():
        model = OURS if method == CHOSEN else method
        predicted = predict(known, model, rows, latency[rows])
        scores[method] = correlation(predicted[queries], latency[queries])
    return scores


def fbnet_draw(table: LatencyTable, sets: Mapping[str, DeviceSet], draw: int) -> Episodes:
    """Yield (set, target, correlations by method) for one draw of source and support rows."""
    size = len(table.options)
    rng = np.random.default_rng([draw, 0])
    shared = rng.choice(size, SOURCE_ROWS, replace=False)
    devices = {source for devices in sets.values() for source in devices.sources}
    past = fit_past(table, dict.fromkeys(sorted(devices), shared))
    for name, (sources, targets) in sets.items():
        known = prepare(table, join(past, sources))
        chosen = chosen_rows(known, np.ones(size, bool))
        for target in targets:
            random = rng.choice(size, SHOTS, replace=False)
            supports = dict.fromkeys([*TRIVIAL, *PARTS], random) | {CHOSEN: chosen}
            yield name, target, evaluate(known, target, supports, np.arange(size))


def source_draw(table: LatencyTable, sets: Mapping[str, DeviceSet], draw: int) -> Episodes:
    """Like `fbnet_draw`, with sources as targets, within the rows of the sources.

    Names end in "near" if all other sources are given, and in "far" if only those of another kind
    are. If all are GPUs, batch size one and larger batch sizes count as two kinds.
    """
    rng = np.random.default_rng([draw, 1])
    shared = rng.choice(len(table.options), SOURCE_ROWS, replace=False)
    devices = {source for devices in sets.values() for source in devices.sources}
    past = fit_past(table, dict.fromkeys(sorted(devices), shared))
    allowed = np.isin(np.arange(len(table.options)), shared)
    for name, (sources, _) in sets.items():
        one_kind = len(set(map(kind, sources))) == 1
        kinds = {s: s.endswith("_1") if one_kind else kind(s) for s in sources}
        for left_out in sources:
            random = rng.choice(shared, SHOTS, replace=False)
            for distance in ("near", "far"):
                rest = [
                    source
                    for source in sources
                    if source != left_out
                    and (distance == "near" or kinds[source] != kinds[left_out])
                ]
                known = prepare(table, join(past, rest))
                supports = dict.fromkeys([*TRIVIAL, *PARTS], random)
                supports[CHOSEN] = chosen_rows(known, allowed)
                yield f"{name} {distance}", left_out, evaluate(known, left_out, supports, shared)


def middle(latency: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows whose latency is between the 10th and the 90th percentile of all rows."""
    low, high = np.quantile(latency[rows], (0.1, 0.9))
    return rows[(low <= latency[rows]) & (latency[rows] <= high)]


def help_draw(
    tables: Mapping[str, LatencyTable], sets: Mapping[str, DeviceSet], draw: int
) -> Episodes:
    """Like `fbnet_draw`, in HELP's protocol, restricted to the middle latencies of each device.

    The 10 random rows are from the training pool. Sets are named by space and labels of the target:
    "10"; "10 + 10" with the reference architectures; "10 + 10 uncut" with random rows from the
    whole training pool, so that the choice does not depend on latencies; and "20" rows chosen from
    that pool.
    """
    rng = np.random.default_rng([draw, 2])
    for name, (sources, targets) in sets.items():
        table, number = tables[name], POOL[name]
        pool = np.arange(number)
        past = fit_past(table, {source: middle(table.latency[source], pool) for source in sources})
        known = prepare(table, join(past, sources))
        chosen = chosen_rows(known, np.arange(len(table.options)) < number)
        for target in targets:
            latency = table.latency[target]
            queries = middle(latency, np.arange(number, number + QUERIES))
            cut, uncut = (
                rng.choice(np.setdiff1d(rows, table.references), 10, replace=False)
                for rows in (middle(latency, pool), pool)
            )
            for support, rows in {
                "10": cut,
                "10 + 10": np.concatenate([cut, table.references]),
                "10 + 10 uncut": np.concatenate([uncut, table.references]),
            }.items():
                supports = dict.fromkeys([*TRIVIAL, *PARTS], rows)
                yield f"{name} {support}", target, evaluate(known, target, supports, queries)
            yield f"{name} 20", target, evaluate(known, target, {CHOSEN: chosen}, queries)
