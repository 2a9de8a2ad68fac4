"""A table: named columns that are parsed on demand, wherever its rows come from."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from nmjax.errors import NmjaxError, unknown_name

Direction = Literal["max", "min"]

PARAMETER_PREFIXES = (
    *("hparams.", "hparams/"),
    *("params_", "params.", "params/", "param_", "config/", "config_", "config."),
)
"""What tracking tools write before the names of parameters."""
PREFIXES = (
    *PARAMETER_PREFIXES,
    *("user_attrs_", "study_attrs_", "metrics.", "metrics/", "metrics_", "summary.", "values_"),
)
"""What tracking tools write before any names."""


@dataclass(frozen=True, eq=False)
class Table:
    """Rows with named columns, from a file, a data frame or an export of another tool.

    Attributes:
      source: Name of the table in messages, such as "past.csv".
      names: Names of the columns, in order.
      size: Number of rows.
      read: Function from the name of a column to its values; those of delimited text are text.
      decimal_comma: Whether numbers may be written with a comma, as in 0,5.
      tabs: Whether the columns are separated by tabs.
      study: Name of the task of all rows where no column names it, or None.
      objectives: {column: direction} of the metrics that the rows were optimized for, if the file
        says so; the direction is None if it does not.
      directions: Likewise, of all metrics whose direction is known.
      unnamed: Whether the only objective has no name of its own, such as Optuna's "value": then any
        name that is no column stands for it.
      domains: {column: list of options, `Ordinal`, `Integer` or `Real`} of parameters, if the file
        says what values they could have.
      labels: Where each row is, such as "trial 3"; rows count from 1 if empty.
      read_rows: Function from the name of a column and rows int[M] to their values, if the other
        rows need not be converted; None if they must be.
    """

    source: str
    names: tuple[str, ...]
    size: int
    read: Callable[[str], list[Any]]
    decimal_comma: bool = False
    tabs: bool = False
    study: str | None = None
    objectives: Mapping[str, Direction | None] = field(default_factory=dict)
    directions: Mapping[str, Direction | None] = field(default_factory=dict)
    unnamed: bool = False
    domains: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    read_rows: Callable[[str, np.ndarray], list[Any]] | None = None

    def label(self, row: int) -> str:
        """Return where a row, counted from 0, is in the table."""
        return self.labels[row] if self.labels else f"row {row + 1}"

    def place(self, row: int) -> str:
        """Return where a row, counted from 0, is, for messages."""
        return f"{self.source}, {self.label(row)}"

    def find_parameter(self, name: str) -> str | None:
        """Return the column of a choice, also if it has a tool's prefix, or None.

        Raises:
          NmjaxError: Several columns are called so, such as "number" and "params_number".
        """
        prefixed = [f"{prefix}{name}" for prefix in PARAMETER_PREFIXES]
        found = [column for column in (name, *prefixed) if column in self.names]
        if len(found) > 1:
            raise self._several(name, found)
        return self.find(name)

    def find(self, name: str) -> str | None:
        """Return the column called `name`, or else that with a tool's prefix, or None.

        Blanks within a column's name may be written as "_", as names of choices have none.

        Raises:
          NmjaxError: Several columns are called so.
        """
        if name in self.names:
            if self.names.count(name) > 1:
                raise NmjaxError(
                    f"{self.source} has the column {name!r} more than once; rename or remove the "
                    "others."
                )
            return name
        columns = dict.fromkeys(self.names)
        found = [column for column in columns if _ends_in(column, name)]
        if not found:
            written = {column: without_blanks(column) for column in columns}
            found = [c for c, text in written.items() if text == name or _ends_in(text, name)]
        if len(found) > 1:
            raise self._several(name, found)
        return found[0] if found else None

    def find_metric(self, name: str) -> str | None:
        """Return the column of a metric, which may be the objective without a name, or None."""
        found = self.find(name)
        if found is None and self.unnamed and len(self.objectives) == 1:
            found = next(iter(self.objectives))
            return found if found in self.names else None
        return found

    def _several(self, name: str, found: Sequence[str]) -> NmjaxError:
        return NmjaxError(
            f"{self.source} has several columns for {name!r}: {', '.join(found)}. Choose one, "
            f"with columns={{{name!r}: {found[-1]!r}}} or --columns {name}={found[-1]}."
        )

    def require(self, name: str) -> str:
        """Return the column that `find` finds.

        Raises:
          NmjaxError: There is none, or several columns are called so.
        """
        found = self.find(name)
        if found is None:
            raise self.no_column(name)
        return found

    def no_column(self, name: str) -> NmjaxError:
        """Return the error for a column that does not exist."""
        return unknown_name("column", name, self.names, of=self.source)


def table_of_columns(source: str, columns: Mapping[str, Sequence[Any]], **facts: Any) -> Table:
    """Return the table of columns of equal length, with further attributes of `Table`."""
    size = len(next(iter(columns.values()))) if columns else 0
    return Table(source, tuple(columns), size, lambda name: list(columns[name]), **facts)


def table_of_rows(source: str, rows: Sequence[Mapping[str, Any]], **facts: Any) -> Table:
    """Return the table of records, with further attributes of `Table`; absent values are None."""
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    return Table(source, names, len(rows), lambda name: [row.get(name) for row in rows], **facts)


def take_rows(table: Table, rows: np.ndarray) -> Table:
    """Return the table of some rows, int[M], whose labels stay."""

    def read(name: str) -> list[Any]:
        if table.read_rows is not None:
            return table.read_rows(name, rows)
        column = table.read(name)
        return [column[row] for row in rows]

    labels = tuple(table.label(int(row)) for row in rows)
    return replace(table, size=len(rows), read=read, labels=labels, read_rows=None)


def brief(error: Exception) -> str:
    """Return the message of an error of another library on one line, without a full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def flatten(record: Mapping[str, Any], separator: str = ".") -> dict[str, Any]:
    """Return the record with nested records as entries, such as "config.width".

    A record within more than 100 others stays as it is.
    """
    flat: dict[str, Any] = {}
    pending = [("", record, 0)]
    while pending:
        prefix, entries, depth = pending.pop()
        for key, value in entries.items():
            if isinstance(value, Mapping) and value and depth < 100:
                pending.append((f"{prefix}{key}{separator}", value, depth + 1))
            else:
                flat[f"{prefix}{key}"] = value
    return flat


def without_blanks(name: str) -> str:
    """Return the name that a choice has for a column, with "_" for blanks and "="."""
    return re.sub(r"[\s=]+", "_", name.strip())


def _ends_in(column: str, name: str) -> bool:
    """Whether a column is `name` after a tool's prefix, or the last part of a nested name."""
    if not column.endswith(name):
        return False
    prefix = column[: len(column) - len(name)]
    return prefix in PREFIXES or prefix.endswith(("/", "."))
