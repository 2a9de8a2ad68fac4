"""Past evaluations to files and data frames, one row for each evaluation."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, active_choices, active_continuous
from nmjax.spaces.description.checks import is_number
from nmjax.spaces.description.options import option_text
from nmjax.tasks.files.array_cache import whole_file
from nmjax.types import History

SUFFIXES = (".csv", ".parquet", ".jsonl")


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
    different types, such as "sqrt" and 0.5, lists, and integers that are not exact among real
    numbers become text.

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
    names = [task, *space.order, *history.metrics, *context]
    if len(set(names)) < len(names):
        raise NmjaxError(f"Columns {names} repeat a name: give task and context other ones.")
    index = np.nonzero(mask)[0]
    kept = rows[mask]
    table: dict[str, Any] = {task: [tasks[i] for i in index.tolist()]}
    active = np.asarray(active_choices(space, jnp.asarray(kept)))
    for place, choice in enumerate(space.choices):
        as_text = not _fit_a_column(choice.options)
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
    return pa.table({name: table[name] for name in names})


def _fit_a_column(options: Sequence[Any]) -> bool:
    """Return whether a column of one type represents all options exactly."""
    kinds = {"number" if is_number(option) else type(option).__name__ for option in options}
    if kinds != {"number"}:
        return len(kinds) == 1 and "tuple" not in kinds
    integers = [option for option in options if isinstance(option, int)]
    largest = 2**63 - 1 if len(integers) == len(options) else 2**53
    return all(abs(option) <= largest for option in integers)


def check_suffix(path: Path) -> None:
    """Raise an NmjaxError if the suffix of `path` is not that of a supported format."""
    if path.suffix not in SUFFIXES:
        raise NmjaxError(
            f"{path} ends in {path.suffix!r}, expected '.csv', '.parquet' or '.jsonl'."
        )


def check_writable(path: Path) -> None:
    """Raise an NmjaxError if `write_table` could not write `path`, or make its folder."""
    check_suffix(path)
    try:
        if path.is_dir():
            raise NmjaxError(f"{path} is a folder, expected a file to write.")
        folder = next(parent for parent in path.parents if parent.exists())
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise NmjaxError(f"{path} cannot be written: {error}") from error


def write_table(path: Path, table: Any) -> None:
    """Write an Arrow table; the file appears complete or not at all. NaN is null in JSON lines.

    Raises:
      NmjaxError: The suffix is another one, or the file cannot be written.
    """
    from pyarrow import csv, parquet

    check_suffix(path)
    try:
        with whole_file(path) as file:
            if path.suffix == ".csv":
                csv.write_csv(table, file)
            elif path.suffix == ".jsonl":
                file.writelines(map(_json_line, table.to_pylist()))
            else:
                parquet.write_table(table, file)
    except OSError as error:
        raise NmjaxError(f"{path} cannot be written: {error}") from error


def _json_line(row: Mapping[str, Any]) -> bytes:
    without_nan = {name: None if value != value else value for name, value in row.items()}
    return (json.dumps(without_nan) + "\n").encode()
