"""Maximization of a learned predictor by gradients, beside evolution and local search.

    NMJAX_DATA=FOLDER python -m benchmarks.search.gradient_search [--seeds 8]

The predictor is the past's mean prediction: of tabular suites for a held-out task; of related
generated tasks on FBNet's 9^22 architectures; and on the same space the multiply-adds under a limit
of the latency that past devices predict. All methods maximize the same
predictor with the same number of calls at most, where a gradient counts as three. Ascents spend
them on as many climbers as can make 1.5 changes of each choice. Writes
benchmarks/results/search/gradient_search.json: for each problem, method and number of calls, the
gap to the best known value (0 is the best, 1 the best tenth of random architectures), the share of
seeds that reach it, and CPU milliseconds of one maximization, without compilation.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.reproductions.latency_tables import fbnet_costs, read_table
from benchmarks.script import Findings, make_parser, run_benchmark
from benchmarks.search.additive_tasks import related, total
from nmjax.evaluation.protocol import search_key
from nmjax.knowledge import LearnConfig, MetaKnowledge, learn_from_history, pool_features
from nmjax.search import (
    EvolutionaryAscent,
    Exhaustive,
    GradientAscent,
    GuidedAscent,
    LocalAscent,
    Maximizer,
    optimize_acquisition,
)
from nmjax.spaces import Space, encode, get_space, neighbors, sample
from nmjax.tasks import leave_one_out, load_suite, make_history, sample_history
from nmjax.types import Array, History, Metric

SUITES = {
    "hpobench": "HPOBench",
    "transnas101": "TransNAS-Bench-101",
    "nas-bench-201": "NAS-Bench-201",
    "nas-bench-graph": "NAS-Bench-Graph",
    "hpolib": "HPOLib",
    "mdesign-node": "M-DESIGN node",
    "dataset2vec-a": "Dataset2Vec a",
    "live-mlp": "live MLPs",
}
FBNET = get_space("fbnet")
DEVICES = ("1080ti_1", "pixel3", "silver_4114")
LATENCY_LIMIT, PENALTY, SOFTNESS = 0.5, 10.0, 0.05
CONFIG = LearnConfig(network=False, kernel_steps=20, prior_steps=10, replay_size=24)
ROWS, SOURCES = 100, 4
STARTS, GRADIENT_CALLS, CANDIDATES, ADAM_STEPS = 16, 3, 8, 20
ENUMERABLE = 10**7
CALLS = {True: (300, 3000), False: (100, 500)}
"""Numbers of calls, in a space that is too large to enumerate and in others."""


class Predictor(NamedTuple):
    """A differentiable function of encodings.

    Attributes:
      knowledge: Knowledge that predicts.
      cost: float[D], a linear cost of encodings; zeros if there is none.
      limit: float[], smallest prediction without a penalty; -inf if predictions are maximized.
      softness: float[], width of the penalty's bend at the limit; 0 is a kink.
    """

    knowledge: MetaKnowledge
    cost: Array
    limit: Array
    softness: Array


def predict(predictor: Predictor, encoding: Array) -> Array:
    """Compute the values float[n] of encodings float[n, D]."""
    predicted = pool_features(predictor.knowledge, encoding).past_mean
    bend = jnp.maximum(predictor.softness, 1e-6)
    short = bend * jax.nn.softplus((predictor.limit - predicted) / bend)
    limited = encoding @ predictor.cost - PENALTY * short
    return jnp.where(predictor.limit > -jnp.inf, limited, predicted)


def plain(space: Space, knowledge: MetaKnowledge) -> Predictor:
    """Make the predictor of the past's mean score."""
    size = encode(space, jnp.zeros(space.num_choices, jnp.int32)).shape[-1]
    return Predictor(knowledge, jnp.zeros(size), jnp.float32(-jnp.inf), jnp.float32(0))


