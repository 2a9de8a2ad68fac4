"""Text with columns separated by commas, tabs, semicolons or bars."""

import csv
import io
import itertools
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.tasks.tables.table import Table, brief

DELIMITERS = ("\t", ";", ",", "|")
_NAMES = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars"}
_SAMPLE = 5
_LARGEST_BLOCK = 2**30


def read_delimited(text: str, source: str) -> Table:
    """Return the table of delimited text, whose first row names the columns; values are text.

    The delimiter is the one that gives the most columns in the first rows. A first line such as
    `sep=;` names it. Numbers may have decimal commas unless commas separate the columns.

    Raises:
      NmjaxError: There is one column only, or a row has another number of values.
    """
    first, _, rest = text.partition("\n")
    if first.strip().lower() in [f"sep={delimiter}" for delimiter in DELIMITERS]:
        delimiter, text = first.strip()[4:] or "\t", rest
        header = _first_rows(text, delimiter, source)[:1]
    else:
        delimiter, header = _detect(text, source)
    names = tuple(map(_on_one_line, header[0])) if header else ()
    if len(names) < 2:
        raise NmjaxError(
            f"{source} has the only column {first.strip()[:60]!r}, expected several, separated by "
            "commas, tabs, semicolons or bars."
        )
    table = _parse(text, delimiter, names, source)

    def column(name: str) -> Any:
        return table.column(names.index(name))

    return Table(
        source,
        names,
        table.num_rows,
        lambda name: list(column(name).to_pylist()),
        decimal_comma=delimiter in ";\t",
        tabs=delimiter == "\t",
        read_rows=lambda name, rows: list(column(name).take(rows).to_pylist()),
    )


def _on_one_line(name: str) -> str:
    """Return the name of a column with a blank for each line break, as spreadsheets write them."""
    return " ".join(line.strip() for line in name.strip().splitlines())


def _detect(text: str, source: str) -> tuple[str, list[list[str]]]:
    """Return the delimiter and the first rows under it."""

    def columns(delimiter: str) -> tuple[bool, int]:
        lengths = [len(row) for row in samples[delimiter]]
        return len(set(lengths)) == 1 and lengths[0] > 1, lengths[0] if lengths else 0

    samples = {delimiter: _first_rows(text, delimiter, source) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=columns)
    return best, samples[best]


def _first_rows(text: str, delimiter: str, source: str) -> list[list[str]]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return list(itertools.islice((row for row in rows if row), _SAMPLE))
    except csv.Error as error:
        raise NmjaxError(f"{source} cannot be read as delimited text: {brief(error)}.") from error


def _parse(text: str, delimiter: str, names: tuple[str, ...], source: str) -> Any:
    """Return the Arrow table of all columns as text."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    wrong: list[Any] = []

    def refuse(row: Any) -> str:
        wrong.append(row)
        return "error"

    content = (text if text.endswith("\n") else f"{text}\n").encode()
    columns = [str(place) for place in range(len(names))]
    try:
        return arrow_csv.read_csv(
            pa.py_buffer(content),
            read_options=arrow_csv.ReadOptions(
                use_threads=False,
                block_size=min(len(content) + 1, _LARGEST_BLOCK),
                column_names=columns,
                skip_rows_after_names=1,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={column: pa.string() for column in columns}, strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        if "straddles" in str(error):
            raise NmjaxError(f"{source} has a quote without an end: remove it.") from error
        if not wrong:
            raise NmjaxError(
                f"{source} cannot be read as delimited text: {brief(error)}."
            ) from error
        row = wrong[0]
        raise NmjaxError(
            f"{source}, row {row.number - 1} has {row.actual_columns} values, expected "
            f"{len(names)}, separated by {_NAMES[delimiter]}: {row.text[:80]!r}. Quote values "
            "that contain the separator."
        ) from error
