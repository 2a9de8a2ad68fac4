"""Reference for the value of a past: searches with free evaluations of the target.

    python -m benchmarks.search.target_oracle [--suites nas-bench-graph hpobench hpolib]
        [--free 300 1000] [--seeds 2]

The search without transfer first observes the scores of random architectures of the target itself.
These evaluations do not count and cannot be found again, so they are at most a twentieth of the
pool. Evaluations of other tasks are less informative than those of the target, so the number of
evaluations until the final regret of the search without them indicates what a past could be worth.
This is no strict bound, because a past has evaluations of several tasks. Writes
benchmarks/results/search/target_oracle.json.
"""

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.analysis import evaluations_to_reach_interval
from nmjax.evaluation.comparison import STEPS, measures
from nmjax.evaluation.protocol import BUDGET, SUITES, prepare_search
from nmjax.evaluation.trajectories import packaged_trajectories
from nmjax.search import (
    BayesianSearch,
    Problem,
    SearchAlgorithm,
    default_hyper,
    run,
    with_flat_prior,
)
from nmjax.types import Array

RIVALS = ("kernel-transfer", "evolution")
MOST_FREE = 0.05


@partial(jax.jit, static_argnames=("algorithm", "free"))
def search_after(key: Array, problem: Problem, *, algorithm: SearchAlgorithm, free: int) -> Array:
    """Search after observing `free` random architectures; return the rows int32[BUDGET]."""
    draw_key, search_key = jax.random.split(key)
    hyper = default_hyper(free + BUDGET)
    known = jax.random.permutation(draw_key, len(problem.score))[:free]

    def tell(state, row):
        return algorithm.observe(state, problem, hyper, row, problem.score[row])[0], None

    state, _ = jax.lax.scan(tell, algorithm.init(search_key, problem, hyper), known)
    return run(state, problem, algorithm, hyper, steps=BUDGET)[1].row


def search_all(suite: nmjax.Suite, free: int, seeds: int) -> np.ndarray:
    """Rows int32[T, S, BUDGET] of searches of every task after `free` evaluations."""
    algorithm = BayesianSearch(capacity=free + BUDGET)
    rows = np.zeros((len(suite.tasks), seeds, BUDGET), np.int32)
    for t, seed in np.ndindex(rows.shape[:2]):
        begun = time.perf_counter()
        prepared, keys = prepare_search(suite, suite.tasks[t], seed)
        problem = with_flat_prior(prepared.problem)._replace(knowledge=None)
        rows[t, seed] = search_after(keys[0], problem, algorithm=algorithm, free=free)
        taken = time.perf_counter() - begun
        print(f"{suite.tasks[t]}, {free} free, seed {seed}: {taken:.1f} s", flush=True)
    return rows


def row_of(suite: nmjax.Suite, free: int, rows: np.ndarray) -> dict:
    """Mean regret, and evaluations until the final regret of searches without free ones."""
    regret = measures(suite, rows)["regret"]
    kept = packaged_trajectories(suite)
    found = {
        "suite": suite.name,
        "free": free,
        "steps": list(STEPS),
        "regret": [float(regret[..., step - 1].mean()) for step in STEPS],
        "n": int(regret[..., 0].size),
    }
    for rival in RIVALS:
        theirs = measures(suite, kept[rival].rows[:, : rows.shape[1]])["regret"]
        reach = evaluations_to_reach_interval(
            jax.random.key(0), jnp.asarray(regret), jnp.asarray(theirs)
        )
        found[f"reaches_{rival}"] = int(reach.estimate)
        found[f"reaches_{rival}_ci"] = [int(reach.low), int(reach.high)]
    return found


def measure(asked: argparse.Namespace) -> Findings:
    """Search every task after free evaluations of it."""
    rows = []
    for name in asked.suites:
        suite = nmjax.load_suite(name, data=asked.data)
        for free in asked.free:
            if free <= MOST_FREE * len(suite.pool):
                found = search_all(suite, free, asked.seeds)
                rows.append(row_of(suite, free, found))
    return Findings(
        split="free random evaluations of the target itself",
        seeds=range(asked.seeds),
        config={"budget": BUDGET, "free": asked.free, "suites": asked.suites},
        rows=rows,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=2)
    measured = ("nas-bench-graph", "hpobench", "hpolib")
    parser.add_argument("--suites", nargs="*", choices=SUITES, default=measured)
    parser.add_argument("--free", nargs="*", type=int, default=(300, 1000))
    parser.add_argument("--data", type=Path, default=None)
    run_benchmark("search/target_oracle", measure, parser, arguments)


if __name__ == "__main__":
    main()
