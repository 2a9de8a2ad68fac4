"""What printed reports are made of."""

from typing import TYPE_CHECKING

import numpy as np

from nmjax.tasks.past_searches import PastSearches

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

SHOWN_STEPS = (10, 20, 50, 100)
"""Evaluations after which printed tables tell the regret."""


def plain_table(title: str | None = None) -> "Table":
    """A table without lines, its title, if any, above on the left."""
    from rich.table import Table

    return Table(
        title=title,
        title_justify="left",
        title_style="",
        box=None,
        header_style="bold",
        pad_edge=False,
        padding=(0, 1),
    )


def over_interval(value: str, low: str, high: str) -> str:
    """A number above the ends of its interval."""
    return f"{value}\n[dim]{low}\u2013{high}[/dim]"


def past_heading(past: PastSearches) -> tuple["Text", "Text"]:
    """What a past is of, and how much of it there is, above a report on it."""
    from rich.text import Text

    sizes = np.asarray(past.history.mask.sum(-1))
    heading = f"\n{past.name}: {past.score.name} of {len(past.tasks)} tasks"
    caption = f"From {sizes.min():,} to {sizes.max():,} evaluations a task.\n"
    return Text(heading, style="bold"), Text(caption, style="dim")
