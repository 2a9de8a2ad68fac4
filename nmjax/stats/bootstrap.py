"""Percentile bootstrap intervals over tasks and seeds (Efron, 1979)."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.stats.interval import Interval, central_range
from nmjax.types import Array, PyTree

_LANES = 250


@partial(jax.jit, static_argnames=("statistic", "resamples", "level"))
def bootstrap_interval(
    key: Array,
    values: PyTree,
    statistic: Callable[[PyTree], Array],
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """The percentile interval of a statistic, resampling tasks and then seeds within each.

    With a single task only the seeds are resampled.

    Args:
      key: a PRNG key.
      values: a pytree of float[T, S, ...], T tasks by S seeds; all leaves are resampled alike.
      statistic: from `values` to float[...].
      resamples: how many times to resample.
      level: of the interval; 0.9 puts 95% of the resamples under its upper end.

    Raises:
      NmjaxError: `values` is empty or has leaves that differ in (T, S), or `resamples` or `level`
        is out of range.
    """
    tasks, seeds = _lanes(values)
    if resamples < 1:
        raise NmjaxError(f"Got resamples={resamples}, expected at least 1: give some thousands.")

    bounds = jnp.array([tasks] + [seeds] * seeds)
    indices = jax.random.randint(key, (resamples, tasks, 1 + seeds), 0, bounds[None, None])

    def resampled(index: Array) -> Array:
        task, seed = index[:, :1], index[:, 1:]
        return statistic(jax.tree.map(lambda leaf: leaf[task, seed], values))

    drawn = jax.lax.map(resampled, indices, batch_size=min(_LANES, resamples))
    return Interval(statistic(values), *central_range(drawn, level=level))


@partial(jax.jit, static_argnames=("statistic", "resamples", "level"))
def paired_bootstrap(
    key: Array,
    ours: PyTree,
    theirs: PyTree,
    statistic: Callable[[PyTree], Array],
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """The interval of statistic(ours) - statistic(theirs), which share tasks and seeds.

    Arguments, resampling and errors are those of `bootstrap_interval`: both sides are float[T, S,
    ...] and every resample draws the same tasks and seeds from both.
    """

    def difference(pair: tuple[PyTree, PyTree]) -> Array:
        return statistic(pair[0]) - statistic(pair[1])

    return bootstrap_interval(key, (ours, theirs), difference, resamples=resamples, level=level)


def mean_interval(
    key: Array, values: Array, *, resamples: int = 2000, level: float = 0.95
) -> Interval:
    """The interval of the mean over tasks and seeds of float[T, S, ...]: float[...]."""
    return bootstrap_interval(key, values, _mean, resamples=resamples, level=level)


def _mean(values: Array) -> Array:
    return jnp.mean(values, axis=(0, 1))


def _lanes(values: PyTree) -> tuple[int, int]:
    shapes = {jnp.shape(leaf)[:2] for leaf in jax.tree.leaves(values)}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2 or 0 in shape:
        raise NmjaxError(
            f"Got values of shapes {[jnp.shape(leaf) for leaf in jax.tree.leaves(values)]}, "
            "expected float[T, S, ...] with the same T tasks and S seeds, at least one of each, in "
            "every leaf: put the tasks on the first axis and the seeds on the second."
        )
    return shape[0], shape[1]
