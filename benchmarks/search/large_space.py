"""Searches of FBNet's space of 9^22 architectures, with related past tasks and without.

    python -m benchmarks.search.large_space [--targets 3] [--seeds 2] [--budget 40]

No table of such a space exists, so tasks are generated: a score is a sum of effects of each layer's
block and of each pair of adjacent blocks, and dynamic programming finds the best of the space.
Effects of the past and of a related target share most of their variance; those of an unrelated
target share none. Writes benchmarks/results/search/large_space.json: normalized regret by method
and by maximizer of the acquisition, and the seconds of a search and of compiling.
"""

import argparse
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Compiled

from benchmarks.script import Findings, make_parser, run_benchmark
from benchmarks.search.additive_tasks import (
    AFFINITY,
    PAIRS,
    Effects,
    draw_effects,
    highest,
    related,
    total,
)
from benchmarks.search.large_space_methods import Search, methods
from nmjax.analysis import not_worse
from nmjax.experiments import Target
from nmjax.knowledge import (
    LearnConfig,
    MetaKnowledge,
    learn_from_history,
)
from nmjax.search import (
    SpaceProblem,
    make_space_problem,
)
from nmjax.spaces import Space, get_space, sample
from nmjax.stats import mean_interval
from nmjax.tasks import make_history
from nmjax.types import Array, Metric

SPACE = get_space("fbnet")
SOURCES, ROWS = 4, 100
KINDS = ("related", "unrelated")
CONFIG = LearnConfig(
    kernel_rows=80,
    kernel_steps=40,
    replay_size=40,
    prior_steps=80,
)
CHECKPOINTS = (1, 5, 10, 20, 30, 40, 50, 100)


def learn(key: Array, space: Space, effects: Effects, config: LearnConfig) -> MetaKnowledge:
    """Learn from random evaluations of the past."""
    draw_key, learn_key = jax.random.split(key)
    number = len(effects.block)
    architecture = sample(draw_key, space, (number, ROWS))
    score = jax.vmap(jax.vmap(total, in_axes=(None, 0)))(effects, architecture)
    history = make_history(architecture, {"score": score}, space=space)
    metric = Metric("score", "1")
    return learn_from_history(learn_key, history, metric, space=space, config=config)[0]


def compile_searches(
    search: Search, keys: Array, problem: SpaceProblem, targets: Effects
) -> Compiled:
    """Compile (keys[T, S], problem, targets) -> scores float[T, S, B] by target and key."""

    @jax.jit
    def every(keys: Array, problem: SpaceProblem, targets: Effects) -> Array:
        def of_target(task: tuple[Array, Effects]) -> Array:
            aimed = problem._replace(target=task[1])
            return jax.lax.map(lambda key: search(key, aimed), task[0])

        return jax.lax.map(of_target, (keys, targets))

    return every.lower(keys, problem, targets).compile()


def play(
    search: Search, keys: Array, problem: SpaceProblem, targets: Effects
) -> tuple[np.ndarray, float, float]:
    """Scores float[T, S, B] by target and key, seconds per search, and seconds to compile."""
    begun = time.perf_counter()
    compiled = compile_searches(search, keys, problem, targets)
    compiling = time.perf_counter() - begun
    begun = time.perf_counter()
    score = np.asarray(compiled(keys, problem, targets))
    return score, (time.perf_counter() - begun) / keys.size, compiling


def normalized_regret(key: Array, space: Space, targets: Effects, score: np.ndarray) -> np.ndarray:
    """Regret float[T, S, B]: 0 at the best of the space, 1 at the median random architecture."""
    draws = sample(key, space, (4096,))
    middle = np.median(jax.vmap(lambda t: jax.vmap(partial(total, t))(draws))(targets), axis=1)
    best = np.asarray(jax.vmap(highest)(targets))[:, None, None]
    return (best - np.maximum.accumulate(score, axis=-1)) / (best - middle[:, None, None])


