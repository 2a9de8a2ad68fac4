"""`nmjax similarity`: pairwise similarities of past tasks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from nmjax.cli.console import make_console
from nmjax.cli.past_options import PastConfig, draw_past


@dataclass(frozen=True)
class SimilarityConfig(PastConfig):
    """Measure how similar past tasks are.

    Prints the similarity of each pair of tasks, and the most and the least similar task of each,
    with intervals. Writes a heat map in the order of a hierarchical clustering, and a table of all
    pairs, to a folder.

    Attributes:
      measure: Measure of similarity. "rank" is the rank correlation of predicted scores over the
        space. "distribution" compares only how scores are distributed.
      out: Folder to write: a new one, or an empty one.
    """

    measure: Annotated[str, arg(metavar="{rank,distribution}")] = "rank"
    out: Annotated[
        Path | None, arg(help_behavior_hint="(default: runs/PAST-similarity-NUMBER, next free)")
    ] = None


def run(config: SimilarityConfig) -> None:
    """Print the table and write the folder.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, there are fewer than two tasks, data
        are not installed, or the folder is not empty or cannot be made.
    """
    from nmjax.cli.reports.similarity import similarity_report, write_similarity
    from nmjax.cli.run_folder import run_folder
    from nmjax.knowledge import pairwise_similarity

    past, key = draw_past(config)
    with run_folder(config.out, benchmark=past.name, target="similarity") as folder:
        found = pairwise_similarity(
            key, past.history, past.required_metric, space=past.space, measure=config.measure
        )
        write_similarity(folder, past, found, measure=config.measure)
    console = make_console()
    console.print(similarity_report(past, found, measure=config.measure))
    console.print(f"Wrote {folder}.", soft_wrap=True)
