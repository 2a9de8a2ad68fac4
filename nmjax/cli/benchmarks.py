"""`nmjax benchmarks`: list the benchmarks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from nmjax.cli.console import make_console


@dataclass(frozen=True)
class BenchmarksConfig:
    """List the benchmarks with their tasks, size, metrics, license, and whether they are installed.

    Attributes:
      data: Folder with the data of benchmarks that no package ships.
    """

    data: Annotated[Path | None, arg(help_behavior_hint="(default: $NMJAX_DATA)")] = None


def run(config: BenchmarksConfig) -> None:
    """Print one block per benchmark, its score metric first."""
    from rich.table import Table
    from rich.text import Text

    from nmjax.tasks import list_suites

    console = make_console()
    for info in list_suites(data=config.data):
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        metrics = sorted(info.metrics, key=lambda metric: metric.name != info.score_metric)
        names = (
            f"{metric.name} ({metric.unit}, {'higher' if metric.direction == 'max' else 'lower'})"
            for metric in metrics
        )
        families = "; ".join(", ".join(family) for family in info.families)
        table.add_row("tasks", Text(f"{len(info.tasks)}: {families}"))
        table.add_row("pool", f"{info.size:,} architectures")
        table.add_row("metrics", Text(", ".join(names)))
        table.add_row("license", Text(info.license))
        table.add_row("paper", Text(info.citation))
        origin = f"{info.package} {info.version}".strip() or info.file
        state = f"installed ({origin})" if info.installed else f"not installed: {info.install}"
        console.print(Text.assemble((info.name, "bold"), "  ", state))
        console.print(table)
        console.print()
