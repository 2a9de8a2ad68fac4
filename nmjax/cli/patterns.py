"""`nmjax patterns`: find patterns in past searches."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from nmjax.cli.console import make_console
from nmjax.cli.past_options import PastConfig, draw_past
from nmjax.errors import NmjaxError


@dataclass(frozen=True)
class PatternsConfig(PastConfig):
    """Find patterns in past searches: motifs, sensitivities and trade-offs.

    Prints motifs that are enriched among the best and among the failed evaluations (the worst, if
    none failed), and on which tasks; the share of the score's variance that each choice explains,
    by a Gaussian process, with error bars; and the Pareto front of score against cost. Writes
    plots, and a table of all motifs, to a folder.

    Attributes:
      cost: Metric to trade off against the score, lower is better. By default, the first such
        metric of a benchmark.
      share: Share of each task's evaluations that count as the best, or as the worst.
      rate: False discovery rate of enriched motifs.
      out: Folder to write: a new one, or an empty one.
    """

    cost: Annotated[str | None, arg(metavar="METRIC", help_behavior_hint="")] = None
    share: float = 0.1
    rate: float = 0.05
    out: Annotated[
        Path | None, arg(help_behavior_hint="(default: runs/PAST-patterns-NUMBER, next free)")
    ] = None


def run(config: PatternsConfig) -> None:
    """Print the tables and write the folder.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, data are not installed, or the
        folder is not empty or cannot be made.
    """
    from nmjax.cli.reports.patterns import patterns_report, write_patterns
    from nmjax.cli.run_folder import run_folder
    from nmjax.patterns import find_patterns

    if not (0 < config.share < 1 and 0 < config.rate < 1):
        raise NmjaxError(
            f"Got --share {config.share} and --rate {config.rate}; give numbers inside (0, 1)."
        )
    past, key = draw_past(config, config.cost)
    with run_folder(config.out, benchmark=past.name, target="patterns") as folder:
        found = find_patterns(key, past, share=config.share)
        write_patterns(folder, past, found, rate=config.rate)
    console = make_console()
    console.print(patterns_report(past, found, rate=config.rate))
    console.print(f"Wrote {folder}.", soft_wrap=True)
