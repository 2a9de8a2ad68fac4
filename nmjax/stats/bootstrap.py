"""Percentile bootstrap intervals over tasks and seeds (Efron, 1979)."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.stats.interval import Interval, central_range
from nmjax.types import Array, PyTree

_BATCH = 250


@partial(jax.jit, static_argnames=("statistic", "resamples", "level"))
def bootstrap_interval(
    key: Array,
    values: PyTree,
    statistic: Callable[[PyTree], Array],
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a statistic, resampling tasks and then seeds within each task.

    With a single task, only seeds are resampled.

    Args:
      key: A PRNG key.
      values: a pytree of float[T, S, ...], T tasks by S seeds. All leaves share the resampled
        tasks; leaves with the same number of seeds share the resampled seeds.
      statistic: Function from `values` to float[...].
      resamples: Number of resamples.
      level: Level of the interval; 0.9 puts 95% of the resamples below its upper end.

    Raises:
      NmjaxError: `values` is empty or has leaves that differ in T, or `resamples` or `level` is out
        of range.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import bootstrap_interval
      >>> values = jnp.arange(12.0).reshape(3, 4)
      >>> bootstrap_interval(jax.random.key(0), values, jnp.mean, resamples=100).estimate
      Array(5.5, dtype=float32)
    """
    tasks, numbers = _tasks_and_seeds(values)
    if resamples < 1:
        raise NmjaxError(f"Got resamples={resamples}, expected at least 1: give for instance 2000.")

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

    drawn = jax.lax.map(resampled, (drawn[..., :1], seed), batch_size=min(_BATCH, resamples))
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
    """Interval of statistic(ours) - statistic(theirs) over shared tasks and seeds.

    Arguments, resampling and errors are those of `bootstrap_interval`. Each resample draws the same
    tasks and seeds from both sides, float[T, S, ...], so both have the same T and S.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import paired_bootstrap
      >>> theirs = jnp.arange(12.0).reshape(3, 4)
      >>> key = jax.random.key(0)
      >>> interval = paired_bootstrap(key, theirs + 1, theirs, jnp.mean, resamples=100)
      >>> round(float(interval.low), 3)
      1.0
    """
    if len(_tasks_and_seeds((ours, theirs))[1]) > 1:
        raise _shape_error((ours, theirs))

    def difference(pair: tuple[PyTree, PyTree]) -> Array:
        return statistic(pair[0]) - statistic(pair[1])

    interval: Interval = bootstrap_interval(
        key, (ours, theirs), difference, resamples=resamples, level=level
    )
    return interval


def mean_interval(
    key: Array, values: Array, *, resamples: int = 2000, level: float = 0.95
) -> Interval:
    """Interval float[...] of the mean of float[T, S, ...] over tasks and seeds.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import mean_interval
      >>> interval = mean_interval(jax.random.key(0), jnp.ones((3, 4)), resamples=100)
      >>> float(interval.low), float(interval.high)
      (1.0, 1.0)
    """
    interval: Interval = bootstrap_interval(key, values, _mean, resamples=resamples, level=level)
    return interval


def _mean(values: Array) -> Array:
    return jnp.mean(values, axis=(0, 1))


def _tasks_and_seeds(values: PyTree) -> tuple[int, list[int]]:
    """The number of tasks, and every number of seeds that a leaf has, the largest last."""
    shapes = {jnp.shape(leaf)[:2] for leaf in jax.tree.leaves(values)}
    tasks = {shape[0] for shape in shapes if len(shape) == 2 and 0 not in shape}
    if len(tasks) != 1 or any(len(shape) != 2 or 0 in shape for shape in shapes):
        raise _shape_error(values)
    return tasks.pop(), sorted(shape[1] for shape in shapes)


def _shape_error(values: PyTree) -> NmjaxError:
    return NmjaxError(
        f"Got values of shapes {[jnp.shape(leaf) for leaf in jax.tree.leaves(values)]}, expected "
        "float[T, S, ...] with the same T tasks and S seeds, at least one of each: put the tasks "
        "on the first axis and the seeds on the second."
    )
