"""Past evaluations from and to files and data frames, one row an evaluation."""

from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import Choice, RealChoice, Space, canonicalize, is_valid, within_bounds
from nmjax.tasks.files.tables import read_table, write_table
from nmjax.tasks.history import stack_tasks
from nmjax.types import History


def read_history(
    path: str | Path,
    space: Space,
    *,
    metrics: Sequence[str],
    task: str = "task",
    context: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> tuple[History, tuple[str, ...]]:
    """A `History` and its T task names from a `.csv`, `.parquet` or `.jsonl` file.

    Choices hold options by name or value, as in `space`, and real-valued ones numbers; metrics hold
    numbers, an empty one or "nan" being a failed evaluation. Architectures come back canonical.
    Tasks keep the order in which they appear, and so do the rows of each.

    Args:
      path: the file.
      space: what the choice columns describe.
      metrics: names of the metrics to read.
      task: the column that names the task.
      context: columns of what is known of a task, one value throughout it.
      columns: {choice or metric: column}, where a column is not named as its choice or metric.

    Raises:
      NmjaxError: a column is missing, or a value is not what its column holds; rows count from 1,
        the header left out.
    """
    path, named = Path(path), _columns_of(space, metrics, columns)
    table = read_table(path, {task, *named.values(), *context})
    return _history_of(table, path.name, space, named, metrics, task, context)


def history_from_frame(
    frame: Any,
    space: Space,
    *,
    metrics: Sequence[str],
    task: str = "task",
    context: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> tuple[History, tuple[str, ...]]:
    """A `History` and its T task names from a data frame, by the rules of `read_history`.

    Args:
      frame: of pandas, Polars or any other library that has Arrow's stream interface, an Arrow
        table, or {column: values}.
      space: as for `read_history`, like all that follow.
      metrics: names of the metrics to read.
      task: the column that names the task.
      context: columns of what is known of a task.
      columns: {choice or metric: column}.

    Raises:
      NmjaxError: as `read_history`, or what came is no data frame.
    """
    import pyarrow as pa

    named = _columns_of(space, metrics, columns)
    try:
        table = pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise NmjaxError(
            f"A {type(frame).__name__} cannot be read as a data frame ({error}): give columns of "
            "equal length, each of one type."
        ) from error
    return _history_of(table, "the data frame", space, named, metrics, task, context)


def _columns_of(
    space: Space, metrics: Sequence[str], columns: Mapping[str, str] | None
) -> dict[str, str]:
    """The column of each choice and metric."""
    names = [*space.names, *metrics]
    for name in columns or {}:
        if name not in names:
            raise unknown_name("choice or metric", name, names)
    return {name: name for name in names} | dict(columns or {})


def _history_of(
    found: Any,
    source: str,
    space: Space,
    named: Mapping[str, str],
    metrics: Sequence[str],
    task: str,
    context: Sequence[str],
) -> tuple[History, tuple[str, ...]]:
    wanted = [task, *named.values(), *context]
    table = _columns(found, source, list(dict.fromkeys(wanted)))
    label, place = _task_rows(table[task], task)
    choices = [_options(table[named[c.name]], c) for c in space.choices]
    options = jnp.asarray(_side_by_side(choices, len(place)), dtype=jnp.int32)
    invalid = np.flatnonzero(~np.asarray(is_valid(space, options)))
    if len(invalid):
        raise NmjaxError(f"Row {invalid[0] + 1} is no valid architecture of {space.name!r}.")
    rows = np.asarray(canonicalize(space, options))
    numbers = [_real(table[named[real.name]], real) for real in space.continuous]
    continuous = _side_by_side(numbers, len(place))
    values = {name: _numbers(table[named[name]], name) for name in metrics}
    told = np.stack([_numbers(table[c], c) for c in context], -1) if context else None
    members = [np.flatnonzero(place == index) for index in range(len(label))]
    history = stack_tasks(
        [rows[member] for member in members],
        [{name: column[member] for name, column in values.items()} for member in members],
        None if told is None else _one_each(told, members, label),
        continuous=[continuous[member] for member in members],
    )
    return history, label


def write_history(
    path: str | Path,
    history: History,
    space: Space,
    *,
    tasks: Sequence[str],
    task: str = "task",
    context: Sequence[str] = (),
) -> None:
    """Write `history` to a `.csv`, `.parquet` or `.jsonl` file, as `read_history` reads it.

    Args:
      path: the file.
      history: padding is left out.
      space: of its architectures.
      tasks: T names.
      task: the column that names the task.
      context: K names of columns for the context.

    Raises:
      NmjaxError: the number of names does not fit, or two columns would share a name.
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
    """An Arrow table of `history`, one row an evaluation; its `to_pandas()` is a data frame.

    Arguments and errors are those of `write_history`.
    """
    import pyarrow as pa

    mask, continuous = np.asarray(history.mask), np.asarray(history.continuous)
    rows, told = np.asarray(history.architecture), np.asarray(history.context)
    came = len(tasks), len(context), space.num_choices, space.num_continuous
    expected = *told.shape, rows.shape[-1], continuous.shape[-1]
    if came != expected:
        raise NmjaxError(
            f"Got {came} task names, context names, choices and real-valued choices, expected "
            f"{expected}."
        )
    names = [task, *space.names, *history.metrics, *context]
    if len(set(names)) < len(names):
        raise NmjaxError(f"Columns {names} repeat a name: give task and context other ones.")
    index = np.nonzero(mask)[0]
    kept = rows[mask]
    table: dict[str, Any] = {task: [tasks[i] for i in index.tolist()]}
    for place, choice in enumerate(space.choices):
        table[choice.name] = [choice.options[option] for option in kept[:, place]]
    for place, real in enumerate(space.continuous):
        table[real.name] = continuous[mask][:, place]
    for name, values in history.metrics.items():
        table[name] = np.asarray(values)[mask]
    for place, name in enumerate(context):
        table[name] = told[index, place]
    return pa.table(table)


def _columns(table: Any, source: str, wanted: list[str]) -> dict[str, list[Any]]:
    for name in wanted:
        if name not in table.column_names:
            raise unknown_name(f"column of {source}", name, table.column_names)
        if table.column_names.count(name) > 1:
            raise NmjaxError(f"{source} has {name!r} more than once, expected one such column.")
    if not table.num_rows:
        raise NmjaxError(f"{source} has no rows, expected one an evaluation.")
    return {name: table.column(name).to_pylist() for name in wanted}


def _task_rows(column: list[Any], name: str) -> tuple[tuple[str, ...], np.ndarray]:
    texts = ["" if value is None else str(value) for value in column]
    if "" in texts:
        raise NmjaxError(f"Row {texts.index('') + 1} has no {name!r}, expected the task's name.")
    label = tuple(dict.fromkeys(texts))
    place = {text: index for index, text in enumerate(label)}
    return label, np.array([place[text] for text in texts])


def _options(column: list[Any], choice: Choice) -> np.ndarray:
    found = {value: _option(value, choice) for value in dict.fromkeys(column)}
    for row, value in enumerate(column):
        if found[value] < 0:
            options = ", ".join(map(str, choice.options))
            raise NmjaxError(
                f"Row {row + 1}: {choice.name} is {value!r}, expected one of {options}."
            )
    return np.array([found[value] for value in column])


def _option(value: Any, choice: Choice) -> int:
    names = [str(option) for option in choice.options]
    if str(value) in names:
        return names.index(str(value))
    number = _parsed(value)
    same = [
        not isinstance(option, str) and bool(np.isclose(number, option, rtol=1e-6, atol=0))
        for option in choice.options
    ]
    return next(compress(range(len(same)), same), -1)


def _real(column: list[Any], real: RealChoice) -> np.ndarray:
    values = np.array([_parsed(value) for value in column])
    alone = Space.build(real.name, (), (real,))
    wrong = np.flatnonzero(~within_bounds(alone, values[:, None]))
    if len(wrong):
        raise NmjaxError(
            f"Row {wrong[0] + 1}: {real.name} is {column[wrong[0]]!r}, expected a number from "
            f"{real.low} to {real.high}."
        )
    return values


def _side_by_side(columns: list[np.ndarray], rows: int) -> np.ndarray:
    """[M, ...] of columns [M]; there may be none."""
    return np.stack(columns, axis=-1) if columns else np.zeros((rows, 0))


def _numbers(column: list[Any], name: str) -> np.ndarray:
    values = np.array([_parsed(value) for value in column])
    for row in np.flatnonzero(~np.isfinite(values)):
        if not _is_missing(column[row]):
            raise NmjaxError(f"Row {row + 1}: {name} is {column[row]!r}, expected a finite number.")
    return values


def _parsed(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _is_missing(value: Any) -> bool:
    return value is None or str(value).strip().lower() in ("", "nan")


def _one_each(told: np.ndarray, members: list[np.ndarray], label: Sequence[str]) -> np.ndarray:
    for member, name in zip(members, label, strict=True):
        differs = (told[member] != told[member[0]]).any(axis=-1)
        if differs.any():
            raise NmjaxError(
                f"Row {member[differs.argmax()] + 1}: the context of task {name!r} is "
                f"{told[member[differs.argmax()]].tolist()}, expected "
                f"{told[member[0]].tolist()} as in row {member[0] + 1}."
            )
    return told[[member[0] for member in members]]
