"""Searches on a supernet of cells, whose children are retrained beside random ones of equal size.

    python -m benchmarks.live.oneshot_search [--steps 1000] [--seeds 3]

Writes benchmarks/results/live/oneshot_search.json. No setting was tuned on the test rows.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import live, oneshot
from nmjax.search import (
    RandomSearch,
    RegularizedEvolution,
    SearchAlgorithm,
    distinct_rows,
    run_batch,
)
from nmjax.spaces import enumerate_architectures, sample
from nmjax.stats import kendall, spearman

TASK = "digits-5-9"
CHANNELS, CELLS, BATCH = 4, 1, 16
WEIGHT_RATE, STRENGTH_RATE = 0.2, 0.1
RANDOM_CHILDREN, TRAININGS, SHARED_EVALUATIONS, SAMPLES = 20, 1, 30, 10
TOLERANCE = 0.15
CONFIG = live.TrainingConfig(epochs=5, chunk=40)
METHODS: dict[str, Callable[..., Any]] = {
    "DARTS, first order": oneshot.darts,
    "DARTS, unrolled": lambda net, steps: oneshot.darts(
        net, steps=steps, gradient=oneshot.Unrolled()
    ),
    "DARTS, implicit": lambda net, steps: oneshot.darts(
        net, steps=steps, gradient=oneshot.Implicit(iterations=3)
    ),
    "beta-DARTS": oneshot.beta_darts,
    "SDARTS-RS": oneshot.smooth_darts,
    "DrNAS": oneshot.drnas,
    "PC-DARTS": oneshot.pc_darts,
    "GDAS": oneshot.gdas,
}


@dataclass
class Found:
    """What a method found: architectures int32[S, 6], and measurements of each seed."""

    method: str
    architectures: np.ndarray
    measured: dict[str, np.ndarray]
    seconds: float


def of_seed(tree: Any, seed: int) -> Any:
    """The entries of a seed, out of leaves with a leading axis of seeds."""
    return jax.tree.map(lambda leaf: leaf[seed], tree)


def inherited(supernet: Any, weights: Any, architectures: jax.Array, rows: live.Rows) -> np.ndarray:
    """Accuracies float[S, N] of architectures int32[N, 6] or int32[S, N, 6] by shared weights."""
    scores = []
    for seed in range(len(jax.tree.leaves(weights)[0])):
        given = architectures if architectures.ndim == 2 else architectures[seed]
        scores.append(oneshot.inherited_scores(supernet, of_seed(weights, seed), given, rows))
    return np.stack(scores)


@partial(jax.jit, static_argnames="supernet")
def soft_scores(supernet: Any, weights: Any, choices: jax.Array, rows: live.Rows) -> jax.Array:
    """Accuracies float[S] of soft choices float[S, 6, 5] by the weights of each seed."""

    def one(weights: Any, choices: jax.Array) -> jax.Array:
        return live.accuracy(supernet.apply(weights, choices, rows.x), rows.y)

    return jax.vmap(one)(weights, choices)


def search_by_strengths(
    name: str, keys: jax.Array, task: live.LiveTask, children: jax.Array, steps: int
) -> Found:
    """Run a method for each key."""
    begun = time.perf_counter()
    net = oneshot.CellSupernet(task.classes, CHANNELS, CELLS)
    search, hyper = METHODS[name](net, steps=steps)
    search = replace(search, batch_size=BATCH)
    hyper = hyper._replace(weight_rate=WEIGHT_RATE, strength_rate=STRENGTH_RATE)
    states, infos = oneshot.train_supernets(keys, task.data, search, hyper, steps=steps)
    found = search.discretize(states)
    seconds = time.perf_counter() - begun
    rows, weights = task.data.selection, states.params.weights

    choices = jax.vmap(search.mean_choices)(states.params.strengths)
    soft = soft_scores(search.supernet, weights, choices, rows)
    hard = inherited(search.supernet, weights, found[:, None], rows)[:, 0]
    skips = np.asarray(oneshot.count_option(net.space, infos.options, "skip_connect"))
    measured = {
        "skips_at_first": skips[:, 0],
        "skips_half_way": skips[:, steps // 2],
        "skips_at_last": skips[:, -1],
        "soft_score": np.asarray(soft),
        "gap": np.asarray(soft) - hard,
        "inherited": inherited(search.supernet, weights, children, rows),
    }
    print(f"{name}: {seconds:.0f} s, skips {skips[:, -1]}, soft {soft}", flush=True)
    return Found(name, np.asarray(found), measured, seconds)


def search_by_shared_weights(
    keys: jax.Array, task: live.LiveTask, children: jax.Array, steps: int
) -> Iterator[Found]:
    """Train shared weights for each key, and search by them: at random and by evolution."""
    begun = time.perf_counter()
    net = oneshot.CellSupernet(task.classes, CHANNELS, CELLS)
    search, hyper = oneshot.single_path(net, steps=steps)
    search = replace(search, batch_size=BATCH)
    hyper = hyper._replace(weight_rate=WEIGHT_RATE)
    states, _ = oneshot.train_supernets(keys, task.data, search, hyper, steps=steps)
    weights, rows = states.params.weights, task.data.selection
    shared = inherited(net, weights, children, rows)
    trained = time.perf_counter() - begun
    every = jnp.asarray(enumerate_architectures(net.space))
    pool = every[jnp.asarray(distinct_rows(net.space, every).rows)]
    evaluate = oneshot.InheritedEvaluation(net)
    searches: dict[str, SearchAlgorithm[Any, Any]] = {
        "random, shared weights": RandomSearch(capacity=SHARED_EVALUATIONS, evaluate=evaluate),
        "evolution, shared weights": RegularizedEvolution(
            capacity=SHARED_EVALUATIONS, population_size=15, evaluate=evaluate
        ),
    }
    problem = oneshot.shared_weights_pool(net, pool, weights, rows)
    for name, algorithm in searches.items():
        begun, found = time.perf_counter(), []
        for seed, key in enumerate(keys):
            own = problem._replace(weights=of_seed(weights, seed))
            key = jax.random.fold_in(key, 1)[None]
            _, trace = run_batch(key, own, algorithm, steps=SHARED_EVALUATIONS)
            found.append(np.asarray(pool[trace.row[0, jnp.argmax(trace.score[0])]]))
        architectures = np.stack(found)
        skips = oneshot.count_option(net.space, jnp.asarray(architectures), "skip_connect")
        measured = {"skips_at_last": np.asarray(skips), "inherited": shared}
        seconds = trained + time.perf_counter() - begun
        yield Found(name, architectures, measured, seconds)


def train_all(
    key: jax.Array, family: Any, children: np.ndarray, data: Any
) -> dict[str, np.ndarray]:
    """Selection and test scores float[N] of children that train alone, means over trainings."""
    results = [
        live.train_children(own, family, children, data, config=CONFIG)
        for own in jax.random.split(key, TRAININGS)
    ]
    return {
        name: np.mean([np.nan_to_num(getattr(r, name)) for r in results], axis=0)
        for name in ("score", "test_score")
    }


def row_of(
    found: Found, parameters: np.ndarray, test: np.ndarray, matched: np.ndarray, alone: np.ndarray
) -> dict[str, Any]:
    """The row of a method, with standard deviations over its seeds."""
    shared = found.measured["inherited"]
    ranks = {
        name: np.array([measure(jnp.asarray(s), jnp.asarray(alone)) for s in shared])
        for name, measure in (("spearman", spearman), ("kendall", kendall))
    }
    kept = {name: value for name, value in found.measured.items() if name != "inherited"}
    gain = test - matched
    row: dict[str, Any] = {"method": found.method, "seconds": found.seconds}
    for name, values in {
        **kept,
        **ranks,
        "parameters": parameters,
        "test_score": test,
        "matched_test_score": matched,
        "gain": gain,
    }.items():
        row |= {name: float(np.mean(values)), f"{name}_std": float(np.std(values, ddof=1))}
    return row | {"architectures": found.architectures.tolist()}


def random_rows(key: jax.Array, scores: dict[str, np.ndarray], parameters: np.ndarray):
    """Rows of random children: a single one, and the best of several by real training."""
    draws = jax.random.randint(key, (1000, SAMPLES), 0, len(parameters))
    best = np.take_along_axis(
        np.asarray(draws), np.argmax(scores["score"][draws], axis=1)[:, None], axis=1
    )[:, 0]
    for name, chosen in (("a random child", slice(None)), (f"best of {SAMPLES} trained", best)):
        test = scores["test_score"][chosen]
        yield {
            "method": name,
            "parameters": float(parameters[chosen].mean()),
            "test_score": float(test.mean()),
            "test_score_std": float(test.std(ddof=1)),
        }


def measure(asked: argparse.Namespace) -> Findings:
    """Search by every method, then retrain all children together."""
    task = live.load_task(TASK)
    net = oneshot.CellSupernet(task.classes, CHANNELS, CELLS)
    draw_key, search_key, match_key, train_key, best_key = jax.random.split(jax.random.key(0), 5)
    children = sample(draw_key, net.space, (RANDOM_CHILDREN,))
    keys = jax.random.split(search_key, asked.seeds)
    every = [
        search_by_strengths(name, jax.random.clone(keys), task, children, asked.steps)
        for name in METHODS
    ]
    every += list(search_by_shared_weights(keys, task, children, asked.steps))
    found = net.child(np.concatenate([one.architectures for one in every]))
    matched = np.concatenate(
        [
            oneshot.matched_children(
                jax.random.fold_in(match_key, n), net.family, child, size=1, tolerance=TOLERANCE
            )
            for n, child in enumerate(found)
        ]
    )
    family, size = net.family, len(found)
    all_children = np.concatenate([found, matched, net.child(children)])
    begun = time.perf_counter()
    scores = train_all(train_key, family, all_children, task.data)
    trained = time.perf_counter() - begun
    parameters = np.asarray(jax.vmap(family.num_parameters)(jnp.asarray(all_children)))
    test = scores["test_score"]
    rows, others = [], test[2 * size :]
    for number, one in enumerate(every):
        own = slice(number * asked.seeds, (number + 1) * asked.seeds)
        rows.append(row_of(one, parameters[own], test[own], test[size:][own], others))
    alone = {name: value[2 * size :] for name, value in scores.items()}
    rows += list(random_rows(best_key, alone, parameters[2 * size :]))
    return Findings(
        split=f"{TASK}, weights from training rows, strengths from selection rows",
        seeds=tuple(range(asked.seeds)),
        config={
            "steps": asked.steps,
            "channels": CHANNELS,
            "cells": CELLS,
            "batch_size": BATCH,
            "weight_rate": WEIGHT_RATE,
            "strength_rate": STRENGTH_RATE,
            "random_children": RANDOM_CHILDREN,
            "trainings": TRAININGS,
            "epochs": CONFIG.epochs,
            "shared_evaluations": SHARED_EVALUATIONS,
        },
        rows=rows,
        seconds={"children": trained},
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=3)
    parser.add_argument("--steps", type=int, default=1000)
    run_benchmark("live/oneshot_search", measure, parser)


if __name__ == "__main__":
    main()
