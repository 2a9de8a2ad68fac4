"""CPU seconds of searches of nmjax and of peers on one core, without their evaluations.

    python -m benchmarks.search.overhead [--suite nas-bench-201] [--seeds 16] [--core 0]
        [--peers optuna_tpe optuna_gp botorch openbox-rgpe] [--timeout 900]

The whole run is pinned to a core and keeps freed memory, as peers do (`benchmarks.peers`). Our
searches are timed after compilation, with compilation, and with one more seed in the same call; a
peer is timed on one search of each task. If the timeout stops a peer, its finished searches count;
if none finished, its row has the time until the timeout, start included. Learning from the past
happens once, before all searches of a task, and is reported separately. A peer with transfer learns
within its search, so it is compared with the sum of our search and learning. Regrets are from the
stored trajectories. Writes
benchmarks/results/search/overhead.json.
"""

import argparse
import importlib
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.peers.harness import (
    MEMORY_KEPT,
    PEERS,
    PeerTimeoutError,
    finished_searches,
    make_environment,
    run_peer,
)
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.evaluation.comparison import measures, paired
from nmjax.evaluation.method_runs import run_methods, seed_keys
from nmjax.evaluation.protocol import BUDGET, prepare_search
from nmjax.evaluation.trajectories import packaged_trajectories
from nmjax.experiments import Target
from nmjax.stats import mean_interval

OURS = ("transfer", "kernel-transfer")
PASTS = 3
REPEATS = 5
TIMES = {"optuna_gp": 100.0, "botorch": 300.0, "openbox-rgpe": 300.0, "optuna_tpe": 1.0}


