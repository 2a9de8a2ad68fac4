"""Report on the similarity of past tasks: a table, a plot and a file of all pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import leaves_list

from nmjax.analysis import cluster_tasks
from nmjax.analysis.plots import plot_similarity
from nmjax.cli.console import past_heading, plain_table
from nmjax.stats import Interval
from nmjax.tasks.past_searches import PastSearches

if TYPE_CHECKING:
    from rich.console import Group

MATRIX = 12
"""Largest number of tasks whose pairwise similarities are printed."""
MEANINGS = {
    "rank": "Spearman's correlation of scores over the space, by correlated Gaussian processes",
    "distribution": "exp(-Wasserstein distance) of the distributions of standardized scores",
}


def similarity_report(past: PastSearches, found: Interval, *, measure: str) -> "Group":
    """Format all pairs of a few tasks, and the most and least similar task of each."""
    from rich.console import Group

    middle, low, high = (np.asarray(end) for end in found)
    order = leaves_list(cluster_tasks(middle)).tolist()
    parts: list[Any] = [
        *past_heading(past),
        f"{MEANINGS[measure]}; with 95% intervals, tasks in the order of their clusters",
    ]

    if len(order) <= MATRIX:
        matrix = plain_table()
        matrix.add_column("task", no_wrap=True)
        for number in range(1, len(order) + 1):
            matrix.add_column(str(number), justify="right", no_wrap=True)
        for number, task in enumerate(order, 1):
            cells = [f"{middle[task, other]:.2f}" if other != task else "." for other in order]
            matrix.add_row(f"{number} {past.tasks[task]}", *cells)
        parts += [matrix, ""]

    ends = plain_table()
    for column in ("task", "most similar", "", "least similar", ""):
        ends.add_column(column, no_wrap=not column)
    for task in order:
        others = [other for other in order if other != task]
        row = [past.tasks[task]]
        for other in (max(others, key=middle[task].item), min(others, key=middle[task].item)):
            of_pair = f"{middle[task, other]:.2f} [{low[task, other]:.2f}, {high[task, other]:.2f}]"
            row += [past.tasks[other], of_pair]
        ends.add_row(*row)
    return Group(*parts, ends, "")


def write_similarity(folder: Path, past: PastSearches, found: Interval, *, measure: str) -> None:
    """Write similarity.parquet, with all pairs, and similarity.png."""
    import pyarrow as pa
    from pyarrow import parquet

    one, other = np.triu_indices(len(past.tasks), 1)
    pairs = {
        "task": [past.tasks[task] for task in one],
        "other": [past.tasks[task] for task in other],
        "measure": [measure] * len(one),
    }
    values = {
        name: np.asarray(end)[one, other]
        for name, end in zip(("similarity", "low", "high"), found, strict=True)
    }
    parquet.write_table(pa.table(pairs | values), folder / "similarity.parquet")
    title = f"{past.name}: similarity of tasks by {measure} of {past.required_metric.name}"
    plot_similarity(found, past.tasks, title=title).savefig(folder / "similarity.png")
