"""Print all targets of `benchmarks/results`, including missed ones."""

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.script import RESULTS
from nmjax.errors import NmjaxError
from nmjax.experiments import Result, is_met, read_result

PEERS = "peers"
"""Folder with records of other packages' searches, which are not result files."""
_SIGN = {"at least": "≥", "at most": "≤"}


def targets_table(results: Iterable[tuple[str, Result]]) -> Table:
    """Table of the targets of (file name, result) pairs, with the number met in the footer."""
    table = Table(box=None, show_footer=True, header_style="bold", pad_edge=False)
    targets = [(name, target) for name, result in results for target in result.targets]
    met = sum(is_met(target) for _, target in targets)
    table.add_column("Result")
    table.add_column("Target", footer=f"{met} of {len(targets)} met")
    table.add_column("Value", justify="right")
    table.add_column("95% interval", justify="right")
    table.add_column("Threshold", justify="right")
    table.add_column("Unit")
    table.add_column("n", justify="right")
    table.add_column("")
    for name, target in targets:
        verdict = "[green]met[/green]" if is_met(target) else "[red]missed[/red]"
        table.add_row(
            name,
            target.name,
            _number(target.value),
            "" if target.ci is None else f"{_number(target.ci[0])} to {_number(target.ci[1])}",
            f"{_SIGN[target.direction]} {_number(target.threshold)}",
            target.unit,
            str(target.n),
            verdict,
        )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 2 if a file is not a result file, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.targets", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=RESULTS)
    folder = parser.parse_args(arguments).folder
    names = (path.relative_to(folder).with_suffix("") for path in sorted(folder.rglob("*.json")))
    try:
        results = [
            (name.as_posix(), read_result(folder / f"{name}.json"))
            for name in names
            if name.parts[0] != PEERS
        ]
    except NmjaxError as error:
        print(error, file=sys.stderr)
        return 2
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    console.print(targets_table(results))
    return 0


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"


if __name__ == "__main__":
    sys.exit(main())
