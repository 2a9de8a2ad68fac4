"""How fast a search converges: incumbents, regret, quantiles and evaluations to reach.

Curves end in an axis of B evaluations; leading axes are lanes (tasks, seeds), each on its own.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.stats import Interval
from nmjax.types import Array

# Two means of the same numbers may differ by rounding; ties count as reached.
_ROUNDING = 1e-5


class PoolSummary(NamedTuple):
    """What normalized regret needs to know of a pool.

    Attributes:
      best: float[...], the best score of the pool.
      median: float[...], the median score of the pool.
    """

    best: Array
    median: Array


class EvaluationsToReach(NamedTuple):
    """Evaluations to reach with a bootstrap interval; B + 1 stands for never.

    Attributes:
      estimate: int32[], from the curves as they are.
      low: int32[], the lower end.
      high: int32[], the upper end.
    """

    estimate: Array
    low: Array
    high: Array


class NotWorse(NamedTuple):
    """A one-sided paired test of a regret difference.

    Attributes:
      difference: float[], mean of ours - theirs; below zero is a win.
      upper: float[], the upper bound of the difference.
      holds: bool[], whether the upper bound is below the margin.
    """

    difference: Array
    upper: Array
    holds: Array


def pool_summary(pool_scores: Array) -> PoolSummary:
    """Best and median of pools float[..., N]; failed evaluations (NaN) are left out."""
    return PoolSummary(jnp.nanmax(pool_scores, -1), jnp.nanmedian(pool_scores, -1))


def incumbent_position(scores: Array) -> Array:
    """Where the first of the best scores so far is, int32[..., B]; -1 before any success.

    Args:
      scores: float[..., B] in the order of evaluation; NaN is a failed evaluation.
    """
    scores = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
    best = jax.lax.cummax(scores, axis=scores.ndim - 1)
    lowest = jnp.full_like(best[..., :1], -jnp.inf)
    improves = scores > jnp.concatenate([lowest, best[..., :-1]], axis=-1)
    position = jnp.broadcast_to(jnp.arange(scores.shape[-1], dtype=jnp.int32), scores.shape)
    return jax.lax.cummax(jnp.where(improves, position, -1), axis=scores.ndim - 1)


def incumbent(scores: Array) -> Array:
    """The best score so far, float[..., B], for scores float[..., B] in order of evaluation.

    Failed evaluations (NaN) are passed over; before the first success the incumbent is NaN.
    """
    failed = jnp.isnan(scores)
    last = scores.ndim - 1
    running = jax.lax.cummax(jnp.where(failed, -jnp.inf, scores), axis=last)
    return jnp.where(jnp.cumsum(~failed, axis=last) > 0, running, jnp.nan)


def normalized_regret(incumbent_scores: Array, best: Array, median: Array) -> Array:
    """(best - incumbent) / (best - median): 0 at the pool's best, 1 at its median.

    Args:
      incumbent_scores: float[..., B].
      best: float[] or float of the leading axes (one a task, say), best score of the pool.
      median: as `best`, the median score of the pool.

    Returns:
      float[..., B]; NaN where there is no incumbent yet, undefined where half a pool ties with its
      best.
    """
    incumbent_scores = jnp.asarray(incumbent_scores)
    best, median = (_trailing(jnp.asarray(x), incumbent_scores.ndim) for x in (best, median))
    return (best - incumbent_scores) / (best - median)


def pool_rank(pool_scores: Array, incumbent_scores: Array) -> Array:
    """One more than how many of a pool float[N] are better than each incumbent, int32[...].

    Those that tie share a rank. Failed evaluations (NaN) of the pool are left out; no incumbent
    (NaN) comes behind all of them.
    """
    known = jnp.sum(~jnp.isnan(pool_scores))
    score = jnp.where(jnp.isnan(incumbent_scores), -jnp.inf, incumbent_scores)
    no_better = jnp.searchsorted(jnp.sort(pool_scores), score, side="right")
    return (known - no_better + 1).astype(jnp.int32)


def pool_quantile(pool_scores: Array, incumbent_scores: Array) -> Array:
    """The share of a pool float[N] that is no better than each incumbent float[...]; 1 is the best.

    Failed evaluations (NaN) of the pool are left out; without an incumbent the quantile is NaN.
    """
    known = jnp.sum(~jnp.isnan(pool_scores))
    share = (known + 1 - pool_rank(pool_scores, incumbent_scores)) / known
    return jnp.where(jnp.isnan(incumbent_scores), jnp.nan, share)


def evaluations_to_reach(mean_curve: Array, threshold: Array) -> Array:
    """The first evaluation (from 1) at which a mean regret curve is at or below a threshold.

    Args:
      mean_curve: float[..., B], regret averaged over seeds.
      threshold: float[] or float of the leading axes, for instance a peer's mean regret at 100.

    Returns:
      int32[...]; B + 1 if it is never reached. Ties count, up to a relative 1e-5 for rounding; a
      NaN (some seed has no success yet) is not at or below anything.
    """
    mean_curve = jnp.asarray(mean_curve)
    threshold = _trailing(jnp.asarray(threshold), mean_curve.ndim)
    reached = mean_curve <= threshold + _ROUNDING * jnp.abs(threshold)
    first = jnp.argmax(reached, axis=-1) + 1
    return jnp.where(reached.any(-1), first, mean_curve.shape[-1] + 1).astype(jnp.int32)


def format_evaluations(evaluations: int | Array, budget: int) -> str:
    """Evaluations to reach as printed: "17", or ">100" when a budget of 100 did not suffice."""
    return str(int(evaluations)) if int(evaluations) <= budget else f">{budget}"


@functools.partial(jax.jit, static_argnames="resamples")
def evaluations_to_reach_interval(
    key: Array, ours: Array, theirs: Array, *, resamples: int = 2000, level: float = 0.95
) -> EvaluationsToReach:
    """When our mean curve reaches what theirs has at its end, with a paired bootstrap interval.

    Each resample draws tasks with replacement and, within each, seeds; both methods get the same
    draws. The ends are order statistics, so they are whole numbers of evaluations.

    Args:
      key: a PRNG key.
      ours: float[T, S, B] or float[S, B], regret by task, seed and evaluation.
      theirs: float[T, S, B'] or float[S, B'], the peer's regret on the same tasks and seeds.
      resamples: how many bootstrap resamples (static).
      level: coverage of the interval.

    Raises:
      NmjaxError: if tasks or seeds do not pair up.
    """
    ours, theirs = _paired(ours, theirs, curves=True)
    draws = _draws(key, ours.shape[:2], resamples)
    values = jax.lax.map(lambda draw: _reach(ours[draw], theirs[draw]), draws).astype(ours.dtype)
    ends = (end.astype(jnp.int32) for end in _order_statistics(values, level))
    return EvaluationsToReach(_reach(ours, theirs), *ends)


@functools.partial(jax.jit, static_argnames="resamples")
def speed_up_interval(
    key: Array, ours: Array, theirs: Array, *, resamples: int = 2000, level: float = 0.95
) -> Interval:
    """How many times sooner our mean curve has what theirs has at its end, with an interval.

    A method may have what it ends with long before its end, so the evaluations that it took to it
    are counted, not those that it was given. Arguments, resamples and errors are those of
    `evaluations_to_reach_interval`, and the ends are among the resamples' ratios, too. Where ours
    never has it, the ratio is known to be below 1, not what it is: 0 stands for that.
    """
    ours, theirs = _paired(ours, theirs, curves=True)

    def ratio(ours: Array, theirs: Array) -> Array:
        sooner = _reach(theirs, theirs) / (taken := _reach(ours, theirs))
        return jnp.where(taken > ours.shape[-1], 0, sooner)

    draws = _draws(key, ours.shape[:2], resamples)
    values = jax.lax.map(lambda draw: ratio(ours[draw], theirs[draw]), draws)
    return Interval(ratio(ours, theirs), *_order_statistics(values, level))


@functools.partial(jax.jit, static_argnames="resamples")
def not_worse(
    key: Array,
    ours: Array,
    theirs: Array,
    *,
    margin: float = 0.02,
    resamples: int = 2000,
    level: float = 0.95,
) -> NotWorse:
    """Whether the paired upper bound of our regret minus theirs is under a margin.

    Args:
      key: a PRNG key.
      ours: float[T, S] or float[S], regret at one budget by task and seed.
      theirs: the peer's regret on the same tasks and seeds.
      margin: the largest difference that still counts as not worse.
      resamples: how many bootstrap resamples, of tasks and of seeds within tasks (static).
      level: one-sided confidence of the bound.

    Raises:
      NmjaxError: if tasks or seeds do not pair up.
    """
    ours, theirs = _paired(ours, theirs, curves=False)
    difference = ours - theirs
    means = difference[_draws(key, ours.shape[:2], resamples)].mean((1, 2))
    upper = jnp.quantile(means, level)
    return NotWorse(difference.mean(), upper, upper < margin)


def _reach(ours: Array, theirs: Array) -> Array:
    """Evaluations int32[] until the mean of ours float[T, S, B] is what theirs ends with."""
    return evaluations_to_reach(ours.mean((0, 1)), theirs[..., -1].mean())


def _order_statistics(values: Array, level: float) -> tuple[Array, Array]:
    """The ends of the central range of float[R], both among the values."""
    tail = (1 - level) / 2
    return (
        jnp.quantile(values, tail, method="lower"),
        jnp.quantile(values, 1 - tail, method="higher"),
    )


def _trailing(x: Array, ndim: int) -> Array:
    """`x` of some leading axes, given as many axes of length 1 behind as `ndim` asks for."""
    return jnp.expand_dims(x, tuple(range(x.ndim, ndim))) if x.ndim else x


def _paired(ours: Array, theirs: Array, *, curves: bool) -> tuple[Array, Array]:
    """Both with a leading task axis, checked to have the same tasks and seeds."""
    ours, theirs = jnp.asarray(ours), jnp.asarray(theirs)
    lanes = [x.shape[:-1] if curves else x.shape for x in (ours, theirs)]
    if lanes[0] != lanes[1] or len(lanes[0]) not in (1, 2) or 0 in ours.shape + theirs.shape:
        axes = "tasks (if any), seeds and evaluations" if curves else "tasks (if any) and seeds"
        raise NmjaxError(
            f"Regret of shapes {ours.shape} and {theirs.shape} came; expected axes of {axes}, with "
            "the same tasks and seeds in both: run both methods on the same ones."
        )
    return (ours[None], theirs[None]) if len(lanes[0]) == 1 else (ours, theirs)


def _draws(key: Array, lanes: tuple[int, ...], resamples: int) -> tuple[Array, Array]:
    """Indices of tasks int32[resamples, T, 1] and of each one's seeds int32[resamples, T, S]."""
    tasks, seeds = lanes
    task_key, seed_key = jax.random.split(key)
    return (
        jax.random.randint(task_key, (resamples, tasks, 1), 0, tasks),
        jax.random.randint(seed_key, (resamples, tasks, seeds), 0, seeds),
    )
