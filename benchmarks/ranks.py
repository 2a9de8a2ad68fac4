"""Average ranks over the tasks of several suites, out of the result files of `benchmarks.transfer`.

    python -m benchmarks.ranks

Of the suites that no setting was chosen on, and of all: benchmarks/results/ranks.json; and the
diagram of the latter, docs/ranks.png. Ranked are the methods that all of the suites have; one suite
is none to compare over.
"""

import time
from pathlib import Path

import numpy as np

from benchmarks.search_tables import IN_DESIGN
from nmjax.analysis.plots import plot_critical_difference
from nmjax.evaluation.comparison import RANKED, rank_methods
from nmjax.evaluation.protocol import SUITES
from nmjax.experiments import Result, collect_provenance, read_result, write_result

RESULTS = Path(__file__).parent / "results"
FIGURE = Path(__file__).parents[1] / "docs" / "ranks.png"


def overall_ranks(results: list[Result], step: int) -> dict:
    """`rank_methods` of the methods that all results have, over the tasks of all of them.

    Tasks alone are resampled, each with its mean over seeds; `seeds` are the fewest on any suite.
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


def main() -> None:
    """Writes the result file and the figure."""
    begun, provenance = time.perf_counter(), collect_provenance()
    paths = {suite: RESULTS / f"transfer_{suite}.json" for suite in SUITES}
    found = {suite: read_result(path) for suite, path in paths.items() if path.exists()}
    found = {s: of for s, of in found.items() if any("ranked_at" in row for row in of.rows)}
    apart = [suite for suite in found if suite not in IN_DESIGN]
    rows = tuple(
        overall_ranks([found[suite] for suite in suites], step) | {"suites": list(suites)}
        for suites in (apart, found)
        for step in RANKED
        if len(suites) > 1
    )
    if not rows:
        return
    result = Result(
        **provenance,
        split="as in the results of each suite",
        seeds=(),
        config={"suites": tuple(found), "in_design": IN_DESIGN},
        seconds=time.perf_counter() - begun,
        rows=rows,
    )
    write_result(RESULTS / "ranks.json", result)
    last = rows[-1]
    figure = plot_critical_difference(
        dict(zip(last["methods"], last["average_rank"], strict=True)),
        last["rank_groups"],
        emphasized="transfer",
        difference=last["critical_difference"],
        title=f"Average rank after {RANKED[-1]} evaluations over {last['tasks']} tasks",
    )
    figure.savefig(FIGURE, dpi=90)


if __name__ == "__main__":
    main()
