"""What a past could be worth at best: searches that had evaluations of the target itself for free.

    python -m benchmarks.headroom [--suites nas-bench-graph hpobench hpolib]
        [--free 300 1000] [--seeds 2]

The search without transfer is first told the scores of random architectures of the very task that
it is about to search, and only what it evaluates after that counts. Evaluations of other tasks say
less of a task than its own, so what these searches need, for the regret that the same search has
without them after its whole budget, measures what a past could lead to (no bound, as a past has as
many evaluations of each of several tasks). What is told cannot be found any more, so it is never
more than a twentieth of the pool. Writes benchmarks/results/headroom.json.
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
from nmjax.analysis import evaluations_to_reach_interval
from nmjax.evaluation.comparison import STEPS, measures
from nmjax.evaluation.protocol import BUDGET, SUITES, prepare_search
from nmjax.evaluation.trajectories import packaged_trajectories
from nmjax.experiments import Result, collect_provenance, write_result
from nmjax.search import (
    BayesianSearch,
    Problem,
    SearchAlgorithm,
    default_hyper,
    run,
    with_flat_prior,
)
from nmjax.types import Array

RESULT = Path(__file__).parent / "results" / "headroom.json"
RIVALS = ("kernel-transfer", "evolution")
MOST_TOLD = 0.05


@partial(jax.jit, static_argnames=("algorithm", "free"))
def search_after(key: Array, problem: Problem, *, algorithm: SearchAlgorithm, free: int) -> Array:
    """The rows int32[BUDGET] that are evaluated after `free` random ones were told."""
    draw_key, search_key = jax.random.split(key)
    hyper = default_hyper(free + BUDGET)
    told = jax.random.permutation(draw_key, len(problem.score))[:free]

    def tell(state, row):
        return algorithm.observe(state, problem, hyper, row, problem.score[row])[0], None

    state, _ = jax.lax.scan(tell, algorithm.init(search_key, problem, hyper), told)
    return run(state, problem, algorithm, hyper, steps=BUDGET)[1].row


def measure(suite: nmjax.Suite, free: int, seeds: int) -> np.ndarray:
    """Rows int32[T, S, BUDGET] of searches that were told `free` evaluations."""
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
    """Mean regret, and evaluations until it is what searches that were told nothing end with."""
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    measured = ("nas-bench-graph", "hpobench", "hpolib")
    parser.add_argument("--suites", nargs="*", choices=SUITES, default=measured)
    parser.add_argument("--free", nargs="*", type=int, default=(300, 1000))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--data", type=Path, default=None)
    asked = parser.parse_args(arguments)
    begun, provenance, rows = time.perf_counter(), collect_provenance(), []
    for name in asked.suites:
        suite = nmjax.load_suite(name, data=asked.data)
        for free in asked.free:
            if free <= MOST_TOLD * len(suite.pool):
                rows.append(row_of(suite, free, measure(suite, free, asked.seeds)))
                print(rows[-1], flush=True)
    result = Result(
        **provenance,
        split="the target itself, random evaluations of it for free",
        seeds=tuple(range(asked.seeds)),
        config={"budget": BUDGET, "free": asked.free, "suites": asked.suites},
        seconds=time.perf_counter() - begun,
        rows=tuple(rows),
    )
    write_result(RESULT, result)


if __name__ == "__main__":
    main()
