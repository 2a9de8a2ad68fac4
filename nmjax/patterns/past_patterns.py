"""All patterns in past searches that `nmjax patterns` reports."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.patterns.enrichment import is_best
from nmjax.patterns.indices import Sensitivity
from nmjax.patterns.motif_table import MotifTable, motif_table
from nmjax.patterns.motifs import find_motifs, motif_names
from nmjax.patterns.predicted import LARGEST_GRID, predicted_sobol_indices
from nmjax.patterns.tradeoffs import hypervolume, pareto_front
from nmjax.predictors import normal_scores
from nmjax.spaces import canonicalize
from nmjax.tasks import history_scores
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import Array

SHOWN = 12
"""Largest number of motifs in a table or a panel."""
SAME = 0.5
"""Overlap above which only the more certain of two motifs is reported."""


class Tradeoff(NamedTuple):
    """Raw scores and costs of one task's evaluations.

    Attributes:
      cost: float[N]; NaN is a failed evaluation, as in `score`.
      score: float[N].
      front: bool[N], True where no other evaluation dominates.
      hypervolume: Share of the box between the worst and the best of each that the front dominates.

    Example:
      >>> import numpy as np
      >>> from nmjax.patterns import Tradeoff
      >>> values = np.array([0.1, 0.2])
      >>> Tradeoff(values, values, np.array([True, True]), 0.5).hypervolume
      0.5
    """

    cost: np.ndarray
    score: np.ndarray
    front: np.ndarray
    hypervolume: float


class Patterns(NamedTuple):
    """Result of `find_patterns`.

    Attributes:
      names: Names of F motifs.
      overlap: float[F, F], Jaccard index of the evaluations that contain each of two motifs.
      motifs: {"the best 10%": motifs enriched among them, ...}.
      sensitivity: Indices of T tasks' normal scores, each an `Interval`; None where the space is
        too large.
      tradeoffs: {task: score against cost}; empty where no metric is a cost.

    Example:
      >>> import numpy as np
      >>> from nmjax.patterns import Patterns
      >>> Patterns(("op=a",), np.eye(1), {}, None, {}).names
      ('op=a',)
    """

    names: tuple[str, ...]
    overlap: np.ndarray
    motifs: Mapping[str, MotifTable]
    sensitivity: Sensitivity | None
    tradeoffs: Mapping[str, Tradeoff]


def find_patterns(key: Array, past: PastSearches, *, share: float) -> Patterns:
    """Find motifs of the best and of the failed evaluations, sensitivities, and trade-offs.

    Where no evaluation failed, the worst are used instead of the failed.

    Args:
      key: PRNG key of the draws behind the sensitivities.
      past: the past searches.
      share: Share of a task's evaluations that are its best, or its worst; inside (0, 1).

    Raises:
      NmjaxError: the share is outside (0, 1).

    Example:
      >>> import jax
      >>> from nmjax.patterns import find_patterns
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import PastSearches, make_history
      >>> from nmjax.types import Metric
      >>> space = Space("wide", **{f"width{i}": list(range(10)) for i in range(7)})
      >>> history = make_history([[[0] * 7, [1] * 7]], {"accuracy": [[0.9, 0.5]]})
      >>> past = PastSearches(space, history, ("task",), Metric("accuracy"))
      >>> list(find_patterns(jax.random.key(0), past, share=0.5).motifs)
      ['the best 50%', 'the worst 50%']
    """
    if not 0 < share < 1:
        raise NmjaxError(f"Got share={share}, expected one inside (0, 1): give for instance 0.1.")
    scores = history_scores(past.history, past.required_metric)
    rows, mask = past.history.architecture, past.history.mask
    succeeded = mask & ~jnp.isnan(scores)
    failed = mask & jnp.isnan(scores)
    percent, level = f"{100 * share:g}%", jnp.float32(share)
    best = is_best(scores, level)
    motifs = {f"the best {percent}": motif_table(past.space, rows, best, succeeded)}
    if failed.any():
        motifs["the failed"] = motif_table(past.space, rows, failed, mask)
    else:
        worst = is_best(-scores, level)
        motifs[f"the worst {percent}"] = motif_table(past.space, rows, worst, succeeded)
    sensitivity = None
    if past.space.size <= LARGEST_GRID:
        ranks = jax.vmap(normal_scores)(scores)
        sensitivity = predicted_sobol_indices(key, past.space, rows, ranks)
    names, overlap = motif_names(past.space), _overlap(past)
    return Patterns(names, overlap, motifs, sensitivity, _tradeoffs(past, scores))


def leading_motifs(found: Patterns, table: MotifTable, *, rate: float) -> np.ndarray:
    """Select motifs int[n] that hold on some task at a false discovery rate, at most `SHOWN`.

    They are ordered by the lower ends of their intervals, the largest first. A motif that mostly
    occurs together with an earlier one is left out, such as a range beside a slightly shorter one.

    Example:
      >>> import numpy as np
      >>> from nmjax.patterns import MotifTable, Patterns, leading_motifs
      >>> found = Patterns(("op=a",), np.eye(1), {}, None, {})
      >>> table = MotifTable(*np.full((6, 1), 0.01), *np.full((2, 1, 1), 0.01))
      >>> leading_motifs(found, table, rate=0.05).tolist()
      [0]
    """
    holds = np.asarray(table.somewhere) <= rate
    order = np.argsort(-np.where(holds, np.asarray(table.low), -np.inf), kind="stable")
    kept: list[int] = []
    for motif in order[: holds.sum()].tolist():
        if len(kept) < SHOWN and (found.overlap[motif, kept] < SAME).all():
            kept.append(motif)
    return np.array(kept, int)


def _overlap(past: PastSearches) -> np.ndarray:
    """Jaccard's index of each two motifs over the evaluations of the first task."""
    rows = canonicalize(past.space, past.history.architecture[0])
    present = np.asarray(find_motifs(past.space, rows), np.float32)
    present = present[np.asarray(past.history.mask[0])]
    both, each = present.T @ present, present.sum(0)
    overlap: np.ndarray = both / np.maximum(each[:, None] + each[None, :] - both, 1)
    return overlap


def _tradeoffs(past: PastSearches, scores: Array) -> dict[str, Tradeoff]:
    if past.cost is None:
        return {}
    both = jnp.stack([scores, history_scores(past.history, past.cost)], axis=-1)
    both = jnp.where(jnp.isnan(both).any(-1, keepdims=True), jnp.nan, both)
    low, high = jnp.nanmin(both, axis=1, keepdims=True), jnp.nanmax(both, axis=1, keepdims=True)
    unit = (both - low) / jnp.where(high > low, high - low, 1)
    fronts, volumes = pareto_front(both), hypervolume(unit, jnp.zeros(2))
    raw = past.history.metrics
    return {
        task: Tradeoff(
            np.where(np.asarray(past.history.mask[t]), raw[past.cost.name][t], np.nan),
            np.where(np.asarray(past.history.mask[t]), raw[past.required_metric.name][t], np.nan),
            np.asarray(fronts[t]),
            float(volumes[t]),
        )
        for t, task in enumerate(past.tasks)
    }
