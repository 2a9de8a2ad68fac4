"""Whole searches of FBNet's space with different maximizers of the acquisition.

    python -m benchmarks.search.maximizers [--targets 3] [--seeds 3] [--budget 40] [--calls 2000]

The searches are `SpaceSearch` with the same knowledge of related generated tasks, on related and
unrelated targets, as in `benchmarks.search.large_space`. Before each evaluation every maximizer has
the same number of evaluations of the acquisition at most, where a gradient counts as three, split
as in `benchmarks.search.gradient_search`. Writes benchmarks/results/search/maximizers.json:
normalized regret, its difference to local search with the same seeds, CPU milliseconds of a step,
and the logarithm of expected improvement that each maximizer reaches in the same states: those of
the default local search after half of the budget, with the number of starts of the maximizer, which
only that of "random" differs in.
"""

import argparse
import time
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.script import Findings, make_parser, run_benchmark
from benchmarks.search.additive_tasks import AFFINITY, PAIRS, Effects, draw_effects, related, total
from benchmarks.search.gradient_search import (
    CANDIDATES,
    FBNET,
    GRADIENT_CALLS,
    ROWS,
    SOURCES,
    learn,
    make_maximizers,
)
from benchmarks.search.large_space import KINDS, compile_searches, normalized_regret
from benchmarks.search.large_space_methods import Search, evaluate, modeled
from nmjax.search import (
    Maximizer,
    SpaceProblem,
    SpaceSearch,
    default_hyper,
    make_space_problem,
    run,
)
from nmjax.spaces import sample
from nmjax.stats import mean_interval
from nmjax.tasks import make_history
from nmjax.types import Array, Metric

REFERENCE = "local search"
CHECKPOINTS = (5, 10, 20, 40)


def make_tasks(key: Array, targets: int) -> tuple[SpaceProblem, Effects]:
    """The problem with knowledge of the sources, and the effects of related, unrelated targets."""
    task_key, unrelated_key, draw_key = jax.random.split(key, 3)
    tasks = related(task_key, FBNET, SOURCES + targets)
    sources = jax.tree.map(lambda leaf: leaf[:SOURCES], tasks)
    unrelated = draw_effects(unrelated_key, FBNET, targets)
    both = jax.tree.map(lambda a, b: jnp.concatenate([a[SOURCES:], b]), tasks, unrelated)
    architecture = sample(draw_key, FBNET, (SOURCES, ROWS))
    score = jax.vmap(jax.vmap(total, in_axes=(None, 0)))(sources, architecture)
    history = make_history(architecture, {"score": score}, space=FBNET)
    problem = make_space_problem(FBNET, learn(FBNET, history, Metric("score")))
    return problem._replace(target=jax.tree.map(lambda leaf: leaf[0], both)), both


def play(
    search: Search, keys: Array, problem: SpaceProblem, targets: Effects
) -> tuple[np.ndarray, float]:
    """Scores float[T, S, B] by target and key, and CPU seconds of all searches."""
    compiled = compile_searches(search, keys, problem, targets)
    begun = time.process_time()
    score = np.asarray(compiled(keys, problem, targets))
    return score, time.process_time() - begun


def reached_by(
    maximizer: Maximizer, starts: int, keys: Array, problem: SpaceProblem, targets: Effects, at: int
) -> np.ndarray:
    """Log expected improvement float[T, S] of the next proposal after `at` evaluations.

    All but the last evaluation are those of local search, and the last is what it proposed.
    """
    reference = SpaceSearch(FBNET, evaluate=evaluate, capacity=at, starts=starts)
    algorithm = replace(reference, maximizer=maximizer)
    hyper = default_hyper(at + 1)

    @jax.jit
    def every(keys: Array, problem: SpaceProblem, targets: Effects) -> Array:
        def one(key: Array, target: Effects) -> Array:
            own = problem._replace(target=target)
            state = reference.init(key, own, hyper)
            state, _ = run(state, own, reference, hyper, steps=at - 1)
            return algorithm.step(state, own, hyper)[0].log_ei

        def of_target(task: tuple[Array, Effects]) -> Array:
            return jax.lax.map(lambda key: one(key, task[1]), task[0])

        return jax.lax.map(of_target, (keys, targets))

    return np.asarray(every(keys, problem, targets))


def interval(values: np.ndarray) -> tuple[float, list[float]]:
    """The mean, and a 95% interval over targets and seeds."""
    mean, low, high = mean_interval(jax.random.key(0), jnp.asarray(values))
    return float(mean), [float(low), float(high)]


def measure(asked: argparse.Namespace) -> Findings:
    """Search all targets by every maximizer."""
    task_key, search_key, draw_key = jax.random.split(jax.random.key(0), 3)
    problem, targets = make_tasks(task_key, asked.targets)
    keys = jax.random.split(search_key, (2 * asked.targets, asked.seeds))
    regrets, milliseconds, log_ei = {}, {}, {}
    for name, (maximizer, starts) in make_maximizers(FBNET, asked.calls).items():
        each = max(1, starts // 3)
        search = modeled(FBNET, asked.budget, True, maximizer=maximizer, starts=each)
        score, seconds = play(search, jax.random.clone(keys), problem, targets)
        regret = normalized_regret(jax.random.clone(draw_key), FBNET, targets, score)
        regrets[name] = regret.reshape(2, asked.targets, asked.seeds, asked.budget)
        milliseconds[name] = 1000 * seconds / score.size
        half = asked.budget // 2
        same_keys = jax.random.clone(keys)
        log_ei[name] = reached_by(maximizer, each, same_keys, problem, targets, half)
        log_ei[name] = log_ei[name].reshape(2, asked.targets, asked.seeds)
        print(
            f"{name}: {regrets[name][..., -1].mean((1, 2))}, {milliseconds[name]:.1f} ms",
            flush=True,
        )
    rows = []
    for number, kind in enumerate(KINDS):
        for name, regret in regrets.items():
            own, reference = regret[number], regrets[REFERENCE][number]
            row = {"method": name, "target": kind, "milliseconds": milliseconds[name]}
            for step in (step for step in CHECKPOINTS if step <= asked.budget):
                at = step - 1
                row[f"regret_{step}"], row[f"regret_{step}_ci"] = interval(own[..., at])
            difference = own.mean(axis=-1) - reference.mean(axis=-1)
            row["area_difference"], row["area_difference_ci"] = interval(difference)
            gain = log_ei[name][number] - log_ei[REFERENCE][number]
            row["log_ei_difference"], row["log_ei_difference_ci"] = interval(gain)
            rows.append(row)
    return Findings(
        split=f"{SOURCES} sources; related and unrelated targets",
        seeds=range(asked.seeds),
        config={name: getattr(asked, name) for name in ("targets", "budget", "calls")}
        | {"space": FBNET.name, "affinity": AFFINITY, "pair_effects": PAIRS}
        | {"history_size": ROWS, "gradient_calls": GRADIENT_CALLS, "candidates": CANDIDATES},
        rows=rows,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=3)
    parser.add_argument("--targets", type=int, default=3)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--calls", type=int, default=2000)
    run_benchmark("search/maximizers", measure, parser)


if __name__ == "__main__":
    main()
