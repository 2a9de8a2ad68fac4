"""Convergence of searches: incumbents, regret, quantiles and evaluations to reach a threshold.

The last axis of a curve is B evaluations; leading axes are tasks and seeds.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.types import Array

# Two means of the same numbers may differ by rounding; ties count as reached.
_ROUNDING = 1e-5


class PoolSummary(NamedTuple):
    """Scores of a pool that define normalized regret.

    Attributes:
      best: float[...], the best score of the pool.
      median: float[...], the median score of the pool.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import pool_summary
      >>> float(pool_summary(jnp.arange(5.0)).median)
      2.0
    """

    best: Array
    median: Array


@jax.jit
def pool_summary(pool_scores: Array) -> PoolSummary:
    """Best and median of pools float[..., N]; failed evaluations (NaN) are left out.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import pool_summary
      >>> float(pool_summary(jnp.array([0.2, 0.9, 0.5, jnp.nan])).median)
      0.5
    """
    return PoolSummary(jnp.nanmax(pool_scores, -1), jnp.nanmedian(pool_scores, -1))


@jax.jit
def incumbent_position(scores: Array) -> Array:
    """Position of the first of the best scores so far, int32[..., B]; -1 before any success.

    Args:
      scores: float[..., B] in the order of evaluation; NaN is a failed evaluation.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import incumbent_position
      >>> incumbent_position(jnp.array([0.2, 0.5, 0.5, 0.9]))
      Array([0, 1, 1, 3], dtype=int32)
    """
    scores = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
    best = jax.lax.cummax(scores, axis=scores.ndim - 1)
    lowest = jnp.full_like(best[..., :1], -jnp.inf)
    improves = scores > jnp.concatenate([lowest, best[..., :-1]], axis=-1)
    position = jnp.broadcast_to(jnp.arange(scores.shape[-1], dtype=jnp.int32), scores.shape)
    return jax.lax.cummax(jnp.where(improves, position, -1), axis=scores.ndim - 1)


@jax.jit
def incumbent(scores: Array) -> Array:
    """Best score so far, float[..., B], of scores float[..., B] in order of evaluation.

    Failed evaluations (NaN) are skipped; before the first success the incumbent is NaN.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import incumbent
      >>> incumbent(jnp.array([0.5, jnp.nan, 0.25, 0.75]))
      Array([0.5 , 0.5 , 0.5 , 0.75], dtype=float32)
    """
    failed = jnp.isnan(scores)
    last = scores.ndim - 1
    running = jax.lax.cummax(jnp.where(failed, -jnp.inf, scores), axis=last)
    return jnp.where(jnp.cumsum(~failed, axis=last) > 0, running, jnp.nan)


@jax.jit
def normalized_regret(incumbent_scores: Array, best: Array, median: Array) -> Array:
    """(best - incumbent) / (best - median): 0 at the pool's best, 1 at its median.

    Args:
      incumbent_scores: float[..., B].
      best: best score of the pool, float[] or float of the leading axes, such as one per task.
      median: median score of the pool, shaped as `best`.

    Returns:
      float[..., B]; NaN where there is no incumbent yet. Infinite or NaN where half of the pool
      ties with its best.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import normalized_regret
      >>> normalized_regret(jnp.array([0.5, 1.0]), 1.0, 0.5)
      Array([1., 0.], dtype=float32)
    """
    incumbent_scores = jnp.asarray(incumbent_scores)
    best, median = (_trailing(jnp.asarray(x), incumbent_scores.ndim) for x in (best, median))
    return (best - incumbent_scores) / (best - median)


@jax.jit
def pool_rank(pool_scores: Array, incumbent_scores: Array) -> Array:
    """One more than the number of scores of a pool float[N] above each incumbent, int32[...].

    Equal scores share a rank. Failed evaluations (NaN) of the pool are left out; a missing
    incumbent (NaN) ranks behind all of them.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import pool_rank
      >>> pool_rank(jnp.array([0.1, 0.5, 0.9]), jnp.array([0.9, 0.5]))
      Array([1, 2], dtype=int32)
    """
    known = jnp.sum(~jnp.isnan(pool_scores))
    score = jnp.where(jnp.isnan(incumbent_scores), -jnp.inf, incumbent_scores)
    no_better = jnp.searchsorted(jnp.sort(pool_scores), score, side="right")
    return (known - no_better + 1).astype(jnp.int32)


@jax.jit
def pool_quantile(pool_scores: Array, incumbent_scores: Array) -> Array:
    """Share of a pool float[N] that is no better than each incumbent float[...]; 1 is the best.

    Failed evaluations (NaN) of the pool are left out; without an incumbent the quantile is NaN.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import pool_quantile
      >>> pool_quantile(jnp.array([0.1, 0.5, 0.7, 0.9]), jnp.array([0.9, 0.5]))
      Array([1. , 0.5], dtype=float32)
    """
    known = jnp.sum(~jnp.isnan(pool_scores))
    share = (known + 1 - pool_rank(pool_scores, incumbent_scores)) / known
    return jnp.where(jnp.isnan(incumbent_scores), jnp.nan, share)


@jax.jit
def evaluations_to_reach(mean_curve: Array, threshold: Array) -> Array:
    """First evaluation (from 1) at which a mean regret curve is at or below a threshold.

    Args:
      mean_curve: float[..., B], regret averaged over seeds.
      threshold: float[] or float of the leading axes, for instance a peer's mean regret at 100.

    Returns:
      int32[...]; B + 1 if the threshold is never reached. Ties count as reached, up to a relative
      1e-5 for rounding; a NaN (some seed has no success yet) does not.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import evaluations_to_reach
      >>> evaluations_to_reach(jnp.array([0.9, 0.4, 0.2]), 0.4)
      Array(2, dtype=int32)
    """
    mean_curve = jnp.asarray(mean_curve)
    threshold = _trailing(jnp.asarray(threshold), mean_curve.ndim)
    reached = mean_curve <= threshold + _ROUNDING * jnp.abs(threshold)
    first = jnp.argmax(reached, axis=-1) + 1
    return jnp.where(reached.any(-1), first, mean_curve.shape[-1] + 1).astype(jnp.int32)


def format_evaluations(evaluations: int | Array, budget: int) -> str:
    """Format evaluations to reach: "17", or ">100" if a budget of 100 did not suffice.

    Example:
      >>> from nmjax.analysis import format_evaluations
      >>> format_evaluations(17, 100), format_evaluations(101, 100)
      ('17', '>100')
    """
    return str(int(evaluations)) if int(evaluations) <= budget else f">{budget}"


def _trailing(x: Array, ndim: int) -> Array:
    """Append axes of length 1 to an array of leading axes, up to `ndim` axes."""
    return jnp.expand_dims(x, tuple(range(x.ndim, ndim))) if x.ndim else x
