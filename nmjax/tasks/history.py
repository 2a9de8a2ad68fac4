"""Past evaluations as one padded pytree: build, select, sample, score."""

from collections.abc import Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import Space, encode, within_bounds
from nmjax.tasks.metrics import raw_to_score
from nmjax.tasks.suites.suite import Suite
from nmjax.types import Array, History, Metric


def make_history(
    architecture: ArrayLike,
    metrics: Mapping[str, ArrayLike],
    context: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    *,
    continuous: ArrayLike | None = None,
    space: Space | None = None,
) -> History:
    """A checked `History`.

    Args:
      architecture: int[T, M, C], option indices.
      metrics: {name: float[T, M]}, raw values; NaN is a failed evaluation.
      context: float[T, K]; empty (K = 0) by default.
      mask: bool[T, M], False where a row is padding; all True by default.
      continuous: float[T, M, R], real-valued choices; none (R = 0) by default. C may then be 0.
      space: where given, every unmasked architecture must be one of its.

    Raises:
      NmjaxError: a shape or a dtype is wrong, there is no task, metric or choice, an index is no
        option, or a real-valued choice is not finite or out of its bounds.
    """
    rows = np.asarray(architecture)
    if rows.ndim != 3 or 0 in rows.shape[:2] or not np.issubdtype(rows.dtype, np.integer):
        raise NmjaxError(
            f"architecture is {rows.dtype}{list(rows.shape)}, expected int[T, M, C] with at least "
            "one task and evaluation: stack per-task arrays with stack_tasks."
        )
    if not metrics:
        raise NmjaxError(
            "metrics is empty, expected {name: float[T, M]}: name at least one metric."
        )
    values = {name: _shaped(f"metric {name!r}", v, rows.shape[:2]) for name, v in metrics.items()}
    known = np.ones(rows.shape[:2], bool) if mask is None else np.asarray(mask)
    if known.dtype != bool or known.shape != rows.shape[:2]:
        raise NmjaxError(
            f"mask is {known.dtype}{list(known.shape)}, expected bool{list(rows.shape[:2])}: "
            "mark real rows True and padding False."
        )
    told = np.zeros((rows.shape[0], 0)) if context is None else np.asarray(context)
    if told.ndim != 2:
        raise NmjaxError(f"context is [{told.ndim} axes], expected float[T, K]: one row a task.")
    told = _shaped("context", told, (rows.shape[0], told.shape[1]))
    numbers = np.zeros((*rows.shape[:2], 0)) if continuous is None else np.asarray(continuous)
    if numbers.ndim != 3 or rows.shape[-1] + numbers.shape[-1] == 0:
        raise NmjaxError(
            f"continuous are {list(numbers.shape)} and architecture {list(rows.shape)}, expected "
            "float[T, M, R] and int[T, M, C] with at least one choice."
        )
    numbers = _shaped("continuous", numbers, (*rows.shape[:2], numbers.shape[2]))
    if not np.isfinite(numbers[known]).all():
        raise NmjaxError(
            "continuous are not all finite, expected numbers where a row is no padding."
        )
    if space is not None:
        _check_options(rows, known, space)
        _check_continuous(numbers, known, space)
    return History(
        architecture=jnp.asarray(rows, dtype=jnp.int32),
        continuous=jnp.asarray(numbers, dtype=jnp.float32),
        metrics={name: jnp.asarray(v, dtype=jnp.float32) for name, v in values.items()},
        context=jnp.asarray(told, dtype=jnp.float32),
        mask=jnp.asarray(known),
    )


def stack_tasks(
    architectures: Sequence[ArrayLike],
    metrics: Sequence[Mapping[str, ArrayLike]],
    context: ArrayLike | None = None,
    *,
    continuous: Sequence[ArrayLike] | None = None,
    space: Space | None = None,
) -> History:
    """A `History` of tasks with different numbers of evaluations, padded to the longest.

    Args:
      architectures: for each of T tasks, int[M_t, C].
      metrics: for each task, {name: float[M_t]}, the same names for all.
      context: as in `make_history`.
      continuous: for each task, float[M_t, R]; none by default.
      space: as in `make_history`.

    Padding is architecture 0, real-valued choice 0, metric NaN, mask False.

    Raises:
      NmjaxError: as `make_history`; or tasks differ in choices or metric names.
    """
    tables = [np.asarray(a) for a in architectures]
    if not tables or len(tables) != len(metrics):
        raise NmjaxError(
            f"{len(tables)} architecture tables came with {len(metrics)} metric tables, expected "
            "one of each for every task."
        )
    names = tuple(metrics[0])
    for task, (table, values) in enumerate(zip(tables, metrics, strict=True)):
        if table.ndim != 2 or table.shape[1] != tables[0].shape[-1]:
            raise NmjaxError(
                f"Task {task} has architectures {list(table.shape)}, expected "
                f"[M, {tables[0].shape[-1]}] as for task 0."
            )
        if set(values) != set(names):
            raise NmjaxError(
                f"Task {task} has metrics {sorted(values)}, expected {sorted(names)} as for "
                "task 0: fill what was not measured with NaN."
            )
    length = max(len(table) for table in tables)
    columns = {
        name: np.stack(
            [
                _padded(_shaped(f"metric {name!r}", v[name], (len(a),)), length, np.nan)
                for a, v in zip(tables, metrics, strict=True)
            ]
        )
        for name in names
    }
    mask = np.stack([np.arange(length) < len(table) for table in tables])
    rows = np.stack([_padded(table, length, 0) for table in tables])
    numbers = None if continuous is None else _stacked_continuous(continuous, tables, length)
    return make_history(rows, columns, context, mask, continuous=numbers, space=space)


