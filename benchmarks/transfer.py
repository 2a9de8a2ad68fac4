"""How good a search is: every task held out in turn, every seed with a past of its own.

    python -m benchmarks.transfer --suite nas-bench-graph [--seeds 16] [--leave family]

Writes benchmarks/results/transfer_SUITE[_family].json. Settings of nmjax were chosen on HPOBench
and TransNAS-Bench-101 (benchmarks/NOTES.md) before NAS-Bench-Graph was run.
"""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.peers.protocol import read_trajectories, stored_peers
from nmjax.analysis import (
    evaluations_to_reach_interval,
    incumbent,
    incumbent_position,
    normalised_regret,
    not_worse,
    pool_summary,
)
from nmjax.experiments import Mark, Result, provenance, write_result
from nmjax.experiments.leave_one_out import prepare, run_methods, seed_keys
from nmjax.experiments.methods import METHODS
from nmjax.stats import mean_interval
from nmjax.tasks import oriented_metric

BUDGET = 100
STEPS = (1, 5, 10, 20, 50, 100)
RESULTS = Path(__file__).parent / "results"


def trajectories(
    suite: nmjax.Suite, leave: str, seeds: int, history_size: int, methods: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """What every method did, and how learning went.

    Returns:
      Rows int32[T, S, B] by method; the confidence in the transferred prior, float[T, S, B]; and
      the generalisation gap of meta-training, float[T, S].
    """
    splitters = {"task": nmjax.leave_one_out, "family": nmjax.leave_family_out}
    shape = (len(suite.tasks), seeds, BUDGET)
    rows = {name: np.zeros(shape, np.int32) for name in methods}
    confidence = np.full(shape, np.nan)
    gap = np.full(shape[:2], np.nan)
    for t, task in enumerate(suite.tasks):
        split = splitters[leave](suite, task)
        for seed in range(seeds):
            begun = time.perf_counter()
            key = jax.random.fold_in(jax.random.key(seed), t)
            prepared = prepare(key, suite, split, history_size=history_size)
            keys = seed_keys(jax.random.fold_in(key, 1), 1)
            runs = run_methods(keys, prepared, methods=methods, budget=BUDGET)
            for name, run in runs.items():
                rows[name][t, seed] = run.trace.row[0]
            confidence[t, seed] = runs["transfer"].trace.confidence[0]
            gap[t, seed] = prepared.info.generalisation_gap
            print(f"{task} seed {seed}: {time.perf_counter() - begun:.1f} s", flush=True)
    return rows, confidence, gap


def peer_trajectories(suite: nmjax.Suite, seeds: int) -> dict[str, np.ndarray]:
    """Rows int32[T, S, B] of each peer whose searches of the suite are stored."""
    found = {name: read_trajectories(name, suite)[0] for name in stored_peers(suite)}
    return {name: rows[:, :seeds, :BUDGET] for name, rows in found.items()}


def measures(suite: nmjax.Suite, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Regret, log10 of the best rank, quantile and test score, float[T, S, B], of rows."""
    table = oriented_metric(suite, suite.score_metric)
    tasks = np.arange(len(suite.tasks))[:, None, None]
    best, median = pool_summary(jnp.asarray(table))
    score = incumbent(jnp.asarray(table[tasks, rows]))
    order = np.argsort(np.argsort(-table, axis=1, kind="stable"), axis=1, kind="stable") + 1
    rank = np.minimum.accumulate(order[tasks, rows], axis=-1)
    found = {
        "regret": np.asarray(normalised_regret(score, best[:, None], median[:, None])),
        "log10_rank": np.log10(rank),
        "quantile": 1 - (rank - 1) / table.shape[1],
    }
    if suite.test_metric is not None:
        position = np.asarray(incumbent_position(jnp.asarray(table[tasks, rows])))
        at_best = np.take_along_axis(rows, np.maximum(position, 0), axis=-1)
        found["test"] = oriented_metric(suite, suite.test_metric)[tasks, at_best]
    return found


def summary_rows(
    suite: nmjax.Suite, by_method: dict[str, dict[str, np.ndarray]], confidence: np.ndarray
) -> list[dict]:
    """One row a method over all tasks, and one a method and task."""
    key = jax.random.key(0)
    rows = []
    for name, found in by_method.items():
        for task, at in [("all", slice(None)), *((t, [i]) for i, t in enumerate(suite.tasks))]:
            row = {
                "method": name,
                "task": task,
                "steps": list(STEPS),
                "n": int(found["regret"][at][..., 0].size),
            }
            for measure, values in found.items():
                chosen = values[at][..., np.array(STEPS) - 1]
                estimate, low, high = mean_interval(key, jnp.asarray(chosen))
                row[measure] = [float(value) for value in estimate]
                row[f"{measure}_ci"] = np.stack([low, high], axis=-1).tolist()
            if name == "transfer":
                row["confidence"] = [float(confidence[at][..., s - 1].mean()) for s in STEPS]
            rows.append(row)
    return rows


def reach_rows(by_method: dict[str, dict[str, np.ndarray]]) -> list[dict]:
    """Evaluations that transfer takes to each other method's regret at the budget."""
    ours = jnp.asarray(by_method["transfer"]["regret"])
    rows = []
    for name, found in by_method.items():
        if name == "transfer":
            continue
        reach = evaluations_to_reach_interval(jax.random.key(0), ours, jnp.asarray(found["regret"]))
        rows.append(
            {
                "reach": name,
                "evaluations": int(reach.estimate),
                "ci": [int(reach.low), int(reach.high)],
            }
        )
    return rows


def marks(suite: nmjax.Suite, by_method: dict[str, dict[str, np.ndarray]]) -> list[Mark]:
    """The marks of the main job, and what must hold before a ratio to our no-transfer counts."""
    key = jax.random.key(0)
    regret = {name: jnp.asarray(found["regret"]) for name, found in by_method.items()}
    number = int(regret["transfer"][..., 0].size)
    made = []
    for name, target in (("no-transfer", 50), ("evolution", 33), ("random", 33)):
        reach = evaluations_to_reach_interval(key, regret["transfer"], regret[name])
        made.append(
            Mark(
                f"{suite.name}: evaluations for what {name} has at {BUDGET}",
                float(reach.estimate),
                "evaluations",
                "at most",
                target,
                number,
                (float(reach.low), float(reach.high)),
            )
        )
    checks = [("no-transfer", name, 50) for name in ("evolution", "optuna_tpe") if name in regret]
    for ours, theirs, step in checks:
        bound = not_worse(key, regret[ours][..., step - 1], regret[theirs][..., step - 1])
        made.append(
            Mark(
                f"{suite.name}: {ours} not worse than {theirs} at {step}, upper bound",
                float(bound.upper),
                "normalised regret",
                "at most",
                0.02,
                number,
            )
        )
    upper = [
        not_worse(key, regret["transfer"][t, :, -1], regret["no-transfer"][t, :, -1]).upper
        for t in range(len(suite.tasks))
    ]
    worst = int(np.argmax(upper))
    made.append(
        Mark(
            f"{suite.name}: transfer not worse than no-transfer on any task "
            f"(worst: {suite.tasks[worst]}), upper bound at {BUDGET}",
            float(upper[worst]),
            "normalised regret",
            "at most",
            0.02,
            number // len(suite.tasks),
        )
    )
    return made


def main() -> None:
    """Measures and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", default="nas-bench-graph")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--leave", choices=("task", "family"), default="task")
    parser.add_argument("--history-size", type=int, default=300)
    parser.add_argument("--data", type=Path, default=None)
    arguments = parser.parse_args()
    begun, origin = time.perf_counter(), provenance()

    suite = nmjax.load_suite(arguments.suite, data=arguments.data)
    rows, confidence, gap = trajectories(
        suite, arguments.leave, arguments.seeds, arguments.history_size, tuple(METHODS)
    )
    rows |= peer_trajectories(suite, arguments.seeds)
    by_method = {name: measures(suite, found) for name, found in rows.items()}
    made = marks(suite, by_method)
    result = Result(
        **origin,
        split=f"leave one {arguments.leave} out; each seed has a past of its own",
        seeds=tuple(range(arguments.seeds)),
        config={
            "budget": BUDGET,
            "history_size": arguments.history_size,
            "learn": vars(nmjax.LearnConfig()),
            "search": nmjax.default_hyper(BUDGET)._asdict(),
            "mean_generalisation_gap": float(gap.mean()),
        },
        seconds=time.perf_counter() - begun,
        rows=(*summary_rows(suite, by_method, confidence), *reach_rows(by_method)),
        marks=tuple(made),
    )
    suffix = "" if arguments.leave == "task" else "_family"
    if arguments.history_size != 300:
        suffix += f"_{arguments.history_size}"
    write_result(RESULTS / f"transfer_{suite.name}{suffix}.json", result)
    for name, found in by_method.items():
        curve = found["regret"].mean((0, 1))
        print(f"{name:22}", *(f"{curve[step - 1]:.3f}" for step in STEPS))


if __name__ == "__main__":
    main()
