"""Past evaluations as one padded pytree: build, select, sample, score and encode."""

from collections.abc import Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import Space, encode
from nmjax.tasks.history_checks import (
    check_options,
    check_precision,
    check_within_bounds,
    checked,
    checked_architecture,
    checked_context,
    checked_continuous,
    checked_mask,
)
from nmjax.tasks.metrics import raw_to_score
from nmjax.tasks.suites.suite import Suite
from nmjax.types import Array, History, Metric, is_traced


def make_history(
    architecture: ArrayLike,
    metrics: Mapping[str, ArrayLike],
    context: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    *,
    continuous: ArrayLike | None = None,
    space: Space | None = None,
) -> History:
    """Return a checked `History`.

    Args:
      architecture: Option indices, int[T, M, C].
      metrics: {name: float[T, M]}, raw values; NaN is a failed evaluation.
      context: Description of each task, float[T, K]; K = 0 by default. NaN is unknown.
      mask: bool[T, M], False where a row is padding; all True by default.
      continuous: Real-valued choices, float[T, M, R]; R = 0 by default. With some, C may be 0.
      space: Space that unmasked architectures are checked against.

    Raises:
      NmjaxError: A shape or dtype is wrong, there is no task, metric or choice, an index is not an
        option, a real-valued choice is not finite or out of bounds, a context is infinite, or
        float32 cannot distinguish most values of a metric.

    Example:
      >>> from nmjax.tasks import make_history
      >>> history = make_history([[[0, 1], [1, 1]]], {"accuracy": [[0.8, float("nan")]]})
      >>> history.architecture.shape, history.mask.tolist()
      ((1, 2, 2), [[True, True]])
    """
    rows = checked_architecture(architecture)
    tasks, length = rows.shape[:2]
    if not metrics:
        raise NmjaxError(
            "metrics is empty, expected {name: float[T, M]}: name at least one metric."
        )
    values = {name: checked(f"metric {name!r}", v, (tasks, length)) for name, v in metrics.items()}
    known = checked_mask(mask, (tasks, length))
    described = checked_context(context, tasks)
    for name, column in values.items():
        check_precision(name, column, known)
    numbers = checked_continuous(continuous, rows, known)
    if space is not None:
        check_options(rows, known, space)
        check_within_bounds(numbers, known, space)
    # Unlike jnp.asarray, device_put compiles nothing for a new shape.
    with np.errstate(over="ignore"):
        return History(
            architecture=jax.device_put(rows.astype(np.int32)),
            continuous=jax.device_put(numbers.astype(np.float32)),
            metrics={name: jax.device_put(v.astype(np.float32)) for name, v in values.items()},
            context=jax.device_put(described.astype(np.float32)),
            mask=jax.device_put(known),
        )


