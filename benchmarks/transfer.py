"""How good a search is: every task held out in turn, every seed with a past of its own.

    python -m benchmarks.transfer --suite nas-bench-graph [--methods transfer random]
        [--tasks cora] [--leave family] [--history biased] [--history-size 50]

Runs the methods that are named (all by default, none after a bare --methods), on some tasks only if
these are named and searches of the others are kept. Keeps what they evaluated, and writes
benchmarks/results/transfer_SUITE[_VARIANT].json about all that is kept, stored peers included.
Under the protocol itself, which has no variant, trajectories are kept in nmjax/evaluation/stored,
where `nmjax evaluate` finds them; those of a variant beside the results. Settings of nmjax were
chosen on HPOBench and TransNAS-Bench-101; what was changed after a look at NAS-Bench-Graph is told
in docs/research-log.md.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import nmjax
from benchmarks.peers.harness import read_trajectories as read_peer
from benchmarks.peers.harness import stored_peers
from benchmarks.transfer_marks import marks
from nmjax.evaluation.comparison import compare
from nmjax.evaluation.histories import HISTORIES
from nmjax.evaluation.leave_one_out import run_methods
from nmjax.evaluation.methods import METHODS
from nmjax.evaluation.protocol import (
    BUDGET,
    HISTORY_SIZE,
    SEEDS,
    SPLITTERS,
    SUITES,
    prepare_search,
)
from nmjax.evaluation.trajectories import (
    PACKAGED,
    Trajectories,
    read_trajectories,
    write_trajectories,
)
from nmjax.experiments import Result, collect_provenance, read_result, write_result

RESULTS = Path(__file__).parent / "results"


def run(
    suite: nmjax.Suite,
    tasks: Sequence[str],
    methods: tuple[str, ...],
    seeds: int,
    variant: Mapping,
    provenance: str,
) -> tuple[dict[str, Trajectories], dict[str, Any]]:
    """What the methods did on some tasks of the suite, and how learning went.

    Returns:
      Trajectories of S seeds by method; and the settings of learning, `learn`, one or several, and
      `medians` over tasks and seeds of the seconds to learn a past, its generalization gap, and the
      transfer_weight in the transferred prior at the end of the budget.
    """
    shape = (len(tasks), seeds)
    rows = {name: np.zeros((*shape, BUDGET), np.int32) for name in methods}
    seconds = {name: np.zeros(shape) for name in methods}
    told, settings = defaultdict(list), set()
    for t, seed in np.ndindex(*shape):
        begun = time.perf_counter()
        prepared, key = prepare_search(suite, tasks[t], seed, **variant)
        settings.add(prepared.config)
        told["seconds_a_past"].append(time.perf_counter() - begun)
        told["generalization_gap"].append(float(prepared.info.generalization_gap))
        for name, found in run_methods(key, prepared, methods=methods, budget=BUDGET).items():
            rows[name][t, seed] = found.trace.row[0]
            seconds[name][t, seed] = found.seconds["run"]
            if name == "transfer":
                told["transfer_weight"].append(float(found.trace.transfer_weight[0, -1]))
        print(f"{tasks[t]} seed {seed}: {time.perf_counter() - begun:.1f} s", flush=True)
    found = {
        name: Trajectories(
            rows[name],
            METHODS[name].transfer,
            "ours" if METHODS[name].ours else "baseline",
            float(np.median(seconds[name])),
            provenance,
        )
        for name in methods
    }
    return found, {
        "learn": [vars(config) for config in sorted(settings, key=repr)],
        "medians": {name: float(np.median(values)) for name, values in told.items()},
    }


def renewed(
    suite: nmjax.Suite, before: Trajectories, tasks: Sequence[str], anew: Trajectories
) -> Trajectories:
    """Those kept, but for some tasks that were run anew, as many seeds of each."""
    rows = before.rows.copy()
    rows[[suite.tasks.index(task) for task in tasks]] = anew.rows
    provenance = f"{before.provenance} ({', '.join(tasks)} at {anew.provenance})"
    return replace(before, rows=rows, provenance=provenance)


def peers(suite: nmjax.Suite, *, transfer: bool) -> dict[str, Trajectories]:
    """The stored peers of a suite; those that learn from past tasks only where `transfer`."""
    found = {}
    for name in stored_peers(suite):
        rows, record = read_peer(name, suite)
        if transfer or not record.transfer:
            found[name] = Trajectories(
                rows[..., :BUDGET], record.transfer, "peer", record.cpu_seconds, record.version
            )
    return found


def variant_name(variant: Mapping) -> str:
    """What a variant adds to the names of its files; "" under the protocol itself."""
    parts = (
        "family" if variant["leave"] == "family" else "",
        variant["history"] if variant["history"] != "random" else "",
        str(variant["history_size"]) if variant["history_size"] != HISTORY_SIZE else "",
    )
    return "".join(f"_{part}" for part in parts if part)


def main() -> None:
    """Measures and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", choices=SUITES, default=SUITES[0])
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=tuple(METHODS))
    parser.add_argument("--tasks", nargs="+", help="those of the suite by default")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--leave", choices=SPLITTERS, default="task")
    parser.add_argument("--history", choices=HISTORIES, default="random")
    parser.add_argument("--history-size", type=int, default=HISTORY_SIZE)
    parser.add_argument("--data", type=Path, default=None)
    arguments = parser.parse_args()
    begun, provenance = time.perf_counter(), collect_provenance()

    suite = nmjax.load_suite(arguments.suite, data=arguments.data)
    variant = {name: getattr(arguments, name) for name in ("leave", "history", "history_size")}
    name = f"{suite.name}{variant_name(variant)}"
    folder = RESULTS / "trajectories" if variant_name(variant) else PACKAGED
    kept = read_trajectories(PACKAGED / f"{suite.name}.npz", suite)
    if variant_name(variant):
        no_past = {n: m for n, m in kept.items() if m.kind == "baseline" and not m.transfer}
        kept = no_past | read_trajectories(folder / f"{name}.npz", suite)
    methods = tuple(arguments.methods)
    commit = f"commit {str(provenance['commit'])[:9]}{' and changes' * bool(provenance['dirty'])}"
    tasks = tuple(arguments.tasks or suite.tasks)
    if tasks != suite.tasks:
        seeds = {name: kept[name].rows.shape[1] if name in kept else 0 for name in methods}
        if set(tasks) - set(suite.tasks) or set(seeds.values()) - {arguments.seeds}:
            parser.error(f"--tasks are of {suite.tasks}, with as many seeds as are kept: {seeds}")
    sizes = methods, arguments.seeds
    ours, told = run(suite, tasks, *sizes, variant, commit) if methods else ({}, {})
    if tasks != suite.tasks:
        ours = {name: renewed(suite, kept[name], tasks, anew) for name, anew in ours.items()}
    known = kept | ours
    found = {method: known[method] for method in METHODS if method in known}
    found |= peers(suite, transfer=not variant_name(variant))
    write_trajectories(folder / f"{name}.npz", suite, found)
    if "transfer" not in found:
        print("Kept; there is nothing to compare before `--methods transfer` has run.")
        return

    path, rows = RESULTS / f"transfer_{name}.json", compare(suite, found, focus="transfer")
    if path.exists() and (not methods or tasks != suite.tasks):
        before = read_result(path).config
        told = {name: before[name] for name in ("learn", "medians")}
    result = Result(
        **provenance,
        split=f"leave one {arguments.leave} out; each seed has a past of its own",
        seeds=tuple(range(max(method.rows.shape[1] for method in found.values()))),
        config={
            "budget": BUDGET,
            **variant,
            "methods": methods,
            "search": nmjax.default_hyper(BUDGET)._asdict(),
            **told,
        },
        seconds=time.perf_counter() - begun,
        rows=tuple(rows),
        marks=tuple(marks(suite, found)) if not variant_name(variant) else (),
    )
    write_result(path, result)
    for row in rows:
        if row.get("task") == "all":
            print(f"{row['method']:22}", *(f"{value:.3f}" for value in row["regret"]))


if __name__ == "__main__":
    main()
