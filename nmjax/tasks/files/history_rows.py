"""Evaluations into and out of a `HistoryStore`: append, count, load, stream."""

import io
import itertools
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError, unknown_name
from nmjax.tasks.files.folders import folder_at
from nmjax.tasks.files.history_store import MANIFEST, HistoryStore
from nmjax.tasks.history import make_history, stack_tasks
from nmjax.types import History

LONGEST_NAME = 200
"""Bytes of a task's quoted name, so that its folder's name is one that file systems allow."""
ROW_GROUP = 2**16
DESCRIBED = b"nmjax.history"
"""Key of the manifest's text among a file's own."""
_BATCHES = itertools.count()


def append_evaluations(
    store: HistoryStore,
    task: str,
    architecture: ArrayLike,
    metrics: Mapping[str, ArrayLike],
    context: Sequence[float] | np.ndarray = (),
    *,
    continuous: ArrayLike | None = None,
) -> None:
    """Add evaluations of one task, all or none; they are kept for good when this returns.

    Each call makes a file: gather evaluations into batches where many are to come. A call that
    raises an OSError may have added them, as where a network failed before the answer came.

    Args:
      store: where to.
      task: any text that is not empty.
      architecture: int[M, C], option indices.
      metrics: {name: float[M]}, raw values of the store's metrics; NaN is a failed evaluation.
      context: float[K], the same whenever the task is given.
      continuous: float[M, R], real-valued choices; none by default.

    Raises:
      NmjaxError: shapes, metrics, choices or the context are not the store's, or the task's context
        was another before.
    """
    told = np.asarray(context, np.float32)
    if told.shape != (len(store.context),):
        raise NmjaxError(
            f"context is {list(told.shape)}, expected [{len(store.context)}] for {store.context}."
        )
    for name in metrics:
        if name not in store.metrics:
            raise unknown_name(f"metric of {store.folder}", name, store.metrics)
    if missing := [name for name in store.metrics if name not in metrics]:
        raise NmjaxError(
            f"Metrics {missing} are missing, expected {list(store.metrics)}: fill what was not "
            "measured with NaN."
        )
    history = make_history(
        np.asarray(architecture)[None],
        {name: np.asarray(metrics[name])[None] for name in store.metrics},
        told[None],
        continuous=None if continuous is None else np.asarray(continuous)[None],
        space=store.space,
    )
    folder = _task_folder(task)
    for first in itertools.islice(_parts(store, folder_at(store.folder).find(folder), 1), 1):
        *_, known = _arrays(store, first, task)
        if not np.array_equal(known, told, equal_nan=True):
            raise _other_context(task, known, told)
    _write_batch(store, folder, history)


def append_history(store: HistoryStore, history: History, tasks: Sequence[str]) -> None:
    """Add the T `tasks` of `history`, as `append_evaluations` does one after another.

    Padding is left out, and so is a task that is nothing else.

    Raises:
      NmjaxError: as `append_evaluations`, or there are not T names.
    """
    rows, mask = np.asarray(history.architecture), np.asarray(history.mask)
    if len(tasks) != len(mask):
        raise NmjaxError(f"{len(tasks)} task names came, expected {len(mask)}.")
    for index in np.flatnonzero(mask.any(-1)).tolist():
        append_evaluations(
            store,
            tasks[index],
            rows[index, mask[index]],
            {name: np.asarray(v)[index, mask[index]] for name, v in history.metrics.items()},
            np.asarray(history.context)[index],
            continuous=np.asarray(history.continuous)[index, mask[index]],
        )


def list_tasks(store: HistoryStore) -> tuple[str, ...]:
    """The tasks with evaluations, by name; opens no file."""
    folders = {name.split("/")[0] for name in folder_at(store.folder).find("*")}
    return tuple(sorted(unquote(f.removeprefix("task=")) for f in folders if f.startswith("task=")))


def count_evaluations(store: HistoryStore) -> dict[str, int]:
    """{task: evaluations}, failed ones included, of the tasks by name; reads no rows.

    Raises:
      NmjaxError: a file is damaged.
    """
    return {
        task: sum(_num_rows(store, name) for name in _files(store, task))
        for task in list_tasks(store)
    }


def load_history(
    store: HistoryStore, tasks: Sequence[str] | None = None
) -> tuple[History, tuple[str, ...]]:
    """A `History` and its T task names; opens files of these tasks only.

    Args:
      store: where from.
      tasks: by default all, by name.

    A task's rows come in the order of their appends, by the writers' clocks.

    Raises:
      NmjaxError: an unknown task (with the nearest known), no task at all, a file that is damaged,
        or a task with several contexts (two first appends at once can bring that about).
    """
    names = list_tasks(store) if tasks is None else tuple(tasks)
    if not names:
        raise NmjaxError(f"No task of {store.folder} came, expected at least one with evaluations.")
    rows, continuous, metrics, context = zip(
        *(_arrays(store, _table(store, task), task) for task in names), strict=True
    )
    return stack_tasks(
        rows, metrics, np.stack(context), continuous=continuous, space=store.space
    ), names


