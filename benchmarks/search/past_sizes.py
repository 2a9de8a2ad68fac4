"""Quality of searches after pasts of several sizes, and on suites with many tasks.

    python -m benchmarks.search.past_sizes --suite mdesign-node [--methods transfer random]
        [--evaluations 40] [--sources 4] [--seeds 10]
    python -m benchmarks.search.past_sizes --suite mdesign-node --peer optuna_tpe --seeds 10

Tasks are held out in turn. On Dataset2Vec, the targets are the test tasks of the authors' first
split, and the past has all other tasks; it is the same for all targets of a seed. Targets on which
at least half of the pool has the best score have no normalized regret and are left out.
--evaluations is the number of random past evaluations of a source, and --sources draws that many
sources. All settings of nmjax are its defaults. Searches are added to those in
benchmarks/results/search/trajectories, and peers' to benchmarks/results/peers. Writes
benchmarks/results/search/past_sizes_SUITE.json, which compares all of them.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks import script
from benchmarks.peers.harness import PEERS, run_peer
from benchmarks.script import Findings, make_parser, run_benchmark
from benchmarks.search.transfer import kept_rows, label_searches, peers, running_commit
from benchmarks.search.transfer_targets import OURS, speed_targets
from nmjax.analysis import pool_summary
from nmjax.evaluation.comparison import compare, measures, paired
from nmjax.evaluation.leave_one_out import Prepared, past_keys
from nmjax.evaluation.method_runs import run_methods, seed_keys
from nmjax.evaluation.methods import METHODS
from nmjax.evaluation.protocol import BUDGET, HISTORY_SIZE
from nmjax.evaluation.trajectories import (
    PACKAGED,
    Trajectories,
    read_trajectories,
    write_trajectories,
)
from nmjax.knowledge import LearnInfo, MetaKnowledge, config_for, learn_from_history
from nmjax.search import make_problem
from nmjax.stats import mean_interval
from nmjax.tasks import Suite, make_split, sample_history, scores
from nmjax.types import Array, History

MANY_TASKS = {
    "mdesign-node": HISTORY_SIZE,
    "mdesign-link": HISTORY_SIZE,
    "mdesign-graph": HISTORY_SIZE,
    "dataset2vec-a": 40,
    "dataset2vec-b": 40,
    "dataset2vec-c": 40,
}
"""Suites outside the protocol, with the past evaluations of each source in their main comparison.
Dataset2Vec's pools have only 256 to 324 architectures."""
COMPARED = (5, 20, 100)
"""Numbers of evaluations at which paired differences are reported."""
SHOWN = ("method", "kind", "transfer", "seeds", "steps", "regret", "regret_ci", "n")


@dataclass(frozen=True)
class Past:
    """Size of a past.

    Attributes:
      evaluations: number of random evaluations of each source.
      sources: number of sources, drawn at random; None for all.
    """

    evaluations: int
    sources: int | None = None

    def __str__(self) -> str:
        return f"{self.evaluations}" + (f"_of_{self.sources}" if self.sources else "")


@dataclass(frozen=True, eq=False)
class Learned:
    """Knowledge of the past of some targets.

    Attributes:
      targets: names.
      sources: names.
      history: past evaluations.
      knowledge: knowledge learned from them.
      info: diagnostics of learning.
      seconds: wall-clock time of learning.
    """

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    history: History
    knowledge: MetaKnowledge
    info: LearnInfo
    seconds: float


def target_suite(suite: Suite) -> Suite:
    """Return the suite of the targets: all tasks, or the test tasks, that have a regret."""
    best, median = map(np.asarray, pool_summary(scores(suite)))
    candidates = suite.splits[0]["test"] if suite.splits else suite.tasks
    tasks = tuple(task for task in candidates if (best > median)[suite.tasks.index(task)])
    index = [suite.tasks.index(task) for task in tasks]
    return replace(
        suite,
        name=f"{suite.name}-test" if suite.splits else suite.name,
        tasks=tasks,
        families=tuple((task,) for task in tasks),
        metrics={name: values[index] for name, values in suite.metrics.items()},
        context=None if suite.context is None else suite.context[index],
        splits=(),
    )


def draw_pasts(suite: Suite, targets: Suite, seed: int) -> Iterator[tuple[Array, Sequence[str]]]:
    """Yield a key and the targets of each past of a seed."""
    key = jax.random.key(seed)
    if suite.splits:
        yield key, targets.tasks
        return
    for task in targets.tasks:
        yield jax.random.fold_in(key, suite.tasks.index(task)), (task,)


def draw_sources(
    key: Array, suite: Suite, targets: Sequence[str], number: int | None
) -> tuple[str, ...]:
    """Draw a number of sources, or all, from the tasks outside the targets' part of the suite."""
    apart = suite.splits[0]["test"] if suite.splits else targets
    sources = tuple(task for task in suite.tasks if task not in apart)
    if number is None:
        return sources
    drawn = jax.random.permutation(key, len(sources))[:number]
    return tuple(sources[place] for place in sorted(map(int, drawn)))


def learn_past(key: Array, suite: Suite, targets: Sequence[str], size: Past) -> Learned:
    """Draw the past of some targets, and learn from it."""
    keys = past_keys(key)
    sources = draw_sources(keys.folds, suite, targets, size.sources)
    history = sample_history(keys.history, suite, sources, size.evaluations)
    metric, begun = suite.metric_info[suite.score_metric], time.perf_counter()
    knowledge, info = jax.block_until_ready(
        learn_from_history(keys.learn, history, metric, space=suite.space)
    )
    seconds = time.perf_counter() - begun
    return Learned(tuple(targets), sources, history, knowledge, info, seconds)


