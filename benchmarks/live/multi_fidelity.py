"""Searches by epochs beside searches by whole trainings, on the learning curves of `live-mlp`.

    python -m benchmarks.live.multi_fidelity [--seeds 10]

One data set at a time is held out with all of its tasks, so that no sibling of a target is in its
past, which is the first seven tasks of the other data sets. A method's regret is that of the best
child that was trained for all eight epochs, and 1, that of the median, before there is one. Writes
benchmarks/results/live/multi_fidelity.json: for each method, the mean over data sets of the
normalized regret after some numbers of epochs, and the paired difference to `transfer`.
"""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.evaluation import Prepared, prepare
from nmjax.evaluation.method_runs import seed_keys
from nmjax.knowledge import default_knowledge
from nmjax.predictors import fit_curves, naive_curves
from nmjax.search import (
    BayesianSearch,
    CurveProblem,
    CurveTable,
    FreezeThawSearch,
    Hyperband,
    Problem,
    RandomSearch,
    SearchInfo,
    SuccessiveHalving,
    best_final_score,
    make_problem,
    run_batch,
    run_epochs,
    with_flat_prior,
)
from nmjax.spaces import encode
from nmjax.stats import mean_interval
from nmjax.tasks import make_split
from nmjax.tasks.suites import read_live_records
from nmjax.types import Array

SUITE = "live-mlp"
SOURCES = 7
BUDGET = 240
AT = (16, 24, 48, 96, 192, 240)
NAIVE_STD = 0.15
ETA, WIDTH = 2, 8
RANDOM, WHOLE = RandomSearch(capacity=32), BayesianSearch(capacity=32)
HALVING = SuccessiveHalving(width=WIDTH, eta=ETA, capacity=128)
HYPERBAND = Hyperband(eta=ETA, capacity=128)
FREEZE_THAW = FreezeThawSearch(capacity=96)


def learn_without(suite: nmjax.Suite, target: str) -> Prepared:
    """Learn from tasks of other data sets than the target's."""
    family = next(family for family in suite.families if target in family)
    sources = [task for task in suite.tasks if task not in family][:SOURCES]
    key = jax.random.fold_in(jax.random.key(0), suite.tasks.index(target))
    return prepare(key, suite, make_split(suite, sources, target))


def suite_curves(suite: nmjax.Suite) -> Array:
    """Learning curves float[T, N, E] of the suite's pool, means over seeds."""
    records = read_live_records()
    rows = {tuple(row): number for number, row in enumerate(records.pool.tolist())}
    order = np.array([rows[tuple(row)] for row in np.asarray(suite.pool).tolist()])
    return jnp.asarray(records.curve.mean(axis=2)[:, order])


def by_epochs(trace: SearchInfo, epochs: int) -> Array:
    """Best score float[S, BUDGET] after each epoch of searches by whole trainings."""
    score = jnp.where(jnp.isfinite(trace.score), trace.score, -jnp.inf)
    best = jax.lax.cummax(score, axis=1)
    nothing = jnp.full((len(score), epochs - 1), -jnp.inf)
    after = jnp.concatenate([nothing, jnp.repeat(best, epochs, axis=1)], axis=1)
    return after[:, :BUDGET]


def regret(score: np.ndarray, best: Array) -> np.ndarray:
    """Normalized regret float[S, BUDGET] on a task with scores float[N]; 1 without a score."""
    top, median = np.nanmax(score), np.nanmedian(score)
    known = np.asarray(best)
    return np.where(np.isfinite(known), (top - known) / (top - median), 1.0)