def learn(space: Space, history: History, metric: Metric) -> MetaKnowledge:
    """Learn from a history without meta-training a network."""
    key = jax.random.key(1)
    return learn_from_history(key, history, metric, space=space, config=CONFIG)[0]


def suite_predictor(name: str) -> tuple[Space, Predictor]:
    """Learn from random evaluations of all tasks but the last."""
    suite = load_suite(name)
    task = suite.tasks[-1]
    sources = leave_one_out(suite, task).sources
    history = sample_history(search_key(suite, task, 0), suite, sources, ROWS)
    metric = suite.metric_info[suite.score_metric]
    return suite.space, plain(suite.space, learn(suite.space, history, metric))


def generated_predictor() -> tuple[Space, Predictor]:
    """Learn from random evaluations of related generated tasks."""
    task_key, draw_key = jax.random.split(jax.random.key(0))
    effects = related(task_key, FBNET, SOURCES)
    architecture = sample(draw_key, FBNET, (SOURCES, ROWS))
    score = jax.vmap(jax.vmap(total, in_axes=(None, 0)))(effects, architecture)
    history = make_history(architecture, {"score": score}, space=FBNET)
    return FBNET, plain(FBNET, learn(FBNET, history, Metric("score")))


def latency_predictor(softness: float) -> tuple[Space, Predictor]:
    """Learn the latency of a new device from measurements of past devices."""
    table = read_table("fbnet", Path(os.environ.get("NMJAX_DATA", ".")))
    shape = (len(table.options), FBNET.num_choices, FBNET.max_options)
    architecture = table.options.reshape(shape).argmax(axis=-1).astype(np.int32)
    rows = np.random.default_rng(0).permutation(len(architecture))[: ROWS * len(DEVICES)]
    rows = rows.reshape(len(DEVICES), ROWS)
    latency = np.stack([table.latency[d][r] for d, r in zip(DEVICES, rows, strict=True)])
    history = make_history(architecture[rows], {"latency": latency}, space=FBNET)
    knowledge = learn(FBNET, history, Metric("latency", "ms", "min", "log"))
    limit = jnp.float32(LATENCY_LIMIT)
    return FBNET, Predictor(knowledge, multiply_adds(), limit, jnp.float32(softness))


def multiply_adds() -> Array:
    """Multiply-adds of each option of FBNet, float[198], as shares of the largest total."""
    nothing = np.zeros(FBNET.num_choices, np.int32)
    changed = np.asarray(neighbors(FBNET, nothing)[0])

    def count(architecture: np.ndarray) -> np.ndarray:
        return fbnet_costs(architecture)[:, 2:4].sum(axis=-1)

    base = count(nothing[None])[0]
    table = np.full((FBNET.num_choices, FBNET.max_options), base / FBNET.num_choices)
    choice = (changed != 0).argmax(axis=1)
    table[choice, changed[np.arange(len(changed)), choice]] += count(changed) - base
    return jnp.asarray(table.ravel() / table.max(axis=1).sum(), jnp.float32)


PROBLEMS: dict[str, Callable[[], tuple[Space, Predictor]]] = {
    "FBNet, generated tasks": generated_predictor,
    "FBNet, latency limit": partial(latency_predictor, 0.0),
    "FBNet, smooth limit": partial(latency_predictor, SOFTNESS),
    **{title: partial(suite_predictor, name) for name, title in SUITES.items()},
}


