"""Regret of searches with and without the component of the meta-trained network.

    python -m benchmarks.search.network_ablation [--suites hpobench transnas101] [--seeds 2]
        [--searches 4]

Each task is held out in turn. The past of each seed, the folds of tasks and the key of learning
are those of the protocol. Learning runs once with `LearnConfig(network=True)` and once with
`network=False`, and both kinds of knowledge guide the same number of searches with the same keys.
A search's mean normalized regret over evaluations 3 to 50 measures it; the first two are the
initial design. Differences are paired by task and past, and their standard error is that of the
mean over these pairs. Writes benchmarks/results/search/network_ablation.json.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import jax
import numpy as np

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.evaluation.comparison import measures
from nmjax.evaluation.leave_one_out import PastKeys, prepare
from nmjax.evaluation.method_runs import run_methods, seed_keys
from nmjax.evaluation.protocol import HISTORY_SIZE, SUITES, search_key
from nmjax.knowledge import LearnConfig
from nmjax.tasks import leave_one_out

BUDGET = 50
FIRST = 3
"""First evaluation that counts."""
VARIANTS = {"with": True, "without": False}
Values = dict[str, np.ndarray]


def search_all(suite: nmjax.Suite, seeds: int, searches: int) -> tuple[Values, Values]:
    """Search every task after each past, with and without the network.

    Returns:
      Rows int32[T, P, S, BUDGET] of S searches, and CPU seconds float[T, P] to draw the past, learn
      from it and build the target's problem, by variant.
    """
    shape = (len(suite.tasks), seeds)
    rows = {name: np.zeros((*shape, searches, BUDGET), np.int32) for name in VARIANTS}
    seconds = {name: np.zeros(shape) for name in VARIANTS}
    for t, seed in np.ndindex(*shape):
        begun, key = time.perf_counter(), search_key(suite, suite.tasks[t], seed)
        keys = seed_keys(jax.random.fold_in(key, len(PastKeys._fields)), searches)
        split = leave_one_out(suite, suite.tasks[t])
        for name, network in VARIANTS.items():
            started = time.process_time()
            prepared = prepare(
                key, suite, split, history_size=HISTORY_SIZE, config=LearnConfig(network=network)
            )
            seconds[name][t, seed] = time.process_time() - started
            found = run_methods(keys, prepared, methods=("transfer",), budget=BUDGET)
            rows[name][t, seed] = found["transfer"].trace.row
        print(f"{suite.tasks[t]} seed {seed}: {time.perf_counter() - begun:.1f} s", flush=True)
    return rows, seconds


def regret_of_pasts(suite: nmjax.Suite, rows: np.ndarray) -> np.ndarray:
    """Mean normalized regret float[T, P] over searches and evaluations, rows int32[T, P, S, B]."""
    tasks, pasts, searches, budget = rows.shape
    regret = measures(suite, rows.reshape(tasks, pasts * searches, budget))["regret"]
    return regret.reshape(rows.shape)[..., FIRST - 1 :].mean((2, 3))


def make_row(suite: str, regret: Mapping[str, np.ndarray], seconds: Mapping[str, float]) -> dict:
    """Mean regrets float[N] of N pairs, their difference, and its standard error.

    Args:
      suite: name of the row.
      regret: values of the same N >= 2 pairs of a task and a past, by variant.
      seconds: CPU seconds to learn, by variant.
    """
    difference = regret["with"] - regret["without"]
    return {
        "suite": suite,
        **{f"regret_{name}": float(regret[name].mean()) for name in VARIANTS},
        "difference": float(difference.mean()),
        "standard_error": float(difference.std(ddof=1) / np.sqrt(difference.size)),
        "pairs": int(difference.size),
        **{f"cpu_seconds_{name}": seconds[name] for name in VARIANTS},
    }


def measure(asked: argparse.Namespace) -> Findings:
    """Search with and without the network: a row a suite, and one of all suites."""
    regret: dict[str, list[np.ndarray]] = {name: [] for name in VARIANTS}
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    rows = []
    for suite in (nmjax.load_suite(name, data=asked.data) for name in asked.suites):
        found, taken = search_all(suite, asked.seeds, asked.searches)
        here = {name: regret_of_pasts(suite, found[name]).ravel() for name in VARIANTS}
        # The first learning of each variant compiles.
        warm = {name: taken[name].ravel()[1:].tolist() for name in VARIANTS}
        rows.append(make_row(suite.name, here, {name: median(warm[name]) for name in VARIANTS}))
        for name in VARIANTS:
            regret[name].append(here[name])
            seconds[name] += warm[name]
    together = {name: np.concatenate(regret[name]) for name in VARIANTS}
    rows.append(make_row("all", together, {name: median(seconds[name]) for name in VARIANTS}))
    return Findings(
        split="leave one task out; one past per seed",
        seeds=range(asked.seeds),
        config={
            "budget": BUDGET,
            "first": FIRST,
            "suites": asked.suites,
            "searches": asked.searches,
            "history_size": HISTORY_SIZE,
            "learn": vars(LearnConfig()),
        },
        rows=rows,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=2, searches=4)
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=("hpobench", "transnas101"))
    parser.add_argument("--data", type=Path, default=None, help="folder of the suites' data")
    run_benchmark("search/network_ablation", measure, parser, arguments)


if __name__ == "__main__":
    main()
