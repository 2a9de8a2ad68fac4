"""Evaluations out of a `HistoryStore`: list, count, load, stream."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.setting_checks import check_sizes
from nmjax.tasks.files.folders import folder_at
from nmjax.tasks.files.history_store import MANIFEST, HistoryStore, check_direction
from nmjax.tasks.files.task_rows import TaskRows, rows_of_table
from nmjax.tasks.history import make_history, stack_tasks
from nmjax.tasks.past_searches import MetricChoice, PastSearches, resolve_metric
from nmjax.tasks.tables.table import brief
from nmjax.types import History, Metric

LONGEST_NAME = 235
"""Largest number of bytes of a task's quoted name, so that file systems allow its folder's name."""
ROW_GROUP = 2**16
DESCRIBED = b"nmjax.history"
"""Metadata key under which a file of rows repeats the manifest."""


def list_tasks(store: HistoryStore) -> tuple[str, ...]:
    """Return the names of tasks with evaluations, sorted; opens no file.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import create_store, list_tasks
      >>> list_tasks(create_store(tempfile.mkdtemp(), get_space("hpolib"), metrics=["loss"]))
      ()
    """
    folders = {name.split("/")[0] for name in folder_at(store.folder).find("*")}
    return tuple(sorted(unquote(f.removeprefix("task=")) for f in folders if f.startswith("task=")))


def count_evaluations(store: HistoryStore, tasks: Sequence[str] | None = None) -> dict[str, int]:
    """Return {task: number of evaluations}, including failed ones; reads no rows.

    Args:
      store: Store to read.
      tasks: Names of tasks; all by default, sorted.

    Raises:
      NmjaxError: A task is unknown, or a file is damaged.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import append_evaluations, count_evaluations, create_store
      >>> store = create_store(tempfile.mkdtemp(), get_space("hpolib"), metrics=["loss"])
      >>> append_evaluations(store, "a", [[0] * 9] * 2, {"loss": [0.3, 0.4]})
      >>> count_evaluations(store)
      {'a': 2}
    """
    return {
        task: sum(_num_rows(store, name) for name in task_files(store, task))
        for task in (list_tasks(store) if tasks is None else tasks)
    }


def load_history(
    store: HistoryStore,
    tasks: Sequence[str] | None = None,
    *,
    maximize: MetricChoice | None = None,
    minimize: MetricChoice | None = None,
) -> PastSearches:
    """Return the past searches in a store; opens files of the given tasks only.

    Rows of a task are in the order of their appends, by the writers' clocks.

    Args:
      store: Store to read.
      tasks: Names of T tasks; all by default, sorted.
      maximize: Metric to improve of which more is better: its name, or a `Metric`.
      minimize: Likewise, if less is better. If neither is given, the result has no metric.

    Raises:
      NmjaxError: A task or metric is unknown, the store has no task or states the metric's opposite
        direction, a file is damaged, or a task has several contexts, which two processes that
        append to a new task at once can cause.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import append_evaluations, create_store, load_history
      >>> store = create_store(tempfile.mkdtemp(), get_space("hpolib"), metrics=["loss"])
      >>> append_evaluations(store, "a", [[0] * 9] * 2, {"loss": [0.3, 0.4]})
      >>> load_history(store, minimize="loss").scores.shape
      (1, 2)
    """
    metric = resolve_metric(maximize, minimize)
    return load_selected(store, tasks, metric, lambda _, rows: rows)


def load_selected(
    store: HistoryStore,
    tasks: Sequence[str] | None,
    metric: Metric | None,
    select: Callable[[str, TaskRows], TaskRows],
) -> PastSearches:
    """Return what `select` keeps of each task's evaluations; one task at a time is in memory."""
    check_direction(store, metric)
    names = list_tasks(store) if tasks is None else tuple(tasks)
    if not names:
        raise NmjaxError(
            f"Expected at least one task with evaluations in {store.folder}, got none."
        )
    loaded = [select(task, load_task(store, task)) for task in names]
    history = stack_tasks(
        [rows.architecture for rows in loaded],
        [rows.metrics for rows in loaded],
        np.stack([rows.context for rows in loaded]),
        continuous=[rows.continuous for rows in loaded],
        space=store.space,
    )
    folder = store.folder
    name = folder.resolve().name if isinstance(folder, Path) else folder.rsplit("/", 1)[-1]
    return PastSearches(store.space, history, names, metric, name=name)


