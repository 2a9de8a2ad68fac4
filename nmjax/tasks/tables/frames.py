"""Data frames, Arrow tables, and files of Arrow and Parquet."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.tasks.tables.documents import read_document
from nmjax.tasks.tables.table import Table, brief

FRAME = "data frame"


def read_frame(frame: Any) -> Table:
    """Return the table of a data frame, whose columns are converted when they are asked for.

    Args:
      frame: {column: values}, a list of records, a frame of pandas or Polars, or anything that
        pyarrow.table takes.

    Raises:
      NmjaxError: `frame` is none of them, or its columns differ in length.
    """
    import pyarrow as pa

    if isinstance(frame, Mapping):
        return _frame(frame, list(frame), _columns_length(frame))
    if isinstance(frame, Sequence) and frame and all(isinstance(r, Mapping) for r in frame):
        return read_document([dict(record) for record in frame], FRAME)
    if type(frame).__name__ == "LazyFrame":
        frame = frame.collect()
    if not isinstance(frame, pa.Table) and hasattr(frame, "columns") and hasattr(frame, "__len__"):
        return _frame(frame, list(frame.columns), len(frame))
    try:
        table = pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _no_frame(frame, str(error)) from error
    return _frame(table, table.column_names, table.num_rows)


def read_arrow(content: bytes, source: str) -> Table:
    """Return the table of an Arrow file, Arrow stream or Feather file.

    Raises:
      NmjaxError: The content is damaged.
    """
    import pyarrow as pa
    from pyarrow import feather, ipc

    buffer = pa.BufferReader(content)
    try:
        stream = content.startswith(b"\xff\xff\xff\xff")
        table = ipc.open_stream(buffer).read_all() if stream else feather.read_table(buffer)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise NmjaxError(f"{source} cannot be read as an Arrow file: {brief(error)}.") from error
    return Table(
        source,
        tuple(table.column_names),
        table.num_rows,
        lambda name: _values(table.column(name), source, name),
        read_rows=lambda name, rows: _values(table.column(name).take(rows), source, name),
    )


def read_parquet(content: bytes, source: str) -> Table:
    """Return the table of a Parquet file, of which only the columns asked for are decoded.

    Raises:
      NmjaxError: The content is damaged.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        names, size = tuple(file.schema_arrow.names), file.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise NmjaxError(f"{source} cannot be read as Parquet: {brief(error)}.") from error

    def column(name: str) -> Any:
        try:
            found = file.read(columns=[name]).column(name)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise NmjaxError(
                f"{source}, column {name!r} cannot be read as Parquet: {brief(error)}."
            ) from error
        if len(found) != size:
            raise NmjaxError(f"{source}, column {name!r} has {len(found)} rows, expected {size}.")
        return found

    return Table(
        source,
        names,
        size,
        lambda name: _values(column(name), source, name),
        read_rows=lambda name, rows: _values(column(name).take(rows), source, name),
    )


def _frame(frame: Any, names: list[Any], size: int) -> Table:
    def read(name: str) -> list[Any]:
        values = _values(frame[by_text[name]], FRAME, name)
        if len(values) != size:
            raise _no_frame(frame, f"column {name!r} has {len(values)} values, others {size}")
        return values

    by_text = {str(name): name for name in names}
    return Table(FRAME, tuple(map(str, names)), size, read)


def _columns_length(columns: Mapping[Any, Any]) -> int:
    for column in columns.values():
        if hasattr(column, "__len__") and not isinstance(column, str):
            return len(column)
    return 1 if columns else 0


def _values(column: Any, source: str, name: str) -> list[Any]:
    """Return the values of a column, missing ones of a typed column as None."""
    import pyarrow as pa

    try:
        if isinstance(column, list):  # Arrow would turn False beside 0.5 into 0.0.
            return [_plain(value) for value in column]
        if isinstance(column, pa.ChunkedArray):
            return [_plain(value) for value in column.to_pylist()]
        try:
            values = pa.array(column, from_pandas=True).to_pylist()
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            values = list(column) if isinstance(column, Iterable) else [column]
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise NmjaxError(f"{source}, column {name!r} cannot be read: {brief(error)}.") from error
    return [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    """Return bytes as text, and a time at midnight as a date, as CSV files hold them."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    is_time = isinstance(value, datetime.datetime) and value == value  # NaT differs from itself.
    if is_time and value.time() == datetime.time():
        return value.date().isoformat()
    return value


def _no_frame(frame: Any, reason: str) -> NmjaxError:
    return NmjaxError(
        f"A {type(frame).__name__} cannot be read as a data frame ({reason}): give columns of "
        "equal length, or records."
    )