def iter_batches(
    store: HistoryStore, tasks: Sequence[str] | None = None, *, batch_size: int
) -> Iterator[tuple[str, History]]:
    """Evaluations in bounded memory: (task, a `History` of that one task, `batch_size` rows).

    The last batch of a task is padded, so that all have one shape. At no time are more than two
    batches and one row group of a file held.

    Args:
      store: where from.
      tasks: by default all, by name.
      batch_size: rows of a batch.

    Raises:
      NmjaxError: as `load_history`; or a batch size below 1.
    """
    import pyarrow as pa

    if batch_size < 1:
        raise NmjaxError(f"batch_size is {batch_size}, expected at least 1.")
    for task in list_tasks(store) if tasks is None else tasks:
        waiting = _schema(store).empty_table()
        for part in _parts(store, _files(store, task), batch_size):
            waiting = pa.concat_tables([waiting, part])
            if waiting.num_rows >= batch_size:
                yield task, _batch(store, task, waiting.slice(0, batch_size), batch_size)
                waiting = waiting.slice(batch_size)
        if waiting.num_rows:
            yield task, _batch(store, task, waiting, batch_size)


def _task_folder(task: str) -> str:
    name = quote(task, safe="")
    if not 1 <= len(name) <= LONGEST_NAME:
        raise NmjaxError(
            f"Task {task!r} is {len(name)} bytes when quoted, expected 1 to {LONGEST_NAME}."
        )
    return f"task={name}"


def _files(store: HistoryStore, task: str) -> list[str]:
    if files := folder_at(store.folder).find(_task_folder(task)):
        return files
    raise unknown_name(f"task of {store.folder}", task, list_tasks(store))


def _schema(store: HistoryStore) -> Any:
    import pyarrow as pa

    choices = [(choice.name, pa.int32()) for choice in store.space.choices]
    numbers = store.columns[len(choices) :]
    return pa.schema([*choices, *((name, pa.float32()) for name in numbers)])


def _write_batch(store: HistoryStore, folder: str, history: History) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows, continuous = np.asarray(history.architecture)[0], np.asarray(history.continuous)[0]
    values = [np.asarray(history.metrics[name])[0] for name in store.metrics]
    told = [np.full(len(rows), number) for number in np.asarray(history.context)[0]]
    table = pa.table([*rows.T, *continuous.T, *values, *told], schema=_schema(store))
    table = table.replace_schema_metadata({DESCRIBED: store.manifest})
    name = f"{time.time_ns():020d}-{next(_BATCHES):08d}-{uuid.uuid4().hex}.parquet"
    content = io.BytesIO()
    parquet.write_table(table, content, row_group_size=ROW_GROUP)
    folder_at(store.folder).put(f"{folder}/{name}", content.getvalue())


@contextmanager
def _opened(store: HistoryStore, name: str) -> Iterator[Any]:
    """A batch's file; what is found wrong in it within the block names it."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with folder_at(store.folder).open(name) as raw, parquet.ParquetFile(raw) as file:
            told = (file.metadata.metadata or {}).get(DESCRIBED, store.manifest)
            if told != store.manifest and json.loads(told) != json.loads(store.manifest):
                raise NmjaxError(
                    f"{store.folder}/{name} holds rows of another history than {MANIFEST} "
                    "describes: move it to a folder of its own."
                )
            yield file
    except (pa.ArrowException, OSError, KeyError) as error:
        raise NmjaxError(
            f"{store.folder}/{name} cannot be read as a batch of evaluations: {error}"
        ) from error


def _num_rows(store: HistoryStore, name: str) -> int:
    with _opened(store, name) as file:
        return file.metadata.num_rows


def _parts(store: HistoryStore, files: Iterable[str], size: int) -> Iterator[Any]:
    """The rows of `files` as tables of at most `size` rows, each from one file."""
    import pyarrow as pa

    for name in files:
        with _opened(store, name) as file:
            parts = file.iter_batches(size, columns=store.columns)
            yield from (pa.Table.from_batches([part]).select(store.columns) for part in parts)


def _table(store: HistoryStore, task: str) -> Any:
    import pyarrow as pa

    return pa.concat_tables(_parts(store, _files(store, task), ROW_GROUP))


def _arrays(
    store: HistoryStore, table: Any, task: str
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Architectures [M, C], reals [M, R], {metric: [M]} and the context [K] of one task."""
    found = {name: table.column(name).to_numpy() for name in table.column_names}
    told = np.array([found[name] for name in store.context]).reshape(-1, table.num_rows)
    first = told[:, :1]
    other = ((told != first) & ~(np.isnan(told) & np.isnan(first))).any(0)
    if other.any():
        raise _other_context(task, told[:, 0], told[:, other.argmax()])
    rows, continuous = (
        np.array([found[choice.name] for choice in choices], kind).reshape(-1, table.num_rows).T
        for choices, kind in ((store.space.choices, np.int32), (store.space.continuous, np.float32))
    )
    return rows, continuous, {name: found[name] for name in store.metrics}, told[:, 0]


def _other_context(task: str, known: np.ndarray, told: np.ndarray) -> NmjaxError:
    return NmjaxError(
        f"Task {task!r} has the context {told.tolist()}, expected {known.tolist()} as before: "
        "give another context another task."
    )


def _batch(store: HistoryStore, task: str, table: Any, size: int) -> History:
    rows, continuous, metrics, context = _arrays(store, table, task)
    short = size - len(rows)
    return make_history(
        np.pad(rows, [(0, short), (0, 0)])[None],
        {n: np.pad(v, (0, short), constant_values=np.nan)[None] for n, v in metrics.items()},
        context[None],
        np.arange(size)[None] < len(rows),
        continuous=np.pad(continuous, [(0, short), (0, 0)])[None],
        space=store.space,
    )