def cpu_seconds(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Measure the CPU seconds of a call, on all threads, and return them with its result."""
    begun = time.process_time()
    found = jax.block_until_ready(function(*arguments))
    return time.process_time() - begun, found


def time_ours(suite: nmjax.Suite, seeds: int) -> list[dict]:
    """Rows by method of nmjax: medians over tasks, the first of which compiles.

    The time of a single search of a task is the median of `REPEATS`; that of learning is the median
    over `PASTS` pasts of each task, the first of which compiles.
    """
    times: dict[str, list[tuple[float, ...]]] = {method: [] for method in OURS}
    learning, keys = [], seed_keys(jax.random.key(0), seeds)
    for task in suite.tasks:
        for seed in reversed(range(PASTS)):
            seconds, (prepared, _) = cpu_seconds(prepare_search, suite, task, seed)
            learning.append(seconds)
        for method in OURS:
            search = partial(run_methods, prepared=prepared, methods=(method,), budget=BUDGET)
            first, *later = (cpu_seconds(search, keys[:1])[0] for _ in range(1 + REPEATS))
            alone = median(later)
            together = [cpu_seconds(search, keys)[0] for _ in range(2)][-1]
            times[method].append((first, alone, (together - alone) / (seeds - 1)))
    rows = []
    for method, runs in times.items():
        compiling, repeated, further = zip(*runs, strict=True)
        rows.append(
            {
                "method": method,
                "cpu_seconds": median(repeated),
                "cpu_seconds_with_compilation": compiling[0],
                "cpu_seconds_one_more_seed": median(further),
                "cpu_seconds_to_learn": median(learning[1:]),
                "cpu_seconds_to_learn_with_compilation": learning[0],
                "searches": len(suite.tasks),
            }
        )
    return rows


def time_peer(suite: nmjax.Suite, name: str, folder: str, timeout: float) -> dict:
    """Row with the median over tasks, or the time until the timeout if no search finished."""
    module, _, variant = name.partition("-")
    peer, python = (
        importlib.import_module(f"benchmarks.peers.programs.{module}"),
        make_environment(module),
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        run_peer(
            name,
            suite,
            seeds=1,
            budget=BUDGET,
            python=python,
            results=folder,
            timeout=timeout,
        )
    except PeerTimeoutError:
        print(f"{name} was stopped after {timeout} s", flush=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = [
        float(np.load(path)["cpu_seconds"])
        for path in finished_searches(name, suite, results=folder).glob("*.npz")
        if not path.stem.endswith("unfinished")
    ]
    taken = sum(getattr(after, of) - getattr(before, of) for of in ("ru_utime", "ru_stime"))
    return {
        "method": name,
        "version": peer.REQUIREMENTS[0],
        "transfer": variant in peer.TRANSFER,
        "cpu_seconds": median(ended) if ended else taken,
        "searches": len(ended),
        "stopped": not ended,
    }


def with_regret(suite: nmjax.Suite, rows: Sequence[dict]) -> list[dict]:
    """Add the final regret and its paired difference to `transfer`, for stored methods."""
    kept = packaged_trajectories(suite)
    final = {
        name: measures(suite, method.rows)["regret"][..., -1:] for name, method in kept.items()
    }
    extended = []
    for row in rows:
        if (name := row["method"]) in final and "transfer" in final:
            ours, theirs = (jnp.asarray(c[..., 0]) for c in paired(final["transfer"], final[name]))
            difference = mean_interval(jax.random.key(0), ours - theirs)
            row = row | {
                "regret": float(theirs.mean()),
                "regret_difference": float(difference.estimate),
                "regret_difference_ci": [float(difference.low), float(difference.high)],
                "n": int(theirs.size),
            }
        extended.append(row)
    return extended


def targets(suite: str, rows: Sequence[dict]) -> list[Target]:
    """Targets of the ratio of CPU seconds to those of `transfer`, and of its regret.

    For a peer that learns from the past, the learning of `transfer` counts too.
    """
    by_name = {row["method"]: row for row in rows}
    ours, made = by_name["transfer"], []
    for name, times in TIMES.items():
        if name not in by_name:
            continue
        row = by_name[name]
        learns = row.get("transfer", False)
        what = f"{suite}: CPU seconds of {name} / transfer{' including learning' * learns}"
        taken = ours["cpu_seconds"] + (ours["cpu_seconds_to_learn"] if learns else 0)
        ratio = row["cpu_seconds"] / taken
        stopped = " (it was stopped in its first search)" * row.get("stopped", False)
        made.append(Target(what + stopped, ratio, "times", "at least", times, row["searches"]))
        if name == "optuna_gp":
            ratio = row["cpu_seconds"] / ours["cpu_seconds_with_compilation"]
            made.append(Target(f"{what} with compilation", ratio, "times", "at least", 1.0, 1))
        if "regret_difference" in row:
            what = f"{suite}: regret of transfer minus that of {name} at {BUDGET}"
            difference, ci = row["regret_difference"], tuple(row["regret_difference_ci"])
            made.append(Target(what, difference, "normalized regret", "at most", 0.0, row["n"], ci))
    return made


def restart_pinned(core: int) -> None:
    """Restart this program like a peer, on one core and keeping freed memory.

    A process that is pinned after its start has threads for all cores, which compete for the one
    core; learning then takes 1.5 times as long.
    """
    if os.sched_getaffinity(0) != {core} or not MEMORY_KEPT.items() <= os.environ.items():
        os.sched_setaffinity(0, {core})
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **MEMORY_KEPT})


def measure(asked: argparse.Namespace) -> Findings:
    """Time our searches and those of peers."""
    suite = nmjax.load_suite(asked.suite, data=asked.data)
    rows = time_ours(suite, asked.seeds)
    with tempfile.TemporaryDirectory() as folder:
        rows += [time_peer(suite, name, folder, asked.timeout) for name in asked.peers]
    rows = with_regret(suite, rows)
    return Findings(
        split="leave one task out; one pinned core",
        seeds=(0,),
        config={"suite": suite.name, "budget": BUDGET, "pool": len(suite.pool)}
        | {"seeds_side_by_side": asked.seeds, "timeout": asked.timeout},
        rows=rows,
        targets=targets(suite.name, rows),
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, suite="nas-bench-201")
    parser.add_argument(
        "--seeds", type=int, default=16, help="number of seeds in one call, two or more"
    )
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=tuple(TIMES))
    parser.add_argument(
        "--timeout", type=float, default=900, help="seconds for all searches of a peer"
    )
    restart_pinned(parser.parse_args().core)
    run_benchmark("search/overhead", measure, parser)


if __name__ == "__main__":
    main()
