"""Past evaluations from and to files and data frames, one row for each evaluation."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import (
    Space,
    active_choices,
    active_continuous,
    canonicalize,
    is_valid,
    reset_continuous,
)
from nmjax.spaces.description.options import option_text
from nmjax.tasks.files.table_values import (
    MISSING,
    context_of_tasks,
    not_an_option,
    optuna_states,
    out_of_bounds,
    parse_bounded,
    parse_numbers,
    parse_options,
    parse_tasks,
)
from nmjax.tasks.files.tables import Columns, frame_columns, read_columns, write_table
from nmjax.tasks.history import stack_tasks
from nmjax.tasks.past_searches import (
    MetricChoice,
    PastSearches,
    metric_names,
    resolve_metric,
)
from nmjax.types import History

STATE = "state"
"""Column with the state of a trial in files that Optuna wrote."""


def read_history(
    path: str | Path,
    space: Space,
    *,
    maximize: MetricChoice | None = None,
    minimize: MetricChoice | None = None,
    metrics: Sequence[str] = (),
    task: str = "task",
    context: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> PastSearches:
    """Return the past searches in a `.csv`, `.parquet` or `.jsonl` file.

    A choice's column holds its options, by name or value, and a real-valued choice's column numbers
    within its bounds; inactive choices may be missing. A metric's column holds numbers; missing
    ones and NaN are failed evaluations. Architectures are made canonical. Tasks, and the rows of
    each, keep their order.

    Other columns are not read, except for "state" if it holds states of Optuna's trials: pruned
    and failed trials are failed evaluations, or none if they lack a choice; running and waiting
    ones are left out.

    Args:
      path: The file.
      space: Space of the architectures.
      maximize: Metric to improve of which more is better: its name, or a `Metric`.
      minimize: Likewise, if less is better.
      metrics: Names of further metrics to read. If neither `maximize` nor `minimize` is given, the
        result has no metric to improve.
      task: Column that names the task.
      context: Columns of numbers that describe a task, the same throughout it; NaN is unknown.
      columns: {choice or metric: column} where the names differ.

    Raises:
      NmjaxError: The file cannot be read, a column is missing, names are repeated, a value does not
        fit its column (rows count from 1, without the header), or no metric is given.

    Example:
      >>> import pathlib, tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import read_history
      >>> path = pathlib.Path(tempfile.mkdtemp(), "past.csv")
      >>> _ = path.write_text("task,link,op1,op2,op3,op4,top1\\ncora,0000,gat,gcn,fc,fc,0.8")
      >>> past = read_history(
      ...     path, get_space("nas-bench-graph"), maximize="acc", columns={"acc": "top1"})
      >>> past.tasks, past.metric.name, past.history.metrics["acc"].shape
      (('cora',), 'acc', (1, 1))
    """
    path = Path(path)

    def read(wanted: list[str], optional: list[str]) -> Columns:
        return read_columns(path, wanted, optional)

    return _past_of(
        read, path.stem, space, maximize, minimize, metrics, task, context, columns or {}
    )


def history_from_frame(
    frame: Any,
    space: Space,
    *,
    maximize: MetricChoice | None = None,
    minimize: MetricChoice | None = None,
    metrics: Sequence[str] = (),
    task: str = "task",
    context: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> PastSearches:
    """Return the past searches in a data frame, by the rules of `read_history`.

    Args:
      frame: {column: values}, a data frame of pandas or Polars, an Arrow table, or another object
        that `pyarrow.table` takes.
      space: As in `read_history`, like the arguments that follow.
      maximize: Metric to improve of which more is better.
      minimize: Metric to improve of which less is better.
      metrics: Names of further metrics to read.
      task: Column that names the task.
      context: Columns of numbers that describe a task.
      columns: {choice or metric: column} where the names differ.

    Raises:
      NmjaxError: As `read_history`, or `frame` is not a data frame.

    Example:
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import history_from_frame
      >>> frame = {"task": ["cora"], "link": ["0000"], "op1": ["gat"], "op2": ["gcn"],
      ...          "op3": ["fc"], "op4": ["fc"], "loss": [0.3]}
      >>> past = history_from_frame(frame, get_space("nas-bench-graph"), minimize="loss")
      >>> past.metric.direction
      'min'
    """

    def read(wanted: list[str], optional: list[str]) -> Columns:
        return frame_columns(frame, wanted, optional)

    return _past_of(
        read, "data frame", space, maximize, minimize, metrics, task, context, columns or {}
    )


def write_history(
    path: str | Path,
    history: History,
    space: Space,
    *,
    tasks: Sequence[str],
    task: str = "task",
    context: Sequence[str] = (),
) -> None:
    """Write `history` to a `.csv`, `.parquet` or `.jsonl` file that `read_history` reads.

    An existing file is replaced; the new one appears complete or not at all.

    Args:
      path: The file; folders are made as needed.
      history: Evaluations; padding is left out.
      space: Space of the architectures.
      tasks: T names.
      task: Column that names the task.
      context: K names of columns for the context.

    Raises:
      NmjaxError: The number of names does not fit, two columns would share a name, or the file
        cannot be written.

    Example:
      >>> import pathlib, tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import make_history, write_history
      >>> path = pathlib.Path(tempfile.mkdtemp(), "past.jsonl")
      >>> history = make_history([[[0, 8, 8, 8, 8]]], {"acc": [[0.5]]})
      >>> write_history(path, history, get_space("nas-bench-graph"), tasks=["cora"])
      >>> print(path.read_text().strip()[:34])
      {"task": "cora", "link": "0000", "
    """
    table = history_to_frame(history, space, tasks=tasks, task=task, context=context)
    write_table(Path(path), table)


def history_to_frame(
    history: History,
    space: Space,
    *,
    tasks: Sequence[str],
    task: str = "task",
    context: Sequence[str] = (),
) -> Any:
    """Return an Arrow table of `history`; its `to_pandas()` is a data frame.

    Arguments and errors are those of `write_history`. Inactive choices are null. Options of
    different types, such as "sqrt" and 0.5, and lists become text.

    Example:
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import history_to_frame, make_history
      >>> history = make_history([[[0, 8, 8, 8, 8]]], {"acc": [[0.5]]})
      >>> history_to_frame(history, get_space("nas-bench-graph"), tasks=["cora"]).column_names
      ['task', 'link', 'op1', 'op2', 'op3', 'op4', 'acc']
    """
    import pyarrow as pa

    mask, continuous = np.asarray(history.mask), np.asarray(history.continuous)
    rows, values = np.asarray(history.architecture), np.asarray(history.context)
    given = len(tasks), len(context), space.num_choices, space.num_continuous
    expected = *values.shape, rows.shape[-1], continuous.shape[-1]
    if given != expected:
        raise NmjaxError(
            f"Got {given} task names, context names, choices and real-valued choices, expected "
            f"{expected}."
        )
    names = [task, *space.names, *history.metrics, *context]
    if len(set(names)) < len(names):
        raise NmjaxError(f"Columns {names} repeat a name: give task and context other ones.")
    index = np.nonzero(mask)[0]
    kept = rows[mask]
    table: dict[str, Any] = {task: [tasks[i] for i in index.tolist()]}
    active = np.asarray(active_choices(space, jnp.asarray(kept)))
    for place, choice in enumerate(space.choices):
        kinds = {_arrow_kind(option) for option in choice.options}
        as_text = len(kinds) > 1 or "tuple" in kinds
        options = [option_text(option) if as_text else option for option in choice.options]
        chosen = zip(kept[:, place], active[:, place], strict=True)
        table[choice.name] = [options[option] if used else None for option, used in chosen]
    active = np.asarray(active_continuous(space, jnp.asarray(kept)))
    for place, real in enumerate(space.continuous):
        numbers = continuous[mask][:, place]
        table[real.name] = pa.array(numbers, mask=~active[:, place])
    for name, column in history.metrics.items():
        table[name] = np.asarray(column)[mask]
    for place, name in enumerate(context):
        table[name] = values[index, place]
    return pa.table(table)


def _past_of(
    read: Callable[[list[str], list[str]], Columns],
    name: str,
    space: Space,
    maximize: MetricChoice | None,
    minimize: MetricChoice | None,
    metrics: Sequence[str],
    task: str,
    context: Sequence[str],
    columns: Mapping[str, str],
) -> PastSearches:
    if isinstance(metrics, str) or isinstance(context, str):
        raise NmjaxError(
            f"Expected lists of column names, got metrics={metrics!r} and context={context!r}."
        )
    metric = resolve_metric(maximize, minimize, required=not metrics)
    wanted = metric_names(metrics, metric=metric)
    column_of = _column_of_each(space, wanted, context, columns)
    optional = [] if STATE in (task, *column_of.values(), *context) else [STATE]
    table = read([*dict.fromkeys((task, *column_of.values(), *context))], optional)
    history, tasks = _history_of(table, space, column_of, wanted, task, context)
    return PastSearches(space, history, tasks, metric, name=name)


def _column_of_each(
    space: Space, metrics: Sequence[str], context: Sequence[str], columns: Mapping[str, str]
) -> dict[str, str]:
    """Return the column of each choice and metric."""
    names = [*space.names, *metrics]
    if repeated := sorted(
        {name for name in (*names, *context) if [*names, *context].count(name) > 1}
    ):
        raise NmjaxError(
            f"Expected different names for choices, metrics and context, got {repeated} twice. "
            "Rename one, with columns={name: column}."
        )
    for name in columns:
        if name not in names:
            raise unknown_name("choice or metric", name, names)
    return {name: columns.get(name, name) for name in names}


def _history_of(
    table: Columns,
    space: Space,
    column_of: Mapping[str, str],
    metrics: Sequence[str],
    task: str,
    context: Sequence[str],
) -> tuple[History, tuple[str, ...]]:
    options = [parse_options(table[column_of[c.name]], c) for c in space.choices]
    numbers = [
        parse_bounded(table[column_of[r.name]], r.name, r.low, r.high) for r in space.continuous
    ]
    discrete = _side_by_side(options, len(table[task])).astype(np.int32)
    continuous = _side_by_side(numbers, len(table[task]))
    filled = jnp.asarray(np.maximum(discrete, 0))
    absent = (discrete == MISSING) & np.asarray(active_choices(space, filled))
    unknown = np.isnan(continuous) & np.asarray(active_continuous(space, filled))
    values = {name: parse_numbers(table[column_of[name]], name) for name in metrics}
    states = optuna_states(table.get(STATE))
    missing = absent.any(-1) | unknown.any(-1)
    kept = np.arange(len(missing))
    if states is not None:
        ended = np.isin(states, ("PRUNED", "FAIL"))
        values = {name: np.where(ended, np.nan, column) for name, column in values.items()}
        kept = np.flatnonzero(np.where(ended, ~missing, states == "COMPLETE"))
        if not len(kept):
            raise NmjaxError("No row is a finished trial with all choices, expected at least one.")
    if missing[kept].any():
        row = int(kept[missing[kept].argmax()])
        raise _missing_choice(row, table, space, column_of, absent[row], unknown[row])
    names = np.array(parse_tasks(table[task], task), object)[kept]
    labels = tuple(dict.fromkeys(names.tolist()))
    valid = np.asarray(is_valid(space, filled[kept]))
    if not valid.all():
        row = kept[valid.argmin()]
        raise NmjaxError(f"Row {row + 1} is not a valid architecture of {space.name!r}.")
    canonical = np.asarray(canonicalize(space, filled[kept]))
    continuous = np.asarray(reset_continuous(space, filled, jnp.asarray(continuous)))
    members = [np.flatnonzero(names == label) for label in labels]
    described = _side_by_side([parse_numbers(table[c], c) for c in context], len(missing))
    history = stack_tasks(
        [canonical[member] for member in members],
        [{name: column[kept[member]] for name, column in values.items()} for member in members],
        context_of_tasks(described, [kept[member] for member in members], labels),
        continuous=[continuous[kept[member]] for member in members],
    )
    return history, labels


def _missing_choice(
    row: int,
    table: Columns,
    space: Space,
    column_of: Mapping[str, str],
    absent: np.ndarray,
    unknown: np.ndarray,
) -> NmjaxError:
    if absent.any():
        choice = space.choices[absent.argmax()]
        return not_an_option(row, choice, table[column_of[choice.name]][row])
    real = space.continuous[unknown.argmax()]
    return out_of_bounds(row, real.name, table[column_of[real.name]][row], real.low, real.high)


def _side_by_side(columns: list[np.ndarray], rows: int) -> np.ndarray:
    """Return [M, N] of N columns [M]; N may be 0."""
    return np.stack(columns, axis=-1) if columns else np.zeros((rows, 0))


def _arrow_kind(option: Any) -> str:
    return (
        "number"
        if isinstance(option, int | float) and not isinstance(option, bool)
        else (type(option).__name__)
    )
