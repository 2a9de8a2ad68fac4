"""Evaluations of one task as the files of a store hold them."""

from typing import Any, NamedTuple

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.tasks.files.history_store import HistoryStore


class TaskRows(NamedTuple):
    """Evaluations of one task as a file holds them.

    Attributes:
      architecture: int32[M, C].
      continuous: float32[M, R].
      metrics: {name: float32[M]}.
      context: float32[K].
    """

    architecture: np.ndarray
    continuous: np.ndarray
    metrics: dict[str, np.ndarray]
    context: np.ndarray


def rows_of_table(store: HistoryStore, table: Any, task: str) -> TaskRows:
    """Return the rows of an Arrow table of a task.

    Raises:
      NmjaxError: They have several contexts.
    """
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    context = np.array([columns[name] for name in store.context]).reshape(-1, table.num_rows)
    first = context[:, :1]
    differs = ((context != first) & ~(np.isnan(context) & np.isnan(first))).any(0)
    if differs.any():
        raise other_context(task, context[:, 0], context[:, differs.argmax()])
    architecture, continuous = (
        np.array([columns[choice.name] for choice in choices], dtype).reshape(-1, table.num_rows).T
        for choices, dtype in (
            (store.space.choices, np.int32),
            (store.space.continuous, np.float32),
        )
    )
    metrics = {name: columns[name] for name in store.metrics}
    return TaskRows(architecture, continuous, metrics, context[:, 0])


def take_rows(task: TaskRows, rows: np.ndarray) -> TaskRows:
    """Return the evaluations at the indices `rows`, in that order."""
    return TaskRows(
        task.architecture[rows],
        task.continuous[rows],
        {name: values[rows] for name, values in task.metrics.items()},
        task.context,
    )


def other_context(task: str, known: np.ndarray, given: np.ndarray) -> NmjaxError:
    """Return the error for a task whose context differs from the `known` one."""
    return NmjaxError(
        f"Task {task!r} has the context {given.tolist()}, expected {known.tolist()} as before. "
        "Give evaluations with another context another task name."
    )