def stack_tasks(
    architectures: Sequence[ArrayLike],
    metrics: Sequence[Mapping[str, ArrayLike]],
    context: ArrayLike | None = None,
    *,
    continuous: Sequence[ArrayLike] | None = None,
    space: Space | None = None,
) -> History:
    """Return a `History` of tasks with different numbers of evaluations, padded to the longest.

    Padding has architecture 0, real-valued choices 0, metrics NaN and mask False.

    Args:
      architectures: Option indices int[M_t, C] of each of T tasks.
      metrics: {name: float[M_t]} of each task, with the same names.
      context: As in `make_history`.
      continuous: Real-valued choices float[M_t, R] of each task; none by default.
      space: As in `make_history`.

    Raises:
      NmjaxError: As `make_history`; or tasks differ in choices or metric names.

    Example:
      >>> from nmjax.tasks import stack_tasks
      >>> stack_tasks([[[0], [1]], [[1]]], [{"loss": [0.3, 0.2]}, {"loss": [0.1]}]).mask.tolist()
      [[True, True], [True, False]]
    """
    tables = [np.asarray(a) for a in architectures]
    if not tables or len(tables) != len(metrics):
        raise NmjaxError(
            f"Got {len(tables)} architecture tables and {len(metrics)} metric tables, expected "
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
                _padded(checked(f"metric {name!r}", v[name], (len(a),)), length, np.nan)
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
    """Return the tasks of a history at `indices` int[S], in that order.

    Raises:
      NmjaxError: An index is no whole number from 0 to T - 1. Traced indices are not checked.

    Example:
      >>> from nmjax.tasks import make_history, select_tasks
      >>> history = make_history([[[0]], [[1]]], {"loss": [[0.3], [0.2]]})
      >>> select_tasks(history, [1]).metrics["loss"].shape
      (1, 1)
    """
    if not is_traced(indices):
        found, tasks = np.asarray(indices), len(history.mask)
        if not np.issubdtype(found.dtype, np.integer) or not np.all((found >= 0) & (found < tasks)):
            raise NmjaxError(
                f"Got the indices {found.tolist()} for {tasks} tasks; give whole numbers from 0 to "
                f"{tasks - 1}."
            )
    wanted = jnp.asarray(indices)
    selected: History = jax.tree.map(lambda leaf: leaf[wanted], history)
    return selected


def num_evaluations(history: History) -> Array:
    """Return the number of evaluations of each task, including failed ones: int32[T].

    Example:
      >>> from nmjax.tasks import make_history, num_evaluations
      >>> num_evaluations(make_history([[[0], [1]]], {"loss": [[0.3, 0.2]]})).tolist()
      [2]
    """
    return jnp.sum(history.mask, axis=-1, dtype=jnp.int32)


def history_scores(history: History, metric: Metric) -> Array:
    """Return scores by `metric`, higher is better; NaN where failed or padding: float32[T, M].

    Raises:
      NmjaxError: The history lacks the metric, or as `raw_to_score`.

    Example:
      >>> from nmjax.tasks import history_scores, make_history
      >>> from nmjax.types import Metric
      >>> history = make_history([[[0], [1]]], {"loss": [[0.5, 0.25]]})
      >>> history_scores(history, Metric("loss", direction="min")).tolist()
      [[-0.5, -0.25]]
    """
    if metric.name not in history.metrics:
        raise unknown_name("metric", metric.name, history.metrics)
    raw = jnp.where(history.mask, history.metrics[metric.name], jnp.nan)
    return raw_to_score(metric, raw)


@partial(jax.jit, static_argnames="space")
def encode_history(space: Space, history: History) -> Array:
    """Return the encodings of a history, which are finite for padding too: float32[T, M, D].

    Raises:
      NmjaxError: The history has other choices than the space.

    Example:
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import encode_history, make_history
      >>> history = make_history([[[0], [1]]], {"loss": [[0.5, 0.25]]})
      >>> encode_history(Space(op=["conv", "pool"]), history).tolist()
      [[[1.0, 0.0], [0.0, 1.0]]]
    """
    continuous = history.continuous
    if continuous.shape[-1] == space.num_continuous:
        lowest = jnp.array([real.low for real in space.continuous], jnp.float32)
        continuous = jnp.where(history.mask[..., None], continuous, lowest[None, None, :])
    encoding: Array = encode(space, history.architecture, continuous)
    return encoding


def sample_history(key: Array, suite: Suite, tasks: Sequence[str], evaluations: int) -> History:
    """Return random architectures of the pool for each task, as random search would record them.

    Draws are uniform, without replacement and independent between tasks. Those of a task do not
    depend on the other tasks. Metrics are raw; failed evaluations are NaN. The context is the
    suite's.

    Args:
      key: Random key.
      suite: Benchmark to draw from.
      tasks: Names of tasks.
      evaluations: Number of architectures for each task, 1 to N.

    Raises:
      NmjaxError: A task is unknown, there is no task, or the number is out of range.

    Example:
      >>> import jax
      >>> from nmjax.tasks import load_suite, sample_history
      >>> suite = load_suite("nas-bench-201")
      >>> sample_history(jax.random.key(0), suite, ["cifar10"], 5).architecture.shape
      (1, 5, 6)
    """
    for task in tasks:
        if task not in suite.tasks:
            raise unknown_name("task", task, suite.tasks)
    if not tasks or not 1 <= evaluations <= len(suite.pool):
        raise NmjaxError(
            f"Got {len(tasks)} tasks and evaluations={evaluations}; give at least one task, and 1 "
            f"to {len(suite.pool)} evaluations, the size of the pool of {suite.name!r}."
        )
    index = np.array([suite.tasks.index(task) for task in tasks])
    draws = np.asarray(_shuffled_pools(key, index, pool_size=len(suite.pool)))[:, :evaluations]
    return make_history(
        suite.pool[draws],
        {name: table[index[:, None], draws] for name, table in suite.metrics.items()},
        None if suite.context is None else suite.context[index],
    )


@partial(jax.jit, static_argnames=("pool_size",))
def _shuffled_pools(key: Array, tasks: Array, *, pool_size: int) -> Array:
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, tasks)
    return jax.vmap(jax.random.permutation, in_axes=(0, None))(keys, pool_size)


def _padded(table: np.ndarray, length: int, fill: float) -> np.ndarray:
    widths = [(0, length - len(table))] + [(0, 0)] * (table.ndim - 1)
    table = table if table.ndim > 1 else table.astype(np.float64)
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
