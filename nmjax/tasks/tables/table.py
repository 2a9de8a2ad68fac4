"""A table: named columns that are parsed on demand, wherever its rows come from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nmjax.errors import NmjaxError, unknown_name

Direction = Literal["max", "min"]

PREFIXES = (
    *("params_", "params.", "params/", "param_", "config/", "config_", "config.", "hparams."),
    *("user_attrs_", "metrics.", "metrics/", "metrics_", "summary.", "values_"),
)
"""What tracking tools write before the names of parameters and metrics."""


@dataclass(frozen=True, eq=False)
class Table:
    """Rows with named columns, from a file, a data frame or an export of another tool.

    Attributes:
      source: Name of the table in messages, such as "past.csv".
      names: Names of the columns, in order.
      size: Number of rows.
      read: Function from the name of a column to its values; those of delimited text are text.
      decimal_comma: Whether numbers may be written with a comma, as in 0,5.
      study: Name of the task of all rows where no column names it, or None.
      objectives: {column: direction} of the metrics that the rows were optimized for, if the file
        says so; the direction is None if it does not.
      unnamed: Whether the only objective has no name of its own, such as Optuna's "value": then any
        name that is no column stands for it.
      places: Where each row comes from, for exports in several files; empty otherwise.
    """

    source: str
    names: tuple[str, ...]
    size: int
    read: Callable[[str], list[Any]]
    decimal_comma: bool = False
    study: str | None = None
    objectives: Mapping[str, Direction | None] = field(default_factory=dict)
    unnamed: bool = False
    places: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Return where a row is, counted from 0, for messages that count from 1."""
        if self.places:
            return self.places[row]
        return f"{self.source}, row {row + 1}"

    def find(self, name: str) -> str | None:
        """Return the column called `name`, also if it has a tool's prefix, or None.

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
        found = [column for column in dict.fromkeys(self.names) if _ends_in(column, name)]
        if len(found) > 1:
            raise NmjaxError(
                f"{self.source} has several columns for {name!r}: {', '.join(found)}. Choose one, "
                f"with columns={{{name!r}: {found[0]!r}}} or --columns {name}={found[0]}."
            )
        return found[0] if found else None

    def find_metric(self, name: str) -> str | None:
        """Return the column of a metric, which may be the objective without a name, or None."""
        found = self.find(name)
        if found is None and self.unnamed and len(self.objectives) == 1:
            return next(iter(self.objectives))
        return found

    def no_column(self, name: str) -> NmjaxError:
        """Return the error for a column that does not exist."""
        return unknown_name(f"column of {self.source}", name, self.names)


def table_of_columns(source: str, columns: Mapping[str, Sequence[Any]], **facts: Any) -> Table:
    """Return the table of columns of equal length, with further attributes of `Table`."""
    size = len(next(iter(columns.values()))) if columns else 0
    return Table(source, tuple(columns), size, lambda name: list(columns[name]), **facts)


def table_of_rows(source: str, rows: Sequence[Mapping[str, Any]], **facts: Any) -> Table:
    """Return the table of records, with further attributes of `Table`; absent values are None."""
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    return Table(source, names, len(rows), lambda name: [row.get(name) for row in rows], **facts)


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


def _ends_in(column: str, name: str) -> bool:
    """Whether a column is `name` after a tool's prefix, or the last part of a nested name."""
    if not column.endswith(name):
        return False
    prefix = column[: len(column) - len(name)]
    return prefix in PREFIXES or prefix.endswith(("/", "."))
