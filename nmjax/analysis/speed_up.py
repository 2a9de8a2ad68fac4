"""Paired comparisons of two methods' curves: speed-up, evaluations to reach, and regret.

The last axis of a curve is B evaluations; leading axes are tasks and seeds.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.analysis.convergence import evaluations_to_reach
from nmjax.errors import NmjaxError
from nmjax.stats import Interval
from nmjax.types import Array


class EvaluationsToReach(NamedTuple):
    """Evaluations to reach a threshold, with a bootstrap interval; B + 1 means never.

    Attributes:
      estimate: int32[], from the curves without resampling.
      low: int32[], the lower end.
      high: int32[], the upper end.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import EvaluationsToReach
      >>> EvaluationsToReach(jnp.int32(7), jnp.int32(5), jnp.int32(12)).estimate.item()
      7
    """

    estimate: Array
    low: Array
    high: Array


class NotWorse(NamedTuple):
    """A one-sided paired test of a regret difference.

    Attributes:
      difference: float[], mean of ours - theirs; negative where ours is better.
      upper: float[], upper bound of the difference.
      holds: bool[], True where the upper bound is below the margin.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import not_worse
      >>> ours, theirs = jnp.zeros((2, 3)), jnp.ones((2, 3))
      >>> bool(not_worse(jax.random.key(0), ours, theirs, resamples=50).holds)
      True
    """

    difference: Array
    upper: Array
    holds: Array


@functools.partial(jax.jit, static_argnames="resamples")
def evaluations_to_reach_interval(
    key: Array, ours: Array, theirs: Array, *, resamples: int = 2000, level: float = 0.95
) -> EvaluationsToReach:
    """Evaluations until our mean curve reaches the final value of theirs, with an interval.

    Each resample draws tasks with replacement and, within each, seeds; both methods get the same
    draws. The ends are order statistics, and so whole numbers of evaluations.

    Args:
      key: PRNG key.
      ours: float[T, S, B] or float[S, B], regret by task, seed and evaluation.
      theirs: float[T, S, B'] or float[S, B'], the peer's regret on the same tasks and seeds.
      resamples: Number of bootstrap resamples (static).
      level: Level of the interval.

    Raises:
      NmjaxError: tasks or seeds do not pair up.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import evaluations_to_reach_interval
      >>> ours, theirs = jnp.array([[0.5, 0.1, 0.0]]), jnp.array([[0.9, 0.5, 0.1]])
      >>> reached = evaluations_to_reach_interval(jax.random.key(0), ours, theirs, resamples=20)
      >>> int(reached.estimate)
      2
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
    """Factor by which our mean curve reaches the final value of theirs sooner, with an interval.

    The peer's evaluations are counted until it first reaches its final value, not until its budget
    ends. Arguments, resamples and errors are those of `evaluations_to_reach_interval`; the ends are
    among the resamples' ratios. Where ours never reaches the value, the ratio is only known to be
    below 1, and 0 is returned.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import speed_up_interval
      >>> ours, theirs = jnp.array([[0.5, 0.1, 0.0, 0.0]]), jnp.array([[0.9, 0.5, 0.4, 0.1]])
      >>> float(speed_up_interval(jax.random.key(0), ours, theirs, resamples=20).estimate)
      2.0
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
    """Test whether the paired upper bound of our regret minus theirs is below a margin.

    Args:
      key: PRNG key.
      ours: float[T, S] or float[S], regret at one budget by task and seed.
      theirs: the peer's regret on the same tasks and seeds.
      margin: Largest difference that still counts as not worse.
      resamples: Number of bootstrap resamples, of tasks and of seeds within tasks (static).
      level: One-sided confidence level of the bound.

    Raises:
      NmjaxError: tasks or seeds do not pair up.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import not_worse
      >>> ours, theirs = jnp.zeros((2, 3)), jnp.ones((2, 3))
      >>> float(not_worse(jax.random.key(0), ours, theirs, resamples=50).upper)
      -1.0
    """
    ours, theirs = _paired(ours, theirs, curves=False)
    difference = ours - theirs
    means = difference[_draws(key, ours.shape[:2], resamples)].mean((1, 2))
    upper = jnp.quantile(means, level)
    return NotWorse(difference.mean(), upper, upper < margin)


def _reach(ours: Array, theirs: Array) -> Array:
    """Evaluations int32[] until the mean of ours float[T, S, B] reaches theirs' last."""
    first: Array = evaluations_to_reach(ours.mean((0, 1)), theirs[..., -1].mean())
    return first


def _order_statistics(values: Array, level: float) -> tuple[Array, Array]:
    """Ends of the central range of float[R], both among the values."""
    tail = (1 - level) / 2
    return (
        jnp.quantile(values, tail, method="lower"),
        jnp.quantile(values, 1 - tail, method="higher"),
    )


def _paired(ours: Array, theirs: Array, *, curves: bool) -> tuple[Array, Array]:
    """Add a leading task axis where there is none, and check that tasks and seeds match."""
    ours, theirs = jnp.asarray(ours), jnp.asarray(theirs)
    shapes = [x.shape[:-1] if curves else x.shape for x in (ours, theirs)]
    if shapes[0] != shapes[1] or len(shapes[0]) not in (1, 2) or 0 in ours.shape + theirs.shape:
        axes = "tasks (if any), seeds and evaluations" if curves else "tasks (if any) and seeds"
        raise NmjaxError(
            f"Got regret of shapes {ours.shape} and {theirs.shape}, expected axes of {axes}, with "
            "the same tasks and seeds in both: run both methods on the same ones."
        )
    return (ours[None], theirs[None]) if len(shapes[0]) == 1 else (ours, theirs)


def _draws(key: Array, shape: tuple[int, ...], resamples: int) -> tuple[Array, Array]:
    """Indices of tasks int32[resamples, T, 1] and of each one's seeds int32[resamples, T, S]."""
    tasks, seeds = shape
    task_key, seed_key = jax.random.split(key)
    return (
        jax.random.randint(task_key, (resamples, tasks, 1), 0, tasks),
        jax.random.randint(seed_key, (resamples, tasks, seeds), 0, seeds),
    )


def speed_up_text(ratio: float | None) -> str:
    """Format a speed-up; None, a value below 1 that was not measured, becomes "<1".

    Example:
      >>> from nmjax.analysis.speed_up import speed_up_text
      >>> speed_up_text(2.25), speed_up_text(None)
      ('2.2', '<1')
    """
    return "<1" if ratio is None else f"{ratio:.1f}"
