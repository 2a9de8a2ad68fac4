"""What the searches of a target came to: regret curves, and one row a method."""

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
from nmjax.evaluation.leave_one_out import MethodRun, Prepared
from nmjax.search import SearchInfo
from nmjax.stats import mean_interval
from nmjax.tasks import oriented_metric
from nmjax.types import Array


def incumbent_rows(trace: SearchInfo) -> np.ndarray:
    """int[S, B], the first row that had the best score so far; -1 before any success."""
    position = np.asarray(incumbent_position(jnp.asarray(trace.score)))
    rows = np.take_along_axis(np.asarray(trace.row), np.maximum(position, 0), axis=1)
    return np.where(position < 0, -1, rows)


def incumbent_values(trace: SearchInfo, metric: np.ndarray) -> np.ndarray:
    """float[S, B], the incumbents' values of a metric[N] of the pool; NaN before any success."""
    rows = incumbent_rows(trace)
    return np.where(rows < 0, np.nan, metric[rows])


def regret_curves(prepared: Prepared, runs: Mapping[str, MethodRun]) -> dict[str, np.ndarray]:
    """{method: float[S, B]} normalized regret, in the raw metric that the score is made from."""
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
    """One row a method, as `results.json` holds them.

    A row has, as means over seeds: `regret` {evaluations: {mean, ci}} with a bootstrap 95% interval
    of the mean; at the end of the budget `best`, `quantile` and `test`, the incumbent's score
    metric (negated where lower is better), pool quantile and test metric; `reach` {other method:
    {evaluations, ci}} until the mean regret is what the other's is at the end, with a 95% interval
    over seeds, None for never;
    `expected_information_gain` (sum) and `information_gain` (divergence of the final from the
    initial posterior), nats; `transfer_weight` {first, last} in the transferred prior; `seconds`.
    What a method has none of is NaN or None.

    Args:
      key: of the bootstrap, over seeds.
      prepared: the task that was searched.
      runs: of methods with the same seeds and budget.
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


def _reach(key: Array, ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """Evaluations until the mean of ours float[S, B] is what theirs ends with, and the interval."""
    found = evaluations_to_reach_interval(jax.random.clone(key), ours, theirs)
    first, *ends = (int(x) if x <= ours.shape[1] else None for x in found)
    return {"evaluations": first, "ci": ends}


def _ends(prepared: Prepared, run: MethodRun) -> dict[str, Any]:
    metric = _of_target(prepared, prepared.suite.score_metric)
    best = incumbent_values(run.trace, metric)[:, -1]
    test_metric = prepared.suite.test_metric
    test = None
    if test_metric is not None:
        values = incumbent_values(run.trace, _of_target(prepared, test_metric))
        test = np.mean(values[:, -1])
    quantile = pool_quantile(jnp.asarray(metric), jnp.asarray(best))
    return {"best": np.mean(best), "quantile": np.mean(quantile), "test": test}


def _of_target(prepared: Prepared, metric: str) -> np.ndarray:
    """float32[N], higher is better."""
    return oriented_metric(prepared.suite, metric)[prepared.split.target_index]


def _mean_sum(gain: Array) -> float:
    return np.nan if np.isnan(gain).all() else float(np.nansum(gain, axis=1).mean())
