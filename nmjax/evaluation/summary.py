"""Summarize the searches of a target: regret curves, best architectures, and one row per method."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.analysis import (
    evaluations_to_reach_interval,
    incumbent_position,
    normalized_regret,
    pool_quantile,
    pool_summary,
)
from nmjax.evaluation.comparison import STEPS
from nmjax.evaluation.leave_one_out import Prepared
from nmjax.evaluation.method_runs import MethodRun
from nmjax.search import SearchInfo
from nmjax.spaces import to_text
from nmjax.stats import mean_interval
from nmjax.tasks import oriented_metric
from nmjax.types import Array


def incumbent_rows(trace: SearchInfo) -> np.ndarray:
    """Rows int[S, B] of the incumbents, the first in case of ties; -1 before any success."""
    position = np.asarray(incumbent_position(jnp.asarray(trace.score)))
    rows = np.take_along_axis(np.asarray(trace.row), np.maximum(position, 0), axis=1)
    return np.where(position < 0, -1, rows)


def incumbent_values(trace: SearchInfo, metric: np.ndarray) -> np.ndarray:
    """Values float[S, B] of a metric float[N] at the incumbents; NaN before any success."""
    rows = incumbent_rows(trace)
    return np.where(rows < 0, np.nan, metric[rows])


def regret_curves(prepared: Prepared, runs: Mapping[str, MethodRun]) -> dict[str, np.ndarray]:
    """Normalized regret float[S, B] by method, in the raw metric behind the score."""
    metric = _of_target(prepared, prepared.suite.score_metric)
    best, median = pool_summary(jnp.asarray(metric))
    return {
        name: np.asarray(
            normalized_regret(jnp.asarray(incumbent_values(run.trace, metric)), best, median)
        )
        for name, run in runs.items()
    }


def summarize(
    key: Array, prepared: Prepared, runs: Mapping[str, MethodRun]
) -> tuple[dict[str, Any], ...]:
    """Summarize the searches of each method in a row of `results.json`.

    Values are means over seeds unless stated otherwise. Values that do not apply to a method are
    NaN or None.

    Args:
      key: PRNG key of the bootstrap over seeds.
      prepared: task that was searched.
      runs: runs by method, with the same seeds and budget.

    Returns:
      Rows with these fields:

      - `method`: name of the method.
      - `regret`: {evaluations: {mean, ci}}, normalized regret with its bootstrap 95% interval.
      - `best`, `test`, `quantile`: raw score metric and test metric of the final incumbent, and its
        quantile in the pool.
      - `best_architecture`: result of `best_architecture`.
      - `reach`: {other method: {evaluations, ci}}, evaluations until the mean regret equals the
        final one of the other method, with a 95% interval over seeds; None if it never does.
      - `expected_information_gain` and `information_gain`: sum of expected gains, and divergence of
        the final from the initial posterior, in nats.
      - `transfer_weight`: {first, last}, weight of the transferred prior.
      - `seconds`: {compile, run}.

    Example:
      >>> from nmjax.evaluation import prepare, run_methods, summarize
      >>> from nmjax.tasks import leave_one_out, load_suite
      >>> suite = load_suite("nas-bench-201")  # doctest: +SKIP
      >>> prepared = prepare(
      ...     jax.random.key(0), suite, leave_one_out(suite, "cifar10"))  # doctest: +SKIP
      >>> keys = jax.random.split(jax.random.key(1), 4)  # doctest: +SKIP
      >>> runs = run_methods(keys, prepared, methods=["random"])  # doctest: +SKIP
      >>> summarize(jax.random.key(2), prepared, runs)[0]["method"]  # doctest: +SKIP
      'random'
    """
    curves = regret_curves(prepared, runs)
    budget = next(iter(curves.values())).shape[1]
    points = [point for point in STEPS if point < budget] + [budget]
    at_points = np.stack([curve[:, [p - 1 for p in points]] for curve in curves.values()], axis=1)
    mean, low, high = (np.asarray(x) for x in mean_interval(key, jnp.asarray(at_points)[None]))
    rows = []
    for i, (name, run) in enumerate(runs.items()):
        rows.append(
            {
                "method": name,
                "regret": {
                    str(point): {"mean": mean[i, j], "ci": (low[i, j], high[i, j])}
                    for j, point in enumerate(points)
                },
                **_ends(prepared, run),
                "best_architecture": best_architecture(prepared, run),
                "reach": {
                    other: _reach(key, curves[name], curve)
                    for other, curve in curves.items()
                    if other != name
                },
                "expected_information_gain": _mean_sum(run.trace.expected_gain),
                "information_gain": np.mean(run.information_gain),
                "transfer_weight": {
                    "first": np.mean(run.trace.transfer_weight[:, 0]),
                    "last": np.mean(run.trace.transfer_weight[:, -1]),
                },
                "seconds": dict(run.seconds),
            }
        )
    return tuple(rows)


def best_architecture(prepared: Prepared, run: MethodRun) -> dict[str, Any] | None:
    """Return the best architecture over all seeds of a method; None if every evaluation failed.

    Returns:
      `architecture`, as text; the score metric's `metric`, `value`, `unit` and `direction` ("max"
      or "min"), raw; `test`, the raw test metric, if any; `seed` and `evaluation` (from 1) at which
      it was found.
    """
    suite, target = prepared.suite, prepared.split.target_index
    score = np.asarray(run.trace.score)
    if np.isnan(score).all():
        return None
    seed, step = np.unravel_index(np.nanargmax(score), score.shape)
    row = int(np.asarray(run.trace.row)[seed, step])
    metric = suite.metric_info[suite.score_metric]
    return {
        "architecture": to_text(suite.space, suite.pool[row]),
        "metric": metric.name,
        "value": float(suite.metrics[metric.name][target, row]),
        "unit": metric.unit,
        "direction": metric.direction,
        "test": suite.test_metric and float(suite.metrics[suite.test_metric][target, row]),
        "seed": int(seed),
        "evaluation": int(step) + 1,
    }


def _reach(key: Array, ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """Evaluations until the mean of ours float[S, B] equals the final mean of theirs."""
    found = evaluations_to_reach_interval(jax.random.clone(key), ours, theirs)
    first, *ends = (int(x) if x <= ours.shape[1] else None for x in found)
    return {"evaluations": first, "ci": ends}


def _ends(prepared: Prepared, run: MethodRun) -> dict[str, Any]:
    metric = _of_target(prepared, prepared.suite.score_metric)
    best = incumbent_values(run.trace, metric)[:, -1]
    quantile = pool_quantile(jnp.asarray(metric), jnp.asarray(best))
    found: dict[str, Any] = {"best": None, "quantile": np.mean(quantile), "test": None}
    for name, measured in (
        ("best", prepared.suite.score_metric),
        ("test", prepared.suite.test_metric),
    ):
        if measured is not None:
            raw = prepared.suite.metrics[measured][prepared.split.target_index]
            found[name] = np.mean(incumbent_values(run.trace, raw)[:, -1])
    return found


def _of_target(prepared: Prepared, metric: str) -> np.ndarray:
    """Values float32[N] of a metric on the target, oriented so that higher is better."""
    values: np.ndarray = oriented_metric(prepared.suite, metric)[prepared.split.target_index]
    return values


def _mean_sum(gain: Array) -> float:
    return np.nan if np.isnan(gain).all() else float(np.nansum(gain, axis=1).mean())
