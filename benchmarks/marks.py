"""Print every mark of `benchmarks/results`, the missed ones included."""

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nmjax.errors import NmjaxError
from nmjax.experiments import Result, mark_met, read_result

RESULTS = Path(__file__).parent / "results"
_SIGN = {"at least": "≥", "at most": "≤"}


def marks_table(results: Iterable[tuple[str, Result]]) -> Table:
    """A row for each mark of (file name, result) pairs, and the count of those met below."""
    table = Table(box=None, show_footer=True, header_style="bold", pad_edge=False)
    marks = [(name, mark) for name, result in results for mark in result.marks]
    met = sum(mark_met(mark) for _, mark in marks)
    table.add_column("Result")
    table.add_column("Mark", footer=f"{met} of {len(marks)} met")
    table.add_column("Value", justify="right")
    table.add_column("95% interval", justify="right")
    table.add_column("Target", justify="right")
    table.add_column("Unit")
    table.add_column("n", justify="right")
    table.add_column("")
    for name, mark in marks:
        verdict = "[green]met[/green]" if mark_met(mark) else "[red]missed[/red]"
        table.add_row(
            name,
            mark.name,
            _number(mark.value),
            "" if mark.ci is None else f"{_number(mark.ci[0])} to {_number(mark.ci[1])}",
            f"{_SIGN[mark.direction]} {_number(mark.target)}",
            mark.unit,
            str(mark.n),
            verdict,
        )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0 unless a file is no result file, whatever was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.marks", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=RESULTS)
    paths = sorted(parser.parse_args(arguments).folder.glob("*.json"))
    try:
        results = [(path.stem, read_result(path)) for path in paths]
    except NmjaxError as error:
        print(error, file=sys.stderr)
        return 2
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    console.print(marks_table(results))
    return 0


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"


if __name__ == "__main__":
    sys.exit(main())
