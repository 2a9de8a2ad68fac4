"""Report on whether past tasks are likely to help with a new one."""

from typing import TYPE_CHECKING

import numpy as np

from nmjax.cli.console import plain_table
from nmjax.search import NewTask, TransferAdvice
from nmjax.tasks.past_searches import PastSearches

if TYPE_CHECKING:
    from rich.console import Group


def advice_report(past: PastSearches, new: NewTask, found: TransferAdvice) -> "Group":
    """Format the probability that transfer helps and the similarity of each past task.

    Args:
      past: past tasks, without the new one.
      new: evaluations of the new task.
      found: result of `advise_from_past`.
    """
    from rich.console import Group
    from rich.text import Text

    known = int(np.sum(~np.isnan(np.asarray(new.score))))
    failed = f", {len(new.score) - known} of them failed" if known < len(new.score) else ""
    heading = f"\n{past.name}: will {len(past.tasks)} past tasks help with {new.name}?"
    caption = f"Estimated from {len(new.score)} evaluations of {new.name}{failed}.\n"

    answers = plain_table()
    answers.add_column("", no_wrap=True)
    answers.add_column("", justify="right", no_wrap=True)
    answers.add_column("90% interval", justify="right", no_wrap=True)
    middle, low, high = (f"{float(end):.2f}" for end in found.probability)
    answers.add_row("probability that transfer helps", middle, f"{low} to {high}")

    alike = plain_table()
    alike.add_column("past task", no_wrap=True)
    alike.add_column("rank correlation", justify="right", no_wrap=True)
    alike.add_column("95% interval", justify="right", no_wrap=True)
    ends = np.stack([np.asarray(end) for end in found.similarity], axis=-1)
    for source in np.argsort(-ends[:, 0], kind="stable"):
        middle, low, high = (f"{end:.2f}" for end in ends[source])
        alike.add_row(past.tasks[source], middle, f"{low} to {high}")
    return Group(
        Text(heading, style="bold"),
        Text(caption, style="dim"),
        answers,
        f"\nTransfer helps if it reaches the best score of {found.budget} evaluations without the "
        "past in fewer evaluations. The probability is an uncalibrated estimate from replays of "
        "past tasks.\n",
        alike,
        "",
    )
