"""`nmjax patterns`: what past searches have in common, printed and drawn."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from nmjax.errors import NmjaxError


@dataclass(frozen=True)
class PatternsConfig:
    """Say what a past has in common: motifs, sensitivities, trade-offs.

    Prints which motifs are enriched among the best and among the failed (where none failed, the
    worst), on which tasks; how much of the score each choice explains, out of a Gaussian process
    with error bars; and the Pareto front of score against cost. Writes these as pictures, and all
    motifs as a table, to a folder.

    Attributes:
      past: A folder made by `nmjax history import`, or its URL; or a benchmark, whose past is drawn
        at random.
      score: Metric; by default the folder's first one, or the benchmark's own.
      direction: Of the score of a folder; a benchmark's is known.
      cost: Metric of which less is better; by default a benchmark's first such one.
      tasks: These only.
      evaluations: Of each task at the most, drawn at random.
      share: Of a task's evaluations that are its best, or its worst.
      rate: False discovery rate.
      seed: Of everything random.
      out: Folder to write: a new one, or an empty one.
      data: Folder with the data of benchmarks that no package ships.
    """

    past: Positional[str]
    score: Annotated[str | None, arg(help_behavior_hint="")] = None
    direction: Literal["max", "min"] = "max"
    cost: Annotated[str | None, arg(help_behavior_hint="")] = None
    tasks: Annotated[tuple[str, ...], arg(help_behavior_hint="(default: all)")] = ()
    evaluations: int = 1000
    share: float = 0.1
    rate: float = 0.05
    seed: int = 0
    out: Annotated[
        Path | None, arg(help_behavior_hint="(default: runs/PAST-patterns-NUMBER, next free)")
    ] = None
    data: Annotated[Path | None, arg(help_behavior_hint="(default: $NMJAX_DATA)")] = None


def run(config: PatternsConfig) -> None:
    """Print the tables and write the folder.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, data are not installed, or the
        folder is taken.
    """
    import jax
    from rich.console import Console

    from nmjax.experiments.past import past_of_store, past_of_suite
    from nmjax.experiments.patterns import find_patterns, patterns_report, write_patterns
    from nmjax.experiments.report import check_run_folder, make_run_folder

    if not (0 < config.share < 1 and 0 < config.rate < 1) or config.seed < 0:
        raise NmjaxError(
            f"Got --share {config.share}, --rate {config.rate} and --seed {config.seed}; give "
            "two numbers inside (0, 1) and one from 0."
        )
    check_run_folder(config.out)
    past_key, key = jax.random.split(jax.random.key(config.seed))
    names = (config.score, config.cost)
    drawn: dict[str, Any] = {"tasks": config.tasks, "evaluations": config.evaluations}
    if "://" in config.past or Path(config.past).is_dir():
        drawn["direction"] = config.direction
        past = past_of_store(past_key, config.past, *names, **drawn)
    else:
        past = past_of_suite(past_key, config.past, *names, **drawn, data=config.data)
    found = find_patterns(key, past, share=config.share)
    folder = make_run_folder(config.out, benchmark=past.name, target="patterns")
    write_patterns(folder, past, found, rate=config.rate)
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 100)
    console.print(patterns_report(past, found, rate=config.rate))
    console.print(f"Wrote {folder}.", soft_wrap=True)
