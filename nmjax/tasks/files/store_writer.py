"""Evaluations into a `HistoryStore`: append, and leave out those that are stored already."""

import io
import itertools
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError, unknown_name
from nmjax.tasks.files.folders import Folder, folder_at
from nmjax.tasks.files.history_store import MANIFEST, HistoryStore, check_planned
from nmjax.tasks.files.store_reader import (
    DESCRIBED,
    ROW_GROUP,
    list_tasks,
    load_task,
    store_schema,
    stored_context,
    task_folder,
)
from nmjax.tasks.files.task_rows import other_context
from nmjax.tasks.history import make_history
from nmjax.types import History

_BATCHES = itertools.count()

StoredRows = dict[str, Counter[bytes]]
"""{task: number of evaluations with each content}."""


def append_evaluations(
    store: HistoryStore,
    task: str,
    architecture: ArrayLike,
    metrics: Mapping[str, ArrayLike],
    context: Sequence[float] | np.ndarray = (),
    *,
    continuous: ArrayLike | None = None,
) -> None:
    """Add evaluations of one task, all or none; they are on disk when this returns.

    Each call writes one file, so append many evaluations at once where possible. The folder is made
    if it is missing.

    Args:
      store: Store to write to.
      task: Name of the task, any text that is not empty.
      architecture: Option indices, int[M, C].
      metrics: {name: float[M]}, raw values of all metrics of the store; NaN is a failed evaluation.
      context: Description of the task, float[K], the same whenever the task is given.
      continuous: Real-valued choices, float[M, R]; none by default.

    Raises:
      NmjaxError: Shapes, metrics, choices or the context are not those of the store, the task has
        another context already, or the folder cannot be written. On an object store, evaluations
        may have been added if the network fails before the answer arrives.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import append_evaluations, count_evaluations, create_store
      >>> store = create_store(tempfile.mkdtemp(), get_space("hpolib"), metrics=["loss"])
      >>> append_evaluations(store, "a", [[0] * 9], {"loss": [0.3]})
      >>> count_evaluations(store)
      {'a': 1}
    """
    checked = _checked(store, task, architecture, metrics, context, continuous)
    _write_all(store, [checked])


def append_history(store: HistoryStore, history: History, tasks: Sequence[str]) -> None:
    """Add the T `tasks` of `history`, all or none.

    Everything is checked before anything is written. Padding, and tasks without evaluations, are
    left out.

    Raises:
      NmjaxError: As `append_evaluations`, or there are not T names.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import append_history, create_store, list_tasks, make_history
      >>> store = create_store(tempfile.mkdtemp(), get_space("hpolib"), metrics=["loss"])
      >>> history = make_history([[[0] * 9]] * 2, {"loss": [[0.3], [0.2]]})
      >>> append_history(store, history, ["a", "b"])
      >>> list_tasks(store)
      ('a', 'b')
    """
    _write_all(store, list(_checked_tasks(store, history, tasks, {})))


def append_batches(store: HistoryStore, batches: Iterable[tuple[History, Sequence[str]]]) -> None:
    """Add several histories, all or none, as `append_history` adds one.

    Args:
      store: Store to write to; made if it is missing.
      batches: (history, tasks), of which one at a time is in memory.

    Raises:
      NmjaxError: As `append_history`, or another store appears in the folder meanwhile.
    """
    contexts: dict[str, np.ndarray | None] = {}
    checked = (list(_checked_tasks(store, *batch, contexts)) for batch in batches)
    _write_all(store, itertools.chain.from_iterable(checked))


def _checked_tasks(
    store: HistoryStore,
    history: History,
    tasks: Sequence[str],
    contexts: dict[str, np.ndarray | None],
) -> Iterator[tuple[str, History]]:
    rows, mask = np.asarray(history.architecture), np.asarray(history.mask)
    if len(tasks) != len(mask):
        raise NmjaxError(f"Expected {len(mask)} task names, got {len(tasks)}. Name each task.")
    for index in np.flatnonzero(mask.any(-1)).tolist():
        yield _checked(
            store,
            tasks[index],
            rows[index, mask[index]],
            {name: np.asarray(v)[index, mask[index]] for name, v in history.metrics.items()},
            np.asarray(history.context)[index],
            np.asarray(history.continuous)[index, mask[index]],
            contexts,
        )


def stored_rows(store: HistoryStore, tasks: Sequence[str] | None = None) -> StoredRows:
    """Return what a store holds of the given tasks, by content; those it does not have are empty.

    Args:
      store: Store to read.
      tasks: Names of tasks; all of the store by default.

    Raises:
      NmjaxError: A file is damaged.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import append_evaluations, create_store, stored_rows
      >>> store = create_store(tempfile.mkdtemp(), get_space("hpolib"), metrics=["loss"])
      >>> append_evaluations(store, "a", [[0] * 9] * 2, {"loss": [0.3, 0.3]})
      >>> list(stored_rows(store)["a"].values())
      [2]
    """
    known = list_tasks(store)
    found: StoredRows = {}
    for task in known if tasks is None else tasks:
        found[task] = Counter()
        if task in known:
            rows = load_task(store, task)
            metrics = [rows.metrics[name] for name in store.metrics]
            found[task].update(_contents(rows.architecture, rows.continuous, metrics))
    return found


