"""Where commands print what a person reads."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def make_console(*, markup: bool = False) -> "Console":
    """A console as wide as the terminal, or 100 columns where there is none.

    Args:
      markup: whether brackets in what is printed are styles, or the user's own.
    """
    from rich.console import Console

    return Console(highlight=False, markup=markup, width=None if sys.stdout.isatty() else 100)
