"""Random samples of past searches that are larger than what is learned from."""

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.setting_checks import check_sizes
from nmjax.tasks.files.history_store import HistoryStore
from nmjax.tasks.files.store_reader import count_evaluations, list_tasks, load_selected
from nmjax.tasks.files.task_rows import take_rows
from nmjax.tasks.past_searches import MetricChoice, PastSearches, resolve_metric
from nmjax.tasks.sampled_past import draw_rows
from nmjax.tasks.tables import table as tables
from nmjax.tasks.tables.table import Table
from nmjax.types import Array


def load_sample(
    key: Array,
    store: HistoryStore,
    *,
    maximize: MetricChoice | None = None,
    minimize: MetricChoice | None = None,
    max_tasks: int | None = None,
    task_rows: int | None = None,
) -> PastSearches:
    """Return a random sample of a store; in memory are the sample and one task at a time.

    Args:
      key: Random key.
      store: Store to read.
      maximize: Metric to improve of which more is better, as for `load_history`.
      minimize: Likewise, if less is better.
      max_tasks: Largest number of tasks; no limit by default.
      task_rows: Largest number of evaluations of each task; no limit by default.

    Raises:
      NmjaxError: As `load_history`, or a number is below 1.
    """
    metric = resolve_metric(maximize, minimize)
    task_key, row_key = jax.random.split(key)
    names = _draw_tasks(task_key, list_tasks(store), max_tasks)
    if task_rows is None:
        return load_selected(store, names, metric, lambda _, rows: rows)
    check_sizes(task_rows=task_rows)
    drawn = draw_rows(row_key, count_evaluations(store, names), task_rows)
    return load_selected(
        store, names, metric, lambda task, rows: take_rows(rows, np.sort(drawn[task]))
    )


def sample_table(
    key: Array,
    table: Table,
    *,
    task: str,
    max_tasks: int | None = None,
    task_rows: int | None = None,
) -> Table:
    """Return a table with a random sample of the rows of each task, in their order.

    Parquet, Arrow and delimited text convert no other rows, except the names of the tasks. Rows are
    drawn whether or not their trials have ended.

    Args:
      key: Random key.
      table: Table to read.
      task: Column that names the task; without it, all rows are of one task.
      max_tasks: Largest number of tasks; no limit by default.
      task_rows: Largest number of rows of each task; no limit by default.

    Raises:
      NmjaxError: A column cannot be read, or a number is below 1.
    """
    if max_tasks is None and task_rows is None:
        return table
    column = table.find(task)
    labels = [""] * table.size if column is None else table.read(column)
    names, task_of_row = np.unique([str(label).strip() for label in labels], return_inverse=True)
    task_key, row_key = jax.random.split(key)
    kept = _draw_tasks(task_key, tuple(map(str, names)), max_tasks)
    order = np.argsort(task_of_row, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(task_of_row))[:-1])
    rows_of = {name: rows for name, rows in zip(names, members, strict=True) if name in set(kept)}
    if task_rows is not None:
        check_sizes(task_rows=task_rows)
        counts = {name: len(rows) for name, rows in rows_of.items()}
        drawn = draw_rows(row_key, counts, task_rows)
        rows_of = {name: rows[drawn[name]] for name, rows in rows_of.items()}
    rows = np.sort(np.concatenate([*rows_of.values(), np.zeros(0, int)]))
    return table if len(rows) == table.size else tables.take_rows(table, rows)


def _draw_tasks(key: Array, names: tuple[str, ...], number: int | None) -> tuple[str, ...]:
    """Return at most so many of the names, drawn at random, in their order."""
    if number is None:
        return names
    check_sizes(max_tasks=number)
    chosen = np.sort(np.asarray(jax.random.permutation(key, jnp.arange(len(names))))[:number])
    return tuple(names[place] for place in chosen)
