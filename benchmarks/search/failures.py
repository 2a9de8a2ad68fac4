"""Share of failed evaluations, with and without the learned probability of success.

    NMJAX_DATA=FOLDER python -m benchmarks.search.failures [--searches 16]

Some architectures of TransNAS-Bench-101's `class_scene` are made to fail: those with a 3x3
convolution on the last edge, or on each of the last two. A search has a past of six tasks in which
the same architectures failed, in which none failed, or no past. "Barred" ignores failures beyond
not repeating them. The share of failed evaluations is that of the last half of 60 evaluations.
Regret is normalized among the architectures that do not fail. Writes
benchmarks/results/search/failures.json.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.evaluation.leave_one_out import prepare
from nmjax.evaluation.method_runs import seed_keys
from nmjax.evaluation.protocol import HISTORY_SIZE
from nmjax.experiments import Target
from nmjax.knowledge import default_knowledge
from nmjax.search import BayesianSearch, Problem, RandomSearch, make_problem, run_batch
from nmjax.tasks import leave_one_out, scores

BUDGET = 60
TASK = "class_scene"
CONVOLUTION = 3
"""Option of the 3x3 convolution."""
CASES = {"one option": (5,), "two options together": (4, 5), "nothing": ()}
"""Edges that must all have a 3x3 convolution for an architecture to fail."""
STEPS = (5, 10, 20, 60)
ALLOWED = 1 / 4
"""Largest share of failures as a fraction of that of random search."""


def failing(suite: nmjax.Suite, edges: Sequence[int]) -> np.ndarray:
    """Return which architectures bool[N] fail; none without edges."""
    fails: np.ndarray = (suite.pool[:, list(edges)] == CONVOLUTION).all(axis=1)
    return fails & bool(edges)


def with_failures(suite: nmjax.Suite, fails: np.ndarray) -> nmjax.Suite:
    """Return the suite in which the evaluations of some architectures bool[N] fail."""
    return replace(
        suite, metrics={name: np.where(fails, np.nan, raw) for name, raw in suite.metrics.items()}
    )


def problems(suite: nmjax.Suite, fails: np.ndarray) -> dict[str, Problem]:
    """Return the problem of the target after each past."""
    found = {}
    pasts = {"past failed": with_failures(suite, fails), "past never failed": suite}
    if not fails.any():
        del pasts["past failed"]
    score = jnp.where(fails, jnp.nan, scores(suite)[suite.tasks.index(TASK)])
    for name, past in pasts.items():
        prepared = prepare(
            jax.random.key(0), past, leave_one_out(past, TASK), history_size=HISTORY_SIZE
        )
        found[name] = prepared.problem._replace(score=score)
    found["no past"] = make_problem(
        suite.space, jnp.asarray(suite.pool), score, default_knowledge(suite.space)
    )
    return found


def summarize(trace_score: np.ndarray, table: np.ndarray) -> dict[str, Any]:
    """Shares of failures and mean normalized regret of searches with scores float[S, BUDGET]."""
    best, median = np.nanmax(table), np.nanmedian(table)
    # Without a success, the incumbent is the worst of the architectures that do not fail.
    known = np.where(np.isnan(trace_score), np.nanmin(table), trace_score)
    regret = (best - np.maximum.accumulate(known, axis=1)) / (best - median)
    failed = np.isnan(trace_score)
    return {
        "failed_first_10": float(failed[:, :10].mean()),
        "failed_last_half": float(failed[:, BUDGET // 2 :].mean()),
        "steps": list(STEPS),
        "regret": [float(regret[:, step - 1].mean()) for step in STEPS],
        "median_regret": [float(np.median(regret[:, step - 1])) for step in STEPS],
    }


def measure(asked: argparse.Namespace) -> Findings:
    """Search each case after each past, with and without the probability of success."""
    suite = nmjax.load_suite("transnas101", data=asked.data)
    keys, rows, targets = seed_keys(jax.random.key(1), asked.searches), [], []
    bayesian, random = BayesianSearch(capacity=BUDGET), RandomSearch(capacity=BUDGET)
    for case, edges in CASES.items():
        fails = failing(suite, edges)
        found = problems(suite, fails)
        table = np.asarray(found["no past"].score)
        drawn = run_batch(keys, found["no past"], random, steps=BUDGET)[1]
        at_random = summarize(np.asarray(drawn.score), table)
        shared = {"fails": case, "share": float(fails.mean())}
        rows.append({**shared, "method": "random", "past": "no past", "barred": None, **at_random})
        for past, problem in found.items():
            traces = {
                barred: run_batch(
                    keys,
                    problem._replace(failures=None) if barred else problem,
                    bayesian,
                    steps=BUDGET,
                )[1]
                for barred in (True, False)
            }
            for barred, trace in traces.items():
                row = summarize(np.asarray(trace.score), table)
                same = bool((trace.row == traces[True].row).all())
                rows.append(
                    {**shared, "method": "bayesian", "past": past, "barred": barred, **row}
                    | {"same_rows_as_barred": same}
                )
            if fails.any():
                ratio = row["failed_last_half"] / at_random["failed_last_half"]
                name = f"{case} fails, {past}: failures in the last half, relative to random"
                targets.append(Target(name, ratio, "ratio", "at most", ALLOWED, n=asked.searches))
    return Findings(
        split=f"{TASK} held out; one past of the other six tasks",
        seeds=range(asked.searches),
        config={"budget": BUDGET, "cases": CASES, "history_size": HISTORY_SIZE},
        rows=rows,
        targets=targets,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, searches=16)
    parser.add_argument("--data", type=Path, default=None, help="folder of the suite's data")
    run_benchmark("search/failures", measure, parser, arguments)


if __name__ == "__main__":
    main()
