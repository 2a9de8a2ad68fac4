"""A proposed space, and what became of each column."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

from nmjax.spaces import Space, space_source
from nmjax.spaces.source import WIDTH, printable
from nmjax.tasks.inference.kinds import ColumnKind


@dataclass(frozen=True)
class ColumnReport:
    """What became of a column of a table.

    Attributes:
      column: Name of the column.
      choice: Name of the choice that it became, or None if it was left out.
      kind: "categorical", "ordinal", "integer", "real", "constant", or "excluded".
      reason: Why, such as "has 5 different numbers from 0.0001 to 1, 4 decades, so the scale is
        logarithmic".

    Example:
      >>> from nmjax.tasks import propose_space
      >>> frame = {"width": [8, 16, 8, 16], "loss": [0.4, 0.2, 0.3, 0.1]}
      >>> propose_space(frame, minimize="loss").columns[0].kind
      'ordinal'
    """

    column: str
    choice: str | None
    kind: ColumnKind
    reason: str


@dataclass(frozen=True)
class SpaceProposal:
    """A space proposed from a table, with a report on each column. `print` shows the report.

    Attributes:
      space: The space.
      columns: Reports, in the order of the table.
      renamed: {choice: column} of choices that `read_history` needs as `columns=`.
      source_name: Name of the table.

    Example:
      >>> from nmjax.tasks import propose_space
      >>> frame = {"width": [8, 16, 8, 16], "loss": [0.4, 0.2, 0.3, 0.1]}
      >>> print(propose_space(frame, minimize="loss"))
      width  ordinal  has 2 different numbers from 8 to 16
    """

    space: Space
    columns: tuple[ColumnReport, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    source_name: str = "table"

    def source(self, variable: str = "space") -> str:
        """Return a Python module that defines the space, with the reasons as comments.

        Args:
          variable: Name that the module gives to the space.
        """
        comments = {c.choice: f"{c.reason}." for c in self.columns if c.choice is not None}
        module = space_source(self.space, variable=variable, comments=_sentences(comments))
        lines = [f"Proposed from {self.source_name}. Check the kinds, bounds and scales."]
        lines += [
            f"Left out: {report.column!r} {report.reason}."
            for report in self.columns
            if report.choice is None
        ]
        head = [f"# {row}" for line in lines for row in textwrap.wrap(printable(line), WIDTH - 2)]
        return "\n".join([*head, module])

    def __str__(self) -> str:
        rows = [
            (c.column, "left out" if c.choice is None else c.kind, c.reason) for c in self.columns
        ]
        widths = [max(len(row[place]) for row in rows) for place in (0, 1)]
        return "\n".join(
            f"{column:{widths[0]}}  {kind:{widths[1]}}  {reason}" for column, kind, reason in rows
        )


def _sentences(comments: Mapping[str, str]) -> dict[str, str]:
    return {name: text[:1].upper() + text[1:] for name, text in comments.items()}