def iter_batches(
    store: HistoryStore, tasks: Sequence[str] | None = None, *, batch_size: int
) -> Iterator[tuple[str, History]]:
    """Yield evaluations in bounded memory: (task, `History` of that task with `batch_size` rows).

    The last batch of a task is padded, so that all batches have one shape. At most two batches and
    one row group of a file are in memory.

    Args:
      store: Store to read.
      tasks: Names of tasks; all by default, sorted.
      batch_size: Number of rows of a batch.

    Raises:
      NmjaxError: As `load_history`; or the batch size is below 1.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import append_evaluations, create_store, iter_batches
      >>> store = create_store(tempfile.mkdtemp(), get_space("hpolib"), metrics=["loss"])
      >>> append_evaluations(store, "a", [[0] * 9] * 3, {"loss": [0.3, 0.4, 0.5]})
      >>> [batch.mask.tolist() for _, batch in iter_batches(store, batch_size=2)]
      [[[True, True]], [[True, False]]]
    """
    import pyarrow as pa

    check_sizes(batch_size=batch_size)
    for task in list_tasks(store) if tasks is None else tasks:
        waiting = store_schema(store).empty_table()
        for part in _parts(store, task_files(store, task), batch_size):
            waiting = pa.concat_tables([waiting, part])
            if waiting.num_rows >= batch_size:
                yield task, _batch(store, task, waiting.slice(0, batch_size), batch_size)
                waiting = waiting.slice(batch_size)
        if waiting.num_rows:
            yield task, _batch(store, task, waiting, batch_size)


def task_folder(task: str) -> str:
    """Return the name of a task's folder.

    Raises:
      NmjaxError: The task's name is empty, too long, or not valid Unicode.
    """
    try:
        name = quote(task, safe="")
    except UnicodeEncodeError:
        raise NmjaxError(f"Task {task!r} is not valid Unicode, expected text in UTF-8.") from None
    if not 1 <= len(name) <= LONGEST_NAME:
        raise NmjaxError(
            f"Task {task!r} is {len(name)} bytes when quoted, expected 1 to {LONGEST_NAME}."
        )
    return f"task={name}"


def task_files(store: HistoryStore, task: str) -> list[str]:
    """Return the names of a task's files, in order of their appends.

    Raises:
      NmjaxError: The task is unknown.
    """
    if files := folder_at(store.folder).find(task_folder(task)):
        return files
    raise unknown_name("task", task, list_tasks(store), of=str(store.folder))


def store_schema(store: HistoryStore) -> Any:
    """Return the Arrow schema of a file of rows."""
    import pyarrow as pa

    choices = [(choice.name, pa.int32()) for choice in store.space.choices]
    numbers = store.columns[len(choices) :]
    return pa.schema([*choices, *((name, pa.float32()) for name in numbers)])


def load_task(store: HistoryStore, task: str) -> TaskRows:
    """Return all evaluations of a task.

    Raises:
      NmjaxError: The task is unknown, or a file is damaged.
    """
    import pyarrow as pa

    return rows_of_table(
        store, pa.concat_tables(_parts(store, task_files(store, task), ROW_GROUP)), task
    )


def stored_context(store: HistoryStore, task: str) -> np.ndarray | None:
    """Return the context float32[K] of a task in the store, None if it has no evaluations yet."""
    for first in _parts(store, folder_at(store.folder).find(task_folder(task)), 1):
        return rows_of_table(store, first, task).context
    return None


@contextmanager
def _opened(store: HistoryStore, name: str) -> Iterator[Any]:
    """Open a file of rows; errors within the block name the file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with folder_at(store.folder).open(name) as raw, parquet.ParquetFile(raw) as file:
            manifest = (file.metadata.metadata or {}).get(DESCRIBED, store.manifest)
            if manifest != store.manifest and not store.describes(manifest):
                raise NmjaxError(
                    f"{store.folder}/{name} holds rows of another history than {MANIFEST} "
                    "describes: move it to a folder of its own."
                )
            yield file
    except NmjaxError:
        raise
    except (pa.ArrowException, OSError, KeyError, ValueError, RecursionError) as error:
        raise NmjaxError(
            f"{store.folder}/{name} cannot be read as a batch of evaluations: {brief(error)}."
        ) from error


def _num_rows(store: HistoryStore, name: str) -> int:
    with _opened(store, name) as file:
        return int(file.metadata.num_rows)


def _parts(store: HistoryStore, files: Iterable[str], size: int) -> Iterator[Any]:
    """Yield the rows of `files` as tables of at most `size` rows, each from one file."""
    import pyarrow as pa

    for name in files:
        with _opened(store, name) as file:
            parts = file.iter_batches(size, columns=store.columns)
            yield from (pa.Table.from_batches([part]).select(store.columns) for part in parts)


def _batch(store: HistoryStore, task: str, table: Any, size: int) -> History:
    rows = rows_of_table(store, table, task)
    missing = size - table.num_rows
    return make_history(
        np.pad(rows.architecture, [(0, missing), (0, 0)])[None],
        {
            name: np.pad(values, (0, missing), constant_values=np.nan)[None]
            for name, values in rows.metrics.items()
        },
        rows.context[None],
        np.arange(size)[None] < table.num_rows,
        continuous=np.pad(rows.continuous, [(0, missing), (0, 0)])[None],
        space=store.space,
    )
