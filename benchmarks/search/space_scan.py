"""Seconds and memory of a step of `SpaceSearch` that scores every architecture of a space.

    python -m benchmarks.search.space_scan [--choices 5 6 7 8]

A space of n choices with ten options each has 10^n architectures. A step conditions the model on an
evaluation and maximizes expected improvement over the whole space by `ExhaustiveScan`. Memory is
what the compiled step needs beside its arguments and results. Writes
benchmarks/results/search/space_scan.json.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import jax
import jax.numpy as jnp

from benchmarks.memory import planned_memory
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.experiments import batch_mesh
from nmjax.knowledge import default_knowledge
from nmjax.search import ExhaustiveScan, SpaceSearch, default_hyper, make_space_problem
from nmjax.spaces import Space
from nmjax.types import Array, PyTree

CAPACITY, BLOCK, OPTIONS = 32, 4096, 10
STEPS, DEVICES = 3, (1, 2)


def distance(problem: PyTree, architecture: Array) -> Array:
    """A score with its optimum in the middle of the space."""
    del problem
    return -jnp.mean((architecture.astype(jnp.float32) - 4.5) ** 2)


def step_seconds(step: Callable, state: PyTree, *arguments: PyTree, steps: int) -> float:
    """Median of the seconds of steps (state, *arguments) -> (state, info)."""
    seconds = []
    for _ in range(steps):
        begun = time.perf_counter()
        state, _ = jax.block_until_ready(step(state, *arguments))
        seconds.append(time.perf_counter() - begun)
    return median(seconds)


def time_steps(choices: int, devices: int) -> dict:
    """Row of a space of 10^choices architectures."""
    space = Space(**{f"choice{n}": [f"o{i}" for i in range(OPTIONS)] for n in range(choices)})
    problem, hyper = make_space_problem(space, default_knowledge(space)), default_hyper(CAPACITY)
    search = SpaceSearch(
        space,
        evaluate=distance,
        capacity=CAPACITY,
        maximizer=ExhaustiveScan(block=BLOCK, mesh=batch_mesh(devices) if devices > 1 else None),
    )
    state = jax.jit(search.init)(jax.random.key(0), problem, hyper)
    step = jax.jit(search.step)
    compiled = step.lower(state, problem, hyper).compile()
    return {
        "architectures": OPTIONS**choices,
        "devices": devices,
        "seconds_per_step": step_seconds(step, state, problem, hyper, steps=STEPS),
        "megabytes": planned_memory(compiled).temp_size_in_bytes / 1e6,
    }


def measure(arguments: argparse.Namespace) -> Findings:
    rows = [time_steps(choices, devices) for choices in arguments.choices for devices in DEVICES]
    return Findings(
        split="a synthetic score",
        seeds=[0],
        config={"capacity": CAPACITY, "block": BLOCK, "options": OPTIONS, "steps": STEPS},
        rows=rows,
    )


if __name__ == "__main__":
    parser = make_parser(__doc__)
    parser.add_argument("--choices", type=int, nargs="+", default=[5, 6, 7, 8])
    jax.config.update("jax_num_cpu_devices", max(DEVICES))
    run_benchmark("search/space_scan", measure, parser)