def searches(
    prepared: Problem, without: Problem, curve: Array, sources: np.ndarray, encoding: Array
) -> Mapping[str, Callable[[Array, int], Array]]:
    """The methods: (keys[S], target) -> best score float[S, BUDGET] after each epoch."""
    epochs = curve.shape[-1]
    learned = fit_curves(curve[sources], encoding)
    naive = naive_curves(epochs, encoding.shape[-1], std=NAIVE_STD)

    def whole(search: Any) -> Callable[[Array, int], Array]:
        def run(keys: Array, target: int) -> Array:
            problem = prepared._replace(score=curve[target, :, -1])
            return by_epochs(run_batch(keys, problem, search, steps=BUDGET // epochs)[1], epochs)

        return run

    def brackets(search: Any) -> Callable[[Array, int], Array]:
        def run(keys: Array, target: int) -> Array:
            trace = run_epochs(keys, CurveTable(curve[target]), search, epochs=BUDGET)[1]
            return best_final_score(trace, epochs=epochs)

        return run

    def freeze_thaw(known: Problem, predictor: Any) -> Callable[[Array, int], Array]:
        def run(keys: Array, target: int) -> Array:
            problem = CurveProblem(CurveTable(curve[target]), known, predictor, encoding)
            trace = run_epochs(keys, problem, FREEZE_THAW, epochs=BUDGET)[1]
            return best_final_score(trace, epochs=epochs)

        return run

    return {
        "random": whole(RANDOM),
        "successive-halving": brackets(HALVING),
        "hyperband": brackets(HYPERBAND),
        "transfer": whole(WHOLE),
        "freeze-thaw": freeze_thaw(prepared, learned),
        "freeze-thaw, flat prior": freeze_thaw(with_flat_prior(prepared), learned),
        "freeze-thaw, last score": freeze_thaw(prepared, naive),
        "freeze-thaw, no past": freeze_thaw(without, naive),
    }


def group_regret(
    suite: nmjax.Suite, family: tuple[str, ...], curve: Array, seeds: int
) -> dict[str, np.ndarray]:
    """Regrets float[seeds, BUDGET] of each method, means over the tasks of a data set."""
    pool, metric = jnp.asarray(suite.pool), suite.metric_info[suite.score_metric]
    prepared = learn_without(suite, family[0])
    without = make_problem(suite.space, pool, None, default_knowledge(suite.space, metric))
    sources = np.array([suite.tasks.index(task) for task in prepared.split.sources])
    known = prepared.problem._replace(score=jnp.full(len(pool), jnp.nan))
    methods = searches(known, without, curve, sources, encode(suite.space, pool))
    found = {}
    for name, search in methods.items():
        each = []
        for task in family:
            target = suite.tasks.index(task)
            best = search(seed_keys(jax.random.key(target), seeds), target)
            each.append(regret(np.asarray(curve[target, :, -1]), best))
        found[name] = np.mean(each, axis=0)
    ends = {name: round(float(of[:, -1].mean()), 3) for name, of in found.items()}
    print(family[0], ends, flush=True)
    return found


def measure(asked: argparse.Namespace) -> Findings:
    """Search every task by all methods."""
    suite = nmjax.load_suite(SUITE)
    curve = suite_curves(suite)
    parts = [group_regret(suite, family, curve, asked.seeds) for family in suite.families]
    at = np.array(AT) - 1
    regrets = {
        name: jnp.asarray(np.stack([part[name][:, at] for part in parts])) for name in parts[0]
    }
    rows = []
    for name, values in regrets.items():
        interval = mean_interval(jax.random.key(0), values)
        apart = mean_interval(jax.random.key(0), values - regrets["transfer"])
        rows += [
            {
                "method": name,
                "epochs": epochs,
                "regret": float(interval.estimate[i]),
                "ci": [float(interval.low[i]), float(interval.high[i])],
                "difference": float(apart.estimate[i]),
                "difference_ci": [float(apart.low[i]), float(apart.high[i])],
                "by_data_set": np.asarray(values[:, :, i].mean(axis=1)).tolist(),
            }
            for i, epochs in enumerate(AT)
        ]
    return Findings(
        split="leave one data set out; 14 tasks of five data sets",
        seeds=range(asked.seeds),
        config={
            "suite": SUITE,
            "budget": BUDGET,
            "eta": ETA,
            "width": WIDTH,
            "naive_std": NAIVE_STD,
            "sources": SOURCES,
        },
        rows=rows,
    )


def main() -> None:
    """Measure and write the result file."""
    run_benchmark("live/multi_fidelity", measure, make_parser(__doc__, seeds=10))


if __name__ == "__main__":
    main()
