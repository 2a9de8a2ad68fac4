"""JSON: lines of records, arrays of records, and columns in the layouts that pandas writes."""

import json
import re
from collections.abc import Mapping
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.tasks.tables.table import Table, brief, flatten, table_of_columns, table_of_rows

_WRAPPERS = {"data", "columns", "index", "schema", "column_names", "index_names"}
"""Entries beside the data in what pandas writes."""


def load_json(text: str, source: str) -> Any:
    """Return the value of a JSON document, or the list of those of JSON lines.

    Raises:
      NmjaxError: The text, or a line of it, is not JSON.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise NmjaxError(f"{source} is JSON nested too deeply for a table.") from error
    except ValueError as error:
        every = enumerate(re.split(r"\r\n|[\r\n]", text), 1)  # JSON may hold other line breaks.
        lines = [(number, line) for number, line in every if line.strip()]
        if text.lstrip()[:1] == "[" or len(lines) == 1:
            raise NmjaxError(f"{source} cannot be read as JSON: {brief(error)}.") from error
    return [_line(line, f"{source}, line {number}") for number, line in lines]


def read_document(value: Any, source: str) -> Table:
    """Return the table of a JSON value: records, or columns; nested names are joined by a dot.

    Raises:
      NmjaxError: The value is neither, or columns differ in length.
    """
    if isinstance(value, list):
        for row, record in enumerate(value):
            if not isinstance(record, dict):
                raise NmjaxError(
                    f"{source}, row {row + 1} is {str(record)[:60]!r}, expected a JSON object such "
                    'as {"task": "cora", "width": 64, "accuracy": 0.8}.'
                )
        return table_of_rows(source, [flatten(record) for record in value])
    if not isinstance(value, dict):
        raise NmjaxError(
            f"{source} is the JSON value {str(value)[:60]!r}, expected records or columns."
        )
    if isinstance(value.get("data"), list) and set(value) <= _WRAPPERS:
        if isinstance(names := value.get("columns"), list):
            return _split(names, value["data"], source)
        return read_document(value["data"], source)
    if value and all(key.isdigit() and isinstance(row, dict) for key, row in value.items()):
        return read_document(list(value.values()), source)
    columns = {name: _column(column) for name, column in value.items()}
    if not any(column is None for column in columns.values()) and columns:
        lengths = {name: len(column or ()) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise NmjaxError(
                f"{source} has columns of different lengths: {lengths}. Give all the same."
            )
        return table_of_columns(source, {name: column or [] for name, column in columns.items()})
    return table_of_rows(source, [flatten(value)])


def _line(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NmjaxError(
            f"{place} is not JSON: {brief(error)}. Its text is {line[:60]!r}."
        ) from error


def _split(names: list[Any], data: list[Any], source: str) -> Table:
    for row, values in enumerate(data):
        if not isinstance(values, list) or len(values) != len(names):
            raise NmjaxError(f"{source}, row {row + 1} has not {len(names)} values.")
    columns = {str(name): [values[place] for values in data] for place, name in enumerate(names)}
    return table_of_columns(source, columns)


def _column(value: Any) -> list[Any] | None:
    """Return the values of a list, or of a mapping from row numbers as pandas writes, or None."""
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping) and value and all(str(key).isdigit() for key in value):
        return list(value.values())
    return None
