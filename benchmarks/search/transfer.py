"""Quality of searches, with each task held out in turn and one past per seed.

    python -m benchmarks.search.transfer --suite nas-bench-graph [--methods transfer random]
        [--tasks cora] [--leave family] [--history biased] [--history-size 50]

Runs the named methods: all by default, none after --methods without names. With --tasks, searches
only these tasks and keeps the stored searches of the others. Stores the trajectories and writes
benchmarks/results/search/transfer_SUITE[_VARIANT].json, which compares all stored methods and
peers. Trajectories of the protocol itself are in nmjax/evaluation/stored, where `nmjax evaluate`
finds them; those of a variant are in benchmarks/results/search/trajectories. Settings of nmjax were
chosen on HPOBench and TransNAS-Bench-101; docs/research-log.md lists what was changed after a look
at NAS-Bench-Graph.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import nmjax
from benchmarks import script
from benchmarks.peers.harness import read_trajectories as read_peer
from benchmarks.peers.harness import stored_peers
from benchmarks.script import Findings, make_parser, run_benchmark, stored
from benchmarks.search.transfer_targets import OURS, targets
from nmjax.errors import NmjaxError
from nmjax.evaluation.comparison import compare
from nmjax.evaluation.histories import HISTORIES
from nmjax.evaluation.method_runs import run_methods
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
from nmjax.experiments import collect_provenance


def run(
    suite: nmjax.Suite,
    tasks: Sequence[str],
    methods: tuple[str, ...],
    seeds: int,
    variant: Mapping,
    provenance: str,
) -> tuple[dict[str, Trajectories], dict[str, Any]]:
    """Run the methods on some tasks of the suite.

    Returns:
      Trajectories of S seeds by method; and a description of learning: the settings `learn`, one or
      several, and `medians` over tasks and seeds of the seconds per past, the generalization gap,
      and the final weight of the transferred prior.
    """
    shape = (len(tasks), seeds)
    rows = {name: np.zeros((*shape, BUDGET), np.int32) for name in methods}
    seconds = {name: np.zeros(shape) for name in methods}
    learning, settings = defaultdict(list), set()
    for t, seed in np.ndindex(*shape):
        begun = time.perf_counter()
        prepared, key = prepare_search(suite, tasks[t], seed, **variant)
        settings.add(prepared.config)
        learning["seconds_per_past"].append(time.perf_counter() - begun)
        learning["generalization_gap"].append(float(prepared.info.generalization_gap))
        for name, found in run_methods(key, prepared, methods=methods, budget=BUDGET).items():
            rows[name][t, seed] = found.trace.row[0]
            seconds[name][t, seed] = found.seconds["run"]
            if name == "transfer":
                learning["transfer_weight"].append(float(found.trace.transfer_weight[0, -1]))
        print(f"{tasks[t]} seed {seed}: {time.perf_counter() - begun:.1f} s", flush=True)
    return label_searches(rows, seconds, provenance), {
        "learn": [vars(config) for config in sorted(settings, key=repr)],
        "medians": {name: float(np.median(values)) for name, values in learning.items()},
    }


def label_searches(
    rows: Mapping[str, np.ndarray], seconds: Mapping[str, np.ndarray], provenance: str
) -> dict[str, Trajectories]:
    """Return the searches of methods in `METHODS`, rows int[T, S, B], with what is known of them.

    Args:
      rows: evaluated rows by method.
      seconds: float[T, S], wall-clock time of each search by method.
      provenance: commit that ran.
    """
    return {
        name: Trajectories(
            rows[name],
            METHODS[name].transfer,
            "ours" if METHODS[name].ours else "baseline",
            float(np.median(seconds[name])),
            provenance,
        )
        for name in rows
    }


def running_commit() -> str:
    """Name the commit that runs, and say whether it has changes."""
    source = collect_provenance()
    return f"commit {str(source['commit'])[:9]}{' and changes' * bool(source['dirty'])}"


def renewed(
    suite: nmjax.Suite, before: Trajectories, tasks: Sequence[str], new: Trajectories
) -> Trajectories:
    """Replace the trajectories of some tasks by new ones with the same number of seeds."""
    rows = before.rows.copy()
    rows[[suite.tasks.index(task) for task in tasks]] = new.rows
    provenance = f"{before.provenance} ({', '.join(tasks)} at {new.provenance})"
    return replace(before, rows=rows, provenance=provenance)


def peers(suite: nmjax.Suite, *, transfer: bool) -> dict[str, Trajectories]:
    """Stored peers of a suite; those that learn from past tasks only if `transfer`."""
    found = {}
    for name in stored_peers(suite):
        rows, record = read_peer(name, suite)
        if transfer or not record.transfer:
            found[name] = Trajectories(
                rows[..., :BUDGET], record.transfer, "peer", record.cpu_seconds, record.version
            )
    return found


def variant_name(variant: Mapping) -> str:
    """End of the file names of a variant; "" for the protocol itself."""
    parts = (
        "family" if variant["leave"] == "family" else "",
        variant["history"] if variant["history"] != "random" else "",
        str(variant["history_size"]) if variant["history_size"] != HISTORY_SIZE else "",
    )
    return "".join(f"_{part}" for part in parts if part)


def kept_rows(rows: Sequence[dict]) -> list[dict]:
    """Select the rows and columns that tables read: over all tasks, without quantiles."""
    dropped = ("quantile", "quantile_ci")
    return [
        {name: value for name, value in row.items() if name not in dropped}
        for row in rows
        if row.get("task", "all") == "all"
    ]


def make_transfer_parser() -> argparse.ArgumentParser:
    """Parser of the suite, the methods and the variant."""
    parser = make_parser(__doc__, suite=SUITES[0], seeds=SEEDS, history_size=HISTORY_SIZE)
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=tuple(METHODS))
    parser.add_argument("--tasks", nargs="+", help="all tasks of the suite by default")
    parser.add_argument("--leave", choices=SPLITTERS, default="task")
    parser.add_argument("--history", choices=HISTORIES, default="random")
    return parser


def search(
    suite: nmjax.Suite,
    kept: Mapping[str, Trajectories],
    variant: Mapping[str, Any],
    asked: argparse.Namespace,
) -> tuple[dict[str, Trajectories], dict[str, Any]]:
    """Run the methods that are asked for.

    Returns:
      Trajectories by method, over all tasks; and the description of learning from `run`.

    Raises:
      NmjaxError: a task is unknown, or its number of seeds differs from the stored ones.
    """
    methods, tasks = tuple(asked.methods), tuple(asked.tasks or suite.tasks)
    if not methods:
        return {}, {}
    if tasks != suite.tasks:
        seeds = {name: kept[name].rows.shape[1] if name in kept else 0 for name in methods}
        if set(tasks) - set(suite.tasks) or set(seeds.values()) - {asked.seeds}:
            raise NmjaxError(
                f"Got tasks {tasks} with {asked.seeds} seeds; expected tasks of {suite.tasks}, "
                f"with as many seeds as are kept: {seeds}."
            )
    ours, learning = run(suite, tasks, methods, asked.seeds, variant, running_commit())
    if tasks != suite.tasks:
        ours = {name: renewed(suite, kept[name], tasks, new) for name, new in ours.items()}
    return ours, learning


def measure(asked: argparse.Namespace) -> Findings:
    """Run the searches, store their trajectories, and compare all stored ones."""
    suite = nmjax.load_suite(asked.suite, data=asked.data)
    variant = {name: getattr(asked, name) for name in ("leave", "history", "history_size")}
    ending = variant_name(variant)
    folder = script.RESULTS / "search" / "trajectories" if ending else PACKAGED
    path = folder / f"{suite.name}{ending}.npz"
    kept = read_trajectories(PACKAGED / f"{suite.name}.npz", suite)
    if ending:
        no_past = {n: m for n, m in kept.items() if m.kind == "baseline" and not m.transfer}
        kept = no_past | read_trajectories(path, suite)
    ours, learning = search(suite, kept, variant, asked)
    known = kept | ours
    found = {method: known[method] for method in METHODS if method in known}
    found |= peers(suite, transfer=not ending)
    write_trajectories(path, suite, found)
    if OURS not in found:
        raise NmjaxError(
            "Stored. Run `--methods transfer` too, with which the others are compared."
        )
    before = stored(f"search/transfer_{suite.name}{ending}")
    if before is not None and (not asked.methods or asked.tasks):
        learning = {name: before.config[name] for name in ("learn", "medians")}
    return Findings(
        split=f"leave one {asked.leave} out; one past per seed",
        seeds=range(max(method.rows.shape[1] for method in found.values())),
        config={
            "budget": BUDGET,
            **variant,
            "methods": asked.methods,
            "search": nmjax.default_hyper(BUDGET)._asdict(),
            **learning,
        },
        rows=kept_rows(compare(suite, found, focus=OURS)),
        targets=() if ending else targets(suite, found),
        variant=f"{suite.name}{ending}",
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_transfer_parser()
    try:
        run_benchmark("search/transfer_", measure, parser)
    except NmjaxError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