def select_tasks(history: History, indices: ArrayLike) -> History:
    """The tasks of `history` at int `indices` [S], in that order."""
    wanted = jnp.asarray(indices)
    return jax.tree.map(lambda leaf: leaf[wanted], history)


def num_evaluations(history: History) -> Array:
    """int32[T]: evaluations of each task, failed ones included, padding not."""
    return jnp.sum(history.mask, axis=-1, dtype=jnp.int32)


def history_scores(history: History, metric: Metric) -> Array:
    """float32[T, M] scores by `metric`, NaN where an evaluation failed or a row is padding."""
    return jnp.where(history.mask, raw_to_score(metric, history.metrics[metric.name]), jnp.nan)


@partial(jax.jit, static_argnames="space")
def encode_history(space: Space, history: History) -> Array:
    """The encodings float32[T, M, D] of a history, finite where a row is padding, too.

    Raises:
      NmjaxError: the history's choices are not those of the space.
    """
    continuous = history.continuous
    if continuous.shape[-1] == space.num_continuous:
        lowest = jnp.array([real.low for real in space.continuous], jnp.float32)
        continuous = jnp.where(history.mask[..., None], continuous, lowest[None, None, :])
    return encode(space, history.architecture, continuous)


def sample_history(key: Array, suite: Suite, tasks: Sequence[str], size: int) -> History:
    """What random search would have recorded: `size` architectures of the pool for each task.

    Draws are uniform without replacement, independent between tasks, and those of one task do
    not depend on which others are asked for. Metrics are raw; failed evaluations stay NaN.

    Raises:
      NmjaxError: an unknown task, no task, or a size outside 1..N.
    """
    for task in tasks:
        if task not in suite.tasks:
            raise unknown_name("task", task, suite.tasks)
    if not tasks or not 1 <= size <= len(suite.pool):
        raise NmjaxError(
            f"{len(tasks)} tasks and size {size} came, expected at least one task and a size "
            f"from 1 to {len(suite.pool)}, the pool of {suite.name!r}."
        )
    index = np.array([suite.tasks.index(task) for task in tasks])
    draws = np.asarray(_shuffled_pools(key, index, pool_size=len(suite.pool)))[:, :size]
    return make_history(
        suite.pool[draws],
        {name: table[index[:, None], draws] for name, table in suite.metrics.items()},
    )


@partial(jax.jit, static_argnames=("pool_size",))
def _shuffled_pools(key: Array, tasks: Array, *, pool_size: int) -> Array:
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, tasks)
    return jax.vmap(jax.random.permutation, in_axes=(0, None))(keys, pool_size)


def _shaped(what: str, values: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(values)
    if array.shape != shape or not (
        np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)
    ):
        raise NmjaxError(
            f"{what} is {array.dtype}{list(array.shape)}, expected float{list(shape)}."
        )
    return array


def _padded(table: np.ndarray, length: int, fill: float) -> np.ndarray:
    widths = [(0, length - len(table))] + [(0, 0)] * (table.ndim - 1)
    table = table if table.ndim > 1 else table.astype(np.float32)
    return np.pad(table, widths, constant_values=fill)


def _stacked_continuous(
    continuous: Sequence[ArrayLike], tables: Sequence[np.ndarray], length: int
) -> np.ndarray:
    numbers = [np.asarray(table) for table in continuous]
    if [n.shape[:-1] for n in numbers] != [t.shape[:1] for t in tables] or (
        len({n.shape[-1] for n in numbers}) != 1
    ):
        raise NmjaxError(
            f"continuous are {[list(n.shape) for n in numbers]}, expected "
            "float[M, R] for each task, "
            f"with M being {[len(table) for table in tables]} and one R for all."
        )
    return np.stack([_padded(table, length, 0) for table in numbers])


def _check_continuous(continuous: np.ndarray, mask: np.ndarray, space: Space) -> None:
    wrong = ~within_bounds(space, continuous) & mask[..., None]
    if wrong.any():
        task, row, index = np.argwhere(wrong)[0]
        real = space.continuous[index]
        raise NmjaxError(
            f"Task {task}, row {row}: {real.name!r} is {continuous[task, row, index]}, expected "
            f"{real.low} to {real.high}."
        )


def _check_options(rows: np.ndarray, mask: np.ndarray, space: Space) -> None:
    if rows.shape[-1] != space.num_choices:
        raise NmjaxError(
            f"architecture has {rows.shape[-1]} choices, expected {space.num_choices} as in "
            f"space {space.name!r}."
        )
    wrong = ((rows < 0) | (rows >= np.array(space.num_options))) & mask[..., None]
    if wrong.any():
        task, row, choice = np.argwhere(wrong)[0]
        raise NmjaxError(
            f"Task {task}, row {row}: option {rows[task, row, choice]} of choice "
            f"{space.choices[choice].name!r}, expected 0 to {space.num_options[choice] - 1}."
        )