def measure_regrets(
    space: Space,
    *,
    targets: int,
    seeds: int,
    budget: int,
    config: LearnConfig = CONFIG,
    names: tuple[str, ...] | None = None,
) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Rows, and regret float[kinds, T, S, B] by method, of all methods or the named ones."""
    task_key, unrelated_key, learn_key, draw_key, search_key = jax.random.split(
        jax.random.key(0), 5
    )
    tasks = related(task_key, space, SOURCES + targets)
    sources = jax.tree.map(lambda leaf: leaf[:SOURCES], tasks)
    unrelated = draw_effects(unrelated_key, space, targets)
    both = jax.tree.map(lambda a, b: jnp.concatenate([a[SOURCES:], b]), tasks, unrelated)
    begun = time.perf_counter()
    problem = make_space_problem(space, learn(learn_key, space, sources, config))
    learning = time.perf_counter() - begun
    problem = problem._replace(target=jax.tree.map(lambda leaf: leaf[0], both))
    keys = jax.random.split(search_key, (2 * targets, seeds))
    rows, regrets = [], {}
    all_methods = methods(space, budget)
    for name in names or all_methods:
        search = all_methods[name]
        score, seconds, compiling = play(search, jax.random.clone(keys), problem, both)
        regret = normalized_regret(jax.random.clone(draw_key), space, both, score)
        regrets[name] = regret.reshape(2, targets, seeds, budget)
        for kind, of_kind in zip(KINDS, regrets[name], strict=True):
            at = {str(t): float(of_kind[..., t - 1].mean()) for t in CHECKPOINTS if t <= budget}
            row: dict[str, Any] = {"method": name, "target": kind, "regret": at}
            row |= {"seconds_per_search": seconds, "compile_seconds": compiling}
            rows.append(row | {"learn_seconds": learning})
            print(f"{name}, {kind}: {at}, {seconds:.2f} s, compiled {compiling:.0f} s", flush=True)
    return rows, regrets


def compare(regrets: dict[str, np.ndarray]) -> list[Target]:
    """Targets for differences of final regret, and for the cost of a misleading past."""
    targets = []
    for name, kind, other in (
        ("transfer", "related", "kernel-transfer"),
        ("transfer", "related", "past-best"),
        ("transfer", "related", "evolution, 8 and 4"),
        ("transfer", "related", "random"),
        ("kernel-transfer", "unrelated", "evolution, 8 and 4"),
        ("kernel-transfer", "unrelated", "random"),
    ):
        at = KINDS.index(kind)
        difference = (regrets[name] - regrets[other])[at, ..., -1]
        mean, low, high = (
            float(x) for x in mean_interval(jax.random.key(0), jnp.asarray(difference))
        )
        what = f"regret of {name} minus that of {other}, {kind} target"
        targets.append(Target(what, mean, "regret", "at most", 0.0, difference.size, (low, high)))
    unrelated = KINDS.index("unrelated")
    ours, theirs = (
        jnp.asarray(regrets[name][unrelated, ..., -1]) for name in ("transfer", "kernel-transfer")
    )
    bound = not_worse(jax.random.key(0), ours, theirs)
    what = "transfer not worse than kernel-transfer, unrelated target, upper bound"
    targets.append(Target(what, float(bound.upper), "regret", "at most", 0.02, ours.size))
    return targets


def measure(asked: argparse.Namespace) -> Findings:
    """Search related and unrelated targets with every method."""
    sizes = {name: getattr(asked, name) for name in ("targets", "seeds", "budget")}
    rows, regrets = measure_regrets(SPACE, **sizes)
    return Findings(
        split=f"{SOURCES} sources; related and unrelated targets",
        seeds=range(asked.seeds),
        config=sizes
        | {"space": SPACE.name, "size": float(SPACE.size), "affinity": AFFINITY}
        | {"sources": SOURCES, "history_size": ROWS, "pair_effects": PAIRS},
        rows=rows,
        targets=compare(regrets),
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=2)
    parser.add_argument("--targets", type=int, default=3)
    parser.add_argument("--budget", type=int, default=40)
    run_benchmark("search/large_space", measure, parser)


if __name__ == "__main__":
    main()