def allocate(calls: int, changes: int, cost: int) -> tuple[int, int]:
    """Split calls, of which a round costs some, into climbers and their rounds."""
    rounds = int(1.5 * changes)
    climbers = max(1, calls // (rounds * cost))
    return climbers, max(1, min(2 * rounds, calls // (climbers * cost)))


def make_maximizers(space: Space, calls: int) -> dict[str, tuple[Maximizer, int]]:
    """Methods that spend the calls, with their numbers of starts."""
    left, around = calls - STARTS, sum(count - 1 for count in space.num_options)
    climbers, rounds = allocate(left, space.num_choices, around)
    local = LocalAscent(climbers=climbers, rounds=left // (climbers * around))
    climbers, rounds = allocate(left, space.num_choices, GRADIENT_CALLS + CANDIDATES)
    guided = GuidedAscent(climbers=climbers, rounds=rounds, candidates=CANDIDATES)
    adam, polish = GRADIENT_CALLS * ADAM_STEPS + 1, space.num_choices // 2
    each = adam + polish * (GRADIENT_CALLS + CANDIDATES)
    climbers = max(1, left // each)
    relaxed = GradientAscent(
        climbers=climbers,
        steps=ADAM_STEPS if left >= adam else max(1, left // GRADIENT_CALLS - 1),
        rate=0.3,
        rounds=min(polish, max(0, (left // climbers - adam) // (GRADIENT_CALLS + CANDIDATES))),
    )
    population = 8 if calls < 300 else 16 if calls < 1000 else 32
    evolution = EvolutionaryAscent(population=population, generations=left // population)
    found: dict[str, tuple[Maximizer, int]] = {
        "random": (Exhaustive(), calls),
        "evolution": (evolution, STARTS),
        "relaxed gradient": (relaxed, STARTS),
        "guided": (guided, STARTS),
    }
    if around <= left:
        found["local search"] = (local, STARTS)
    return found


def maximize(
    space: Space, predictor: Predictor, maximizer: Maximizer, starts: int, seeds: int
) -> tuple[np.ndarray, float]:
    """Values float[seeds] that were reached, and CPU milliseconds of each."""

    @jax.jit
    def every(keys: Array, predictor: Predictor) -> Array:
        def one(key: Array) -> Array:
            start_key, ascent_key = jax.random.split(key)
            first = sample(start_key, space, (starts,))
            value = partial(predict, predictor)
            return optimize_acquisition(ascent_key, value, first, space=space, maximizer=maximizer)[
                1
            ]

        return jax.lax.map(one, keys)

    keys = jax.random.split(jax.random.key(5), seeds)
    found = np.asarray(every(keys, predictor))
    begun = time.process_time()
    every(keys, predictor).block_until_ready()
    return found, 1000 * (time.process_time() - begun) / seeds


def measure_problem(name: str, seeds: int) -> list[dict]:
    """Rows of one problem, for each method and number of calls."""
    space, predictor = PROBLEMS[name]()
    draws = sample(jax.random.key(7), space, (4096,))
    values = jax.jit(predict)(predictor, encode(space, draws))
    good = float(jnp.quantile(values, 0.9))
    rows, reached = [], []
    for calls in CALLS[space.size > ENUMERABLE]:
        for method, (maximizer, starts) in make_maximizers(space, calls).items():
            found, milliseconds = maximize(space, predictor, maximizer, starts, seeds)
            reached.append(found)
            rows.append(
                {"problem": name, "method": method, "calls": calls, "milliseconds": milliseconds}
            )
    best = max(float(found.max()) for found in reached)
    for row, found in zip(rows, reached, strict=True):
        gap = (best - found.astype(np.float64)) / (best - good)
        row |= {"gap": float(gap.mean()), "reached": float(np.mean(gap < 1e-3))}
        print(row, flush=True)
    return rows


def measure(asked: argparse.Namespace) -> Findings:
    """Maximize the predictors by all methods."""
    rows = [row for name in asked.problems for row in measure_problem(name, asked.seeds)]
    return Findings(
        split="the last task of each suite is held out; latencies of three devices",
        seeds=range(asked.seeds),
        config={"starts": STARTS, "gradient_calls": GRADIENT_CALLS, "candidates": CANDIDATES}
        | {
            "history_size": ROWS,
            "devices": DEVICES,
            "latency_limit": LATENCY_LIMIT,
            "softness": SOFTNESS,
        },
        rows=rows,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=8)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    run_benchmark("search/gradient_search", measure, parser)


if __name__ == "__main__":
    main()
