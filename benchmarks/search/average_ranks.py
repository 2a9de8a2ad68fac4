"""Average ranks over the tasks of several suites, from the results of `search.transfer`.

    python -m benchmarks.search.average_ranks

Writes benchmarks/results/search/average_ranks.json, with ranks over the suites on which no setting
was chosen and over all suites, and docs/ranks.png, the diagram of the latter. Only methods that
were run on all of the suites are ranked.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.script import Findings, make_parser, run_benchmark, stored
from benchmarks.tables.search_tables import IN_DESIGN
from nmjax.analysis.plots import plot_critical_difference
from nmjax.evaluation.comparison import RANKED, rank_methods
from nmjax.evaluation.protocol import SUITES
from nmjax.experiments import Result

FIGURE = Path(__file__).parents[2] / "docs" / "ranks.png"


def overall_ranks(results: list[Result], step: int) -> dict:
    """Rank the methods that all results have, over the tasks of all results.

    Only tasks are resampled, each with its mean over seeds; `seeds` is the minimum over suites.
    """
    rows = [row for of in results for row in of.rows if row.get("ranked_at") == step]
    common = set.intersection(*(set(row["methods"]) for row in rows))
    names = [name for name in rows[0]["methods"] if name in common]
    places = {name: [row["methods"].index(name) for row in rows] for name in names}
    ranked = rank_methods(
        {
            name: np.concatenate(
                [np.array(row["task_regret"])[:, [at]] for row, at in zip(rows, of, strict=True)]
            )
            for name, of in places.items()
        },
        step,
    )
    fewest = [
        min(row["seeds"][at] for row, at in zip(rows, of, strict=True)) for of in places.values()
    ]
    return ranked | {"seeds": fewest}


def measure(_: argparse.Namespace) -> Findings:
    """Rank over the suites that no setting was chosen on, and over all."""
    found = {suite: stored(f"search/transfer_{suite}") for suite in SUITES}
    ranked = {
        suite: result
        for suite, result in found.items()
        if result is not None and any("ranked_at" in row for row in result.rows)
    }
    apart = [suite for suite in ranked if suite not in IN_DESIGN]
    rows = [
        overall_ranks([ranked[suite] for suite in suites], step) | {"suites": list(suites)}
        for suites in (apart, ranked)
        for step in RANKED
        if len(suites) > 1
    ]
    return Findings(
        split="as in the results of each suite",
        seeds=(),
        config={"suites": tuple(ranked), "in_design": IN_DESIGN},
        rows=rows,
    )


def main() -> None:
    """Write the result file and the figure."""
    rows = run_benchmark("search/average_ranks", measure, make_parser(__doc__)).rows
    if not rows:
        return
    draw(rows[-1]).savefig(FIGURE, dpi=150)


def draw(row: Mapping[str, Any]) -> Figure:
    """Draw the critical difference diagram of a row of ranks."""
    return plot_critical_difference(
        dict(zip(row["methods"], row["average_rank"], strict=True)),
        row["rank_groups"],
        emphasized="transfer",
        difference=row["critical_difference"],
        title=f"Average rank after {RANKED[-1]} evaluations over {row['tasks']} tasks",
    )


if __name__ == "__main__":
    main()
