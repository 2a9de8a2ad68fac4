"""Columns of CSV, Parquet and JSON-lines files and of data frames; the suffix names the format."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nmjax.errors import NmjaxError, unknown_name
from nmjax.tasks.files.array_cache import whole_file

Columns = dict[str, list[Any]]
SUFFIXES = (".csv", ".parquet", ".jsonl")


def read_columns(path: Path, wanted: Sequence[str], optional: Sequence[str] = ()) -> Columns:
    """Return the `wanted` columns of a file, and those `optional` ones that it has.

    Other columns are not read, so their types do not matter. Those of a CSV file are text.

    Raises:
      NmjaxError: The suffix is another one, the file cannot be read, it has no rows, or a wanted
        column is missing or occurs more than once.
    """
    import pyarrow as pa

    check_suffix(path)
    try:
        if path.suffix == ".csv":
            return _read_csv(path, wanted, optional)
        if path.suffix == ".jsonl":
            return _read_json_lines(path, wanted, optional)
        return _read_parquet(path, wanted, optional)
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, NmjaxError):
            raise
        raise NmjaxError(f"{path} cannot be read as {path.suffix[1:]}: {error}") from error


def frame_columns(frame: Any, wanted: Sequence[str], optional: Sequence[str] = ()) -> Columns:
    """Return the columns of a data frame, likewise.

    Args:
      frame: {column: values}, a frame of pandas or Polars, or anything that pyarrow.table takes.
      wanted: Columns to read.
      optional: Columns to read if there are any.

    Raises:
      NmjaxError: As `read_columns`, or `frame` is not a data frame.
    """
    import pyarrow as pa

    source = "the data frame"
    if isinstance(frame, Mapping):
        names: list[Any] = list(frame)
    elif isinstance(frame, pa.Table) or not hasattr(frame, "columns"):
        try:
            table = pa.table(frame)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise _no_frame(frame, str(error)) from error
        names, frame = table.column_names, table
    else:
        names = list(frame.columns)
    chosen = _chosen(source, names, wanted, optional)
    columns = {name: _to_list(frame[name]) for name in chosen}
    if len({len(column) for column in columns.values()}) > 1:
        raise _no_frame(frame, "its columns differ in length")
    return _with_rows(source, columns)


def check_suffix(path: Path) -> None:
    """Raise an NmjaxError if the suffix of `path` is not that of a supported format."""
    if path.suffix not in SUFFIXES:
        raise NmjaxError(
            f"{path} ends in {path.suffix!r}, expected '.csv', '.parquet' or '.jsonl'."
        )


def check_writable(path: Path) -> None:
    """Raise an NmjaxError if `write_table` could not write `path`; makes its folder."""
    check_suffix(path)
    if path.is_dir():
        raise NmjaxError(f"{path} is a folder, expected a file to write.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
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


def _read_csv(path: Path, wanted: Sequence[str], optional: Sequence[str]) -> Columns:
    import pyarrow as pa
    from pyarrow import csv

    types = {name: pa.string() for name in (*wanted, *optional)}
    convert = csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    table = csv.read_csv(path, convert_options=convert)
    chosen = _chosen(path.name, table.column_names, wanted, optional)
    return _with_rows(path.name, {name: table.column(name).to_pylist() for name in chosen})


def _read_parquet(path: Path, wanted: Sequence[str], optional: Sequence[str]) -> Columns:
    from pyarrow import parquet

    names = parquet.read_schema(path).names
    chosen = _chosen(path.name, names, wanted, optional)
    table = parquet.read_table(path, columns=chosen, partitioning=None)
    return _with_rows(path.name, {name: table.column(name).to_pylist() for name in chosen})


def _read_json_lines(path: Path, wanted: Sequence[str], optional: Sequence[str]) -> Columns:
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    if any(not isinstance(row, dict) for row in rows):
        raise ValueError("a line is not a JSON object")
    names = list(dict.fromkeys(name for row in rows for name in row))
    chosen = _chosen(path.name, names, wanted, optional) if rows else []
    return _with_rows(path.name, {name: [row.get(name) for row in rows] for name in chosen})


def _chosen(
    source: str, names: Sequence[Any], wanted: Sequence[str], optional: Sequence[str]
) -> list[str]:
    for name in wanted:
        if name not in names:
            raise unknown_name(f"column of {source}", name, map(str, names))
        if list(names).count(name) > 1:
            raise NmjaxError(f"{source} has {name!r} more than once, expected one such column.")
    return [*dict.fromkeys((*wanted, *(name for name in optional if name in names)))]


def _with_rows(source: str, columns: Columns) -> Columns:
    if not any(columns.values()):
        raise NmjaxError(f"{source} has no rows, expected one for each evaluation.")
    return columns


def _to_list(column: Any) -> list[Any]:
    """Return a column's values, missing ones of a typed column as None."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        return list(column.to_pylist())
    try:
        return list(pa.array(column, from_pandas=True).to_pylist())
    except (pa.ArrowException, TypeError, ValueError):
        return list(column) if isinstance(column, Iterable) else [column]


def _no_frame(frame: Any, reason: str) -> NmjaxError:
    return NmjaxError(
        f"A {type(frame).__name__} cannot be read as a data frame ({reason}): give columns of "
        "equal length."
    )


def _json_line(row: Mapping[str, Any]) -> bytes:
    without_nan = {name: None if value != value else value for name, value in row.items()}
    return (json.dumps(without_nan) + "\n").encode()