def prepare_target(suite: Suite, learned: Learned, task: str) -> Prepared:
    """Build the problem of a target."""
    score = scores(suite)[suite.tasks.index(task)]
    return Prepared(
        suite,
        make_split(suite, learned.sources, task),
        None,
        learned.history,
        learned.knowledge,
        config_for(learned.history, suite.metric_info[suite.score_metric]),
        learned.info,
        make_problem(suite.space, jnp.asarray(suite.pool), score, learned.knowledge),
    )


def search(
    suite: Suite, targets: Suite, methods: Sequence[str], size: Past, seeds: int
) -> tuple[dict[str, Trajectories], float]:
    """Search every target after each past; return also the median seconds to learn from one."""
    shape = (len(targets.tasks), seeds)
    rows = {name: np.zeros((*shape, BUDGET), np.int32) for name in methods}
    seconds = {name: np.zeros(shape) for name in methods}
    learning, commit = [], running_commit()
    for seed in range(seeds):
        begun = time.perf_counter()
        for key, tasks in draw_pasts(suite, targets, seed):
            learned = learn_past(key, suite, tasks, size)
            learning.append(learned.seconds)
            for task in tasks:
                at = targets.tasks.index(task), seed
                own = jax.random.fold_in(jax.random.clone(key), 1 + suite.tasks.index(task))
                prepared = prepare_target(suite, learned, task)
                runs = run_methods(seed_keys(own, 1), prepared, methods=methods, budget=BUDGET)
                for name, run in runs.items():
                    rows[name][at] = run.trace.row[0]
                    seconds[name][at] = run.seconds["run"]
        print(f"seed {seed}: {time.perf_counter() - begun:.1f} s", flush=True)
    return label_searches(rows, seconds, commit), float(np.median(learning))


def stored_pasts(targets: Suite) -> dict[str, dict[str, Trajectories]]:
    """Read the stored searches of a suite by the name of their past."""
    folder = script.RESULTS / "search" / "trajectories"
    prefix = f"{targets.name}_after_"
    paths = sorted(folder.glob(f"{prefix}*.npz"))
    return {path.stem.removeprefix(prefix): read_trajectories(path, targets) for path in paths}


def rows_of(targets: Suite, found: Mapping[str, Trajectories], past: str) -> list[dict[str, Any]]:
    """Regret of all methods after a past, and how `transfer` compares with each other one.

    Returns:
      Rows of `compare` for each method and for each method to reach; and rows with the paired
      difference of regret at `COMPARED` numbers of evaluations, negative where `transfer` is ahead.
    """
    compared = kept_rows(compare(targets, found, focus=OURS))
    regret = {name: measures(targets, of.rows)["regret"] for name, of in found.items()}
    rows = [{name: row[name] for name in SHOWN} for row in compared if "method" in row]
    rows += [row for row in compared if "reach" in row]
    for name in sorted(regret.keys() - {OURS}):
        ours, theirs = paired(regret[OURS], regret[name])
        difference = jnp.asarray(ours - theirs)[..., np.array(COMPARED) - 1]
        interval = mean_interval(jax.random.key(0), difference)
        rows.append(
            {
                "minus": name,
                "steps": COMPARED,
                "difference": np.asarray(interval.estimate).tolist(),
                "ci": np.stack([interval.low, interval.high], axis=-1).tolist(),
            }
        )
    return [{"past": past, **row} for row in rows]


def measure(asked: argparse.Namespace) -> Findings:
    """Run the searches that are asked for, store them, and compare all that are stored."""
    suite = nmjax.load_suite(asked.suite, data=asked.data)
    targets = target_suite(suite)
    main = Past(MANY_TASKS.get(suite.name, HISTORY_SIZE))
    size = Past(asked.evaluations or main.evaluations, asked.sources)
    learned = {}
    if asked.peer:
        run_peer(asked.peer, targets, seeds=asked.seeds, budget=BUDGET, python=asked.python)
    elif asked.methods:
        found, learned[str(size)] = search(suite, targets, asked.methods, size, asked.seeds)
        path = script.RESULTS / "search/trajectories" / f"{targets.name}_after_{size}.npz"
        write_trajectories(path, targets, read_trajectories(path, targets) | found)
    pasts = stored_pasts(targets)
    whole = pasts.get(str(main), {})
    known = whole or read_trajectories(PACKAGED / f"{suite.name}.npz", targets)
    alone = {name: of for name, of in known.items() if not of.transfer}
    alone |= peers(targets, transfer=False)
    before = script.stored(f"search/past_sizes_{suite.name}")
    if before is not None:
        learned = before.config["seconds_to_learn"] | learned
    rows = [
        row
        for past, found in pasts.items()
        if OURS in found
        for row in rows_of(targets, alone | found, past)
    ]
    counted = [of.rows.shape[1] for found in pasts.values() for of in found.values()]
    return Findings(
        split="the authors' first split" if suite.splits else "leave one task out",
        seeds=range(max(counted, default=0)),
        config={
            "suite": suite.name,
            "budget": BUDGET,
            "main_past": str(main),
            "targets": targets.tasks,
            "seconds_to_learn": learned,
        },
        rows=rows,
        targets=speed_targets(targets, alone | whole) if OURS in whole else (),
        variant=suite.name,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, suite="mdesign-node", seeds=10)
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=())
    parser.add_argument("--evaluations", type=int, default=None)
    parser.add_argument("--sources", type=int, default=None)
    parser.add_argument("--peer", choices=PEERS, default=None)
    parser.add_argument("--python", default=None, help="interpreter of the peer")
    run_benchmark("search/past_sizes_", measure, parser, arguments)


if __name__ == "__main__":
    main()
