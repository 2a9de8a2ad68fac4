"""Seconds and memory of a step of `BayesianSearch` by its capacity, the largest budget it holds.

    python -m benchmarks.search.budgets [--capacities 128 1024 10240]

The pool has 20,000 architectures. A state is as large as its capacity from the first step on, so
all steps cost the same. Memory is the state's, and what the compiled step needs beside its
arguments and results. Writes benchmarks/results/search/budgets.json.
"""

import argparse

import jax
import jax.numpy as jnp

from benchmarks.memory import planned_memory
from benchmarks.script import Findings, make_parser, run_benchmark
from benchmarks.search.space_scan import distance, step_seconds
from nmjax.knowledge import default_knowledge
from nmjax.search import BayesianSearch, default_hyper, make_problem
from nmjax.spaces import Space, sample_pool
from nmjax.types import PyTree

POOL, STEPS = 20_000, 3
SPACE = Space(**{f"choice{n}": [f"o{i}" for i in range(10)] for n in range(10)})


def pooled_problem() -> PyTree:
    """A pool of random architectures with their scores."""
    pool = jnp.asarray(sample_pool(jax.random.key(0), SPACE, POOL)[0])
    scores = jax.vmap(distance, in_axes=(None, 0))(None, pool)
    return make_problem(SPACE, pool, scores, default_knowledge(SPACE))


def time_step(capacity: int) -> dict:
    """Row of a capacity."""
    search, problem = BayesianSearch(capacity=capacity), pooled_problem()
    hyper = default_hyper(capacity)
    state = jax.jit(search.init)(jax.random.key(0), problem, hyper)
    step = jax.jit(search.step, donate_argnums=0).lower(state, problem, hyper).compile()
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    return {
        "capacity": capacity,
        "seconds_per_step": step_seconds(step, state, problem, hyper, steps=STEPS),
        "state_megabytes": size / 1e6,
        "temporary_megabytes": planned_memory(step).temp_size_in_bytes / 1e6,
    }


def measure(asked: argparse.Namespace) -> Findings:
    rows = [time_step(capacity) for capacity in asked.capacities]
    return Findings(
        split="a synthetic score",
        seeds=[0],
        config={"pool": POOL, "choices": SPACE.num_choices, "options": 10, "steps": STEPS},
        rows=rows,
    )


if __name__ == "__main__":
    parser = make_parser(__doc__)
    parser.add_argument("--capacities", type=int, nargs="+", default=[128, 1024, 10240])
    run_benchmark("search/budgets", measure, parser)
