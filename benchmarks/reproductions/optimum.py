"""Number of evaluations to find the best architecture of NAS-Bench-201.

    python -m benchmarks.reproductions.optimum [--seeds 100] [--past-seeds 10]

Methods without a model run until nearly all searches have found it. Our methods run for 300
evaluations, with one past per seed. Random search is computed exactly. Writes
benchmarks/results/reproductions/optimum.json.
"""

import argparse
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.evaluation.leave_one_out import Prepared
from nmjax.evaluation.method_runs import run_methods, seed_keys
from nmjax.evaluation.protocol import prepare_search
from nmjax.types import Array

SUITE = "nas-bench-201"
BUDGETS = {"local-search": 1500, "evolution": 1500, "transfer": 300, "kernel-transfer": 300}
OURS = ("transfer", "kernel-transfer")
# White, Nolen and Savani, 2021, "Exploring the loss landscape in neural architecture search",
# abstract of the first version: a mean over searches of all 15,625 architectures. The pool here has
# isomorphic ones once.
PUBLISHED = {("local-search", "cifar100"): 127.0}


def found_at(rows: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Evaluations float[S] until a row with the highest score; inf if rows int[S, B] have none."""
    best = score[rows] == np.nanmax(score)
    return np.where(best.any(-1), best.argmax(-1) + 1.0, np.inf)


def summarize(method: str, task: str, at: np.ndarray) -> dict:
    """Row of evaluations float[S] to the optimum; the mean only if every search found it."""
    found = np.isfinite(at)
    return {
        "method": method,
        "task": task,
        "budget": BUDGETS[method],
        "median": float(np.median(at)) if found.mean() > 0.5 else None,
        "mean": float(at.mean()) if found.all() else None,
        "found": float(found.mean()),
        "n": len(at),
        "published": PUBLISHED.get((method, task)),
    }


def exact_random(score: Array) -> float:
    """Expected number of draws without replacement until the optimum of scores float[N]."""
    return (len(score) + 1) / (float(jnp.sum(score == jnp.nanmax(score))) + 1)


def evaluations(
    method: str, searches: Sequence[tuple[Prepared, Array]], score: Array
) -> np.ndarray:
    """Evaluations to the optimum of scores float[N], for each key of each prepared search."""
    runs = (
        run_methods(keys, prepared, methods=(method,), budget=BUDGETS[method])[method]
        for prepared, keys in searches
    )
    return np.concatenate([found_at(np.asarray(run.trace.row), np.asarray(score)) for run in runs])


def rows_of(suite: nmjax.Suite, *, seeds: int, past_seeds: int) -> list[dict]:
    """Rows by method and task."""
    rows, keys = [], seed_keys(jax.random.key(0), seeds)
    for task, score in zip(suite.tasks, nmjax.scores(suite), strict=True):
        rows.append({"method": "random", "task": task, "mean": exact_random(score), "found": 1.0})
        searches = [prepare_search(suite, task, seed) for seed in range(past_seeds)]
        for method in BUDGETS:
            chosen = searches if method in OURS else [(searches[0][0], keys)]
            rows.append(summarize(method, task, evaluations(method, chosen, score)))
    return rows


def measure(asked: argparse.Namespace) -> Findings:
    """Count the evaluations of each method on each task."""
    suite = nmjax.load_suite(SUITE)
    return Findings(
        split="leave one task out; one past per seed of nmjax's methods",
        seeds=range(asked.seeds),
        config={"suite": suite.name, "pool": len(suite.pool), "past_seeds": asked.past_seeds},
        rows=rows_of(suite, seeds=asked.seeds, past_seeds=asked.past_seeds),
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=100)
    parser.add_argument("--past-seeds", type=int, default=10)
    run_benchmark("reproductions/optimum", measure, parser)


if __name__ == "__main__":
    main()
