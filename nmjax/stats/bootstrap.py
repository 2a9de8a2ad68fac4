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
      values: a pytree of float[T, S, ...], T tasks by S seeds; all leaves of as many seeds are
        resampled alike, and all leaves by the same tasks.
      statistic: from `values` to float[...].
      resamples: how many times to resample.
      level: of the interval; 0.9 puts 95% of the resamples under its upper end.

    Raises:
      NmjaxError: `values` is empty or has leaves that differ in T, or `resamples` or `level` is out
        of range.
    """
    tasks, numbers = _lanes(values)
    if resamples < 1:
        raise NmjaxError(f"Got resamples={resamples}, expected at least 1: give some thousands.")

    most = numbers[-1]
    bounds = jnp.array([tasks] + [most] * most)
    drawn = jax.random.randint(key, (resamples, tasks, 1 + most), 0, bounds[None, None])
    seed = {most: drawn[..., 1:]}
    for number in numbers[:-1]:
        own_key = jax.random.fold_in(key, number)
        seed[number] = jax.random.randint(own_key, (resamples, tasks, number), 0, number)

    def resampled(index: tuple[Array, dict[int, Array]]) -> Array:
        task, seed = index
        return statistic(jax.tree.map(lambda leaf: leaf[task, seed[leaf.shape[1]]], values))

    drawn = jax.lax.map(resampled, (drawn[..., :1], seed), batch_size=min(_LANES, resamples))
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
    ...] and every resample draws the same tasks and seeds from both, so they have as many.
    """
    if len(_lanes((ours, theirs))[1]) > 1:
        raise _uneven((ours, theirs))

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


def _lanes(values: PyTree) -> tuple[int, list[int]]:
    """How many tasks there are, and every number of seeds that a leaf has, the largest last."""
    shapes = {jnp.shape(leaf)[:2] for leaf in jax.tree.leaves(values)}
    tasks = {shape[0] for shape in shapes if len(shape) == 2 and 0 not in shape}
    if len(tasks) != 1 or any(len(shape) != 2 or 0 in shape for shape in shapes):
        raise _uneven(values)
    return tasks.pop(), sorted(shape[1] for shape in shapes)


def _uneven(values: PyTree) -> NmjaxError:
    return NmjaxError(
        f"Got values of shapes {[jnp.shape(leaf) for leaf in jax.tree.leaves(values)]}, expected "
        "float[T, S, ...] with the same T tasks and S seeds, at least one of each: put the tasks "
        "on the first axis and the seeds on the second."
    )
