"""Console of the commands, and parts that reports share."""

import sys
from typing import TYPE_CHECKING

import numpy as np

from nmjax.tasks.past_searches import PastSearches

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

SHOWN_STEPS = (10, 20, 50, 100)
"""Numbers of evaluations at which printed tables show the regret."""


def counted(number: int, noun: str) -> str:
    """Return a number and what it counts, such as "1 task" and "1,200 tasks"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def make_console(*, markup: bool = False) -> "Console":
    """Return a console as wide as the terminal, or 100 columns where there is none.

    Args:
      markup: whether brackets in the printed text are rich's style tags, not the user's text.
    """
    from rich.console import Console

    return Console(highlight=False, markup=markup, width=None if sys.stdout.isatty() else 100)


def plain_table(title: str | None = None) -> "Table":
    """Return a table without lines, with its title on the left."""
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
    """Format a number above the ends of its interval."""
    return f"{value}\n[dim]{low}\u2013{high}[/dim]"


def past_heading(past: PastSearches) -> tuple["Text", "Text"]:
    """Return the heading of a report on past searches: metric, tasks and evaluations."""
    from rich.text import Text

    sizes = np.asarray(past.history.mask.sum(-1))
    heading = f"\n{past.name}: {past.required_metric.name} of {len(past.tasks)} tasks"
    caption = f"From {sizes.min():,} to {sizes.max():,} evaluations per task.\n"
    return Text(heading, style="bold"), Text(caption, style="dim")
