"""`nmjax advise`: whether a past will help with one more task."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from nmjax.cli.console import make_console
from nmjax.cli.past_options import PastConfig, draw_past
from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError


@dataclass(frozen=True)
class AdviseConfig(PastConfig):
    """Say whether past searches will help with a new task, from at most 10 evaluations of it.

    Prints the probability that a search with transfer needs fewer evaluations than one without,
    how many it is expected to save, and how alike each past task is, all with intervals. The
    evaluations should be random ones.

    Attributes:
      target: A task of the past, to be taken as new: the first of its random evaluations are seen.
      first: Number of evaluations of the target that are seen, 0 to 10.
      new: Instead of a target, a file with the evaluations of one task, ending in .csv, .parquet
        or .jsonl: the choices, the score, and the task's name in a column "task".
      evaluations: Evaluations of each task at the most, drawn at random.
      budget: Evaluations of a search without the past.
      replays: Searches of each past task as if it were new.
    """

    target: Annotated[str | None, arg(metavar="TASK", help_behavior_hint="")] = None
    first: int = 10
    new: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    evaluations: int = 300
    budget: int = 20
    replays: int = 8


def run(config: AdviseConfig) -> None:
    """Print the advice.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, a file cannot be read, data are not
        installed, or the past is too small to learn from.
    """
    from nmjax.cli.reports.advice import advice_report, advise_transfer, hold_out, read_new_task

    if (config.target is None) == (config.new is None):
        raise NmjaxError("Got no new task, or two; give either --target or --new.")
    enable_compilation_cache()
    past, key = draw_past(config)
    if config.new is not None:
        past, new = read_new_task(config.new, past)
    else:
        past, new = hold_out(past, config.target or "", config.first)
    found = advise_transfer(key, past, new, budget=config.budget, replays=config.replays)
    make_console().print(advice_report(past, new, found))