def drop_stored(
    store: HistoryStore, history: History, tasks: Sequence[str], stored: StoredRows | None = None
) -> History:
    """Mask the evaluations of `history` that a store holds already, as when a file is read twice.

    Two evaluations are the same if the task, architecture, real-valued choices and metrics are. Of
    n equal ones, as many are masked as the store has.

    Args:
      store: Store to compare with.
      history: Evaluations of T tasks; shapes stay.
      tasks: T names.
      stored: Result of `stored_rows`, read from the store by default. Counts of masked evaluations
        are subtracted from it, so that a history can be compared in several parts.

    Raises:
      NmjaxError: A metric of the store is missing from the history, or a file is damaged.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import append_history, create_store, drop_stored, make_history
      >>> store = create_store(tempfile.mkdtemp(), get_space("hpolib"), metrics=["loss"])
      >>> history = make_history([[[0] * 9, [1] * 9]], {"loss": [[0.3, 0.2]]})
      >>> append_history(store, history._replace(mask=history.mask.at[0, 1].set(False)), ["a"])
      >>> drop_stored(store, history, ["a"]).mask.tolist()
      [[False, True]]
    """
    if missing := [name for name in store.metrics if name not in history.metrics]:
        raise unknown_name("metric", missing[0], history.metrics)
    stored = stored_rows(store, tasks) if stored is None else stored
    mask = np.array(history.mask)
    for place, task in enumerate(tasks):
        left = stored.get(task, Counter())
        contents = _contents(
            np.asarray(history.architecture)[place],
            np.asarray(history.continuous)[place],
            [np.asarray(history.metrics[name])[place] for name in store.metrics],
        )
        for row in np.flatnonzero(mask[place]):
            if left[contents[row]] > 0:
                left[contents[row]] -= 1
                mask[place, row] = False
    return history._replace(mask=jnp.asarray(mask))


def _contents(
    architecture: np.ndarray, continuous: np.ndarray, metrics: Sequence[np.ndarray]
) -> list[bytes]:
    """Return the bytes of each evaluation; all NaN are equal, and so are 0 and -0."""
    numbers = np.column_stack([continuous, *metrics]).astype(np.float32)
    numbers = np.where(np.isnan(numbers), np.float32(np.nan), numbers + np.float32(0))
    rows = np.concatenate([architecture.astype(np.int32), numbers.view(np.int32)], axis=1)
    return [row.tobytes() for row in np.ascontiguousarray(rows)]


def _checked(
    store: HistoryStore,
    task: str,
    architecture: ArrayLike,
    metrics: Mapping[str, ArrayLike],
    context: Sequence[float] | np.ndarray,
    continuous: ArrayLike | None,
    contexts: dict[str, np.ndarray | None] | None = None,
) -> tuple[str, History]:
    """Return the folder of the task and its evaluations as a history of one task.

    `contexts` holds those of tasks that were looked up, and takes up that of this one.
    """
    values = np.asarray(context, np.float32)
    if values.shape != (len(store.context),):
        raise NmjaxError(
            f"context is {list(values.shape)}, expected [{len(store.context)}] for {store.context}."
        )
    for name in metrics:
        if name not in store.metrics:
            raise unknown_name("metric", name, store.metrics, of=str(store.folder))
    if missing := [name for name in store.metrics if name not in metrics]:
        raise NmjaxError(
            f"Metrics {missing} are missing, expected {list(store.metrics)}: fill what was not "
            "measured with NaN."
        )
    history = make_history(
        np.asarray(architecture)[None],
        {name: np.asarray(metrics[name])[None] for name in store.metrics},
        values[None],
        continuous=None if continuous is None else np.asarray(continuous)[None],
        space=store.space,
    )
    folder = task_folder(task)
    contexts = {} if contexts is None else contexts
    known = contexts[task] if task in contexts else stored_context(store, task)
    if known is not None and not np.array_equal(known, values, equal_nan=True):
        raise other_context(task, known, values)
    contexts[task] = values
    return folder, history


def _write_all(store: HistoryStore, histories: Iterable[tuple[str, History]]) -> None:
    """Write a file for each history, and the manifest if it is missing, all or none."""
    folder = folder_at(store.folder)
    files = ((f"{task}/{_new_name()}", _file_content(store, h)) for task, h in histories)
    try:
        is_new = not _exists(folder, MANIFEST)
        folder.put_all(files, {MANIFEST: store.manifest} if is_new else {})
    except OSError as error:
        raise NmjaxError(f"{store.folder} cannot be written: {error}") from error
    if is_new:
        check_planned(store)


def _exists(folder: Folder, name: str) -> bool:
    try:
        folder.open(name).close()
    except FileNotFoundError:
        return False
    return True


def _new_name() -> str:
    return f"{time.time_ns():020d}-{next(_BATCHES):08d}-{uuid.uuid4().hex}.parquet"


def _file_content(store: HistoryStore, history: History) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    rows, continuous = np.asarray(history.architecture)[0], np.asarray(history.continuous)[0]
    metrics = [np.asarray(history.metrics[name])[0] for name in store.metrics]
    context = [np.full(len(rows), number) for number in np.asarray(history.context)[0]]
    columns = [*rows.T, *continuous.T, *metrics, *context]
    table = pa.table(columns, schema=store_schema(store))
    table = table.replace_schema_metadata({DESCRIBED: store.manifest})
    content = io.BytesIO()
    parquet.write_table(table, content, row_group_size=ROW_GROUP)
    return content.getvalue()
