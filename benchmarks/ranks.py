"""Average ranks over the tasks of all suites, out of the result files of `benchmarks.transfer`.

    python -m benchmarks.ranks

Writes benchmarks/results/ranks.json and its diagram, docs/ranks.png, of the methods that all suites
have; one suite is none to compare over.
"""

import time
from pathlib import Path

import numpy as np

from nmjax.analysis.plots import plot_critical_difference
from nmjax.experiments import Result, provenance, read_result, write_result
from nmjax.experiments.comparison import RANKED, rank_methods
from nmjax.experiments.protocol import SUITES

RESULTS = Path(__file__).parent / "results"
FIGURE = Path(__file__).parents[1] / "docs" / "ranks.png"


def overall_ranks(results: list[Result], step: int) -> dict:
    """`rank_methods` of the methods that all results have, over the tasks of all of them."""
    rows = [row for of in results for row in of.rows if row.get("ranked_at") == step]
    common = set.intersection(*(set(row["methods"]) for row in rows))
    return rank_methods(
        {
            name: np.concatenate(
                [np.array(row["task_regret"])[:, [row["methods"].index(name)]] for row in rows]
            )
            for name in rows[0]["methods"]
            if name in common
        },
        step,
    )


def main() -> None:
    """Writes the result file and the figure."""
    begun, origin = time.perf_counter(), provenance()
    paths = {suite: RESULTS / f"transfer_{suite}.json" for suite in SUITES}
    found = {suite: read_result(path) for suite, path in paths.items() if path.exists()}
    found = {s: of for s, of in found.items() if any("ranked_at" in row for row in of.rows)}
    if len(found) < 2:
        return
    rows = tuple(overall_ranks(list(found.values()), step) for step in RANKED)
    result = Result(
        **origin,
        split="as in the results of each suite",
        seeds=(),
        config={"suites": tuple(found)},
        seconds=time.perf_counter() - begun,
        rows=rows,
    )
    write_result(RESULTS / "ranks.json", result)
    last = rows[-1]
    figure = plot_critical_difference(
        dict(zip(last["methods"], last["average_rank"], strict=True)),
        last["rank_groups"],
        emphasised="transfer",
        difference=last["critical_difference"],
        title=f"Average rank after {RANKED[-1]} evaluations over {last['tasks']} tasks",
    )
    figure.savefig(FIGURE, dpi=90)


if __name__ == "__main__":
    main()
