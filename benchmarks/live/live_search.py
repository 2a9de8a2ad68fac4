"""Seconds until a search with real training reaches a score.

    python -m benchmarks.live.live_search [--targets digits breast-cancer] [--seeds 10]

Every method trains the same children with the same code, so an architecture has the same score
whoever trains it. Past tasks are seven of `live-mlp`, of other data sets. The score to reach is the
98% quantile of the table's single trainings on the target, which started from other weights.
Searches within one compiled call stop after the chunk that reaches it; the others train by a
program that is compiled once. Methods take turns, seed by seed. Seconds leave compilation out,
which is counted apart, for all programs of a method and without a cache on disk. Learning from the
past happens once, before any target, and is left out. A search that does not reach the score counts
with the time of its whole budget. Writes
benchmarks/results/live/live_search.json.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optuna

import nmjax
from benchmarks.live.make_table import BATCH_SIZE, EPOCHS, family_of
from benchmarks.live.multi_fidelity import SUITE, learn_without
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import live
from nmjax.compilation_cache import enable_compilation_cache
from nmjax.predictors import fit_curves
from nmjax.search import (
    BayesianSearch,
    CurveProblem,
    FreezeThawSearch,
    RandomSearch,
    RegularizedEvolution,
    default_hyper,
)
from nmjax.spaces import encode
from nmjax.stats import mean_interval
from nmjax.tasks.suites import read_live_records

BUDGET = 64
CHUNK = 4
QUANTILE = 0.98
CONFIG = live.TrainingConfig(epochs=EPOCHS, batch_size=BATCH_SIZE)
Scores = Iterator[float]


@dataclass(frozen=True, eq=False)
class Target:
    """A task to search on.

    Attributes:
      name: Name of the task.
      suite: The table that the past is from.
      knowledge: Knowledge of the past.
      problem: Pool with priors, whose scores are trained.
      curves: The same pool, to be trained by epochs.
      evaluate: Training of a child.
      goal: Score to reach.
    """

    name: str
    suite: nmjax.Suite
    knowledge: nmjax.MetaKnowledge
    problem: live.LiveProblem
    curves: CurveProblem
    evaluate: live.LiveEvaluation
    goal: float


def make_target(suite: nmjax.Suite, name: str) -> Target:
    """Learn from the other data sets, and prepare the task."""
    task, records = live.load_task(name), read_live_records()
    prepared = learn_without(suite, name)
    sources = [records.tasks.index(source) for source in prepared.split.sources]
    encoding = encode(suite.space, records.pool)
    predictor = fit_curves(jnp.asarray(records.curve[sources, :, 0]), encoding)
    target = live.make_target(jax.random.key(0), task.data, CONFIG)
    pool = jnp.asarray(records.pool)
    priors = nmjax.make_problem(suite.space, pool, None, prepared.knowledge)
    children = live.live_pool(suite.space, pool, target)
    return Target(
        name,
        suite,
        prepared.knowledge,
        live.live_problem(priors, pool, target),
        CurveProblem(children, priors, predictor, encoding),
        live.LiveEvaluation(family_of(task), suite.space, CONFIG),
        float(np.nanquantile(records.curve[records.tasks.index(name), :, :, -1], QUANTILE)),
    )


def compiled_search(algorithm: Any, problem: Any, steps: int) -> Callable[[int], Scores]:
    """A search in compiled chunks of steps: seed -> scores, -inf of epochs before the last."""
    hyper = default_hyper(BUDGET * steps // CHUNK)

    def advance(state: Any, problem: Any, hyper: Any) -> tuple[Any, Any]:
        return jax.lax.scan(
            lambda carried, _: algorithm.step(carried, problem, hyper), state, None, length=steps
        )

    key = jax.random.key(0)
    start = jax.jit(algorithm.init).lower(key, problem, hyper).compile()
    like = jax.eval_shape(algorithm.init, key, problem, hyper)
    go_on = jax.jit(advance, donate_argnums=0).lower(like, problem, hyper).compile()

    def search(seed: int) -> Scores:
        state = start(jax.random.key(seed), problem, hyper)
        while True:
            state, trace = go_on(state, problem, hyper)
            whole = np.asarray(getattr(trace, "epoch", np.full(steps, EPOCHS))) == EPOCHS
            yield from np.where(whole, trace.score, -np.inf).tolist()

    return search


def compiled_child(target: Target) -> Callable[[Any], float]:
    """A program that trains a child: architecture int32[C] -> score, NaN if it diverged."""
    problem, example = target.problem, target.problem.architectures[0]
    program = jax.jit(target.evaluate).lower(problem, example).compile()
    return lambda architecture: float(program(problem, jnp.asarray(architecture, jnp.int32)))


def study_search(target: Target) -> Callable[[int], Scores]:
    """A search through `nmjax.Study`, compiled by a first study."""
    train, space = compiled_child(target), target.suite.space

    def search(seed: int) -> Scores:
        study = nmjax.Study(target.knowledge, budget=BUDGET, seed=seed)
        for trial in study:
            score = train(space.from_config(trial.config)[0])
            study.tell(trial, score)
            yield score

    warm = search(1000)
    for _ in range(CHUNK):
        next(warm)
    return search


def optuna_search(target: Target) -> Callable[[int], Scores]:
    """A search by Optuna's TPE; a child that is suggested again is not trained again."""
    train, space = compiled_child(target), target.suite.space
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def search(seed: int) -> Scores:
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        known: dict[tuple[int, ...], float] = {}
        while True:
            trial = study.ask()
            architecture = tuple(
                trial.suggest_int(choice.name, 0, len(choice.options) - 1)
                if all(isinstance(option, float | int) for option in choice.options)
                else trial.suggest_categorical(choice.name, list(range(len(choice.options))))
                for choice in space.choices
            )
            if architecture not in known:
                known[architecture] = train(architecture)
            score = known[architecture]
            failed = np.isnan(score)
            state = optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE
            study.tell(trial, None if failed else score, state=state)
            yield score

    return search


def methods_of(target: Target) -> dict[str, Callable[[], Callable[[int], Scores]]]:
    """What compiles each method, by name."""

    def scanned(search: Any, problem: Any, steps: int = CHUNK) -> Any:
        return lambda: compiled_search(search, problem, steps)

    shared: dict[str, Any] = {"capacity": BUDGET, "evaluate": target.evaluate}
    evolution = RegularizedEvolution(population_size=10, tournament_size=3, **shared)
    training = live.LiveTraining(target.evaluate.family, target.suite.space, CONFIG)
    freeze_thaw = FreezeThawSearch(capacity=BUDGET, training=training)
    return {
        "transfer, one call": scanned(BayesianSearch(**shared), target.problem),
        "freeze-thaw, one call": scanned(freeze_thaw, target.curves, CHUNK * EPOCHS),
        "random, one call": scanned(RandomSearch(**shared), target.problem),
        "evolution, one call": scanned(evolution, target.problem),
        "Optuna TPE": lambda: optuna_search(target),
        # The last, because compiling another method clears the programs of its functions.
        "transfer, study": lambda: study_search(target),
    }


def reach(search: Callable[[int], Scores], seed: int, goal: float, budget: int) -> dict[str, float]:
    """Seconds and trainings until the goal is reached or the budget is spent."""
    begun, cpu, best, number = time.perf_counter(), time.process_time(), -np.inf, 0
    for number, score in enumerate(search(seed), 1):
        best = max(best, -np.inf if np.isnan(score) else score)
        if best >= goal or number >= budget:
            break
    return {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - cpu,
        "trainings": number / (budget // BUDGET),
        "reached": float(best >= goal),
        "best": best,
    }


def target_rows(target: Target, seeds: int) -> list[dict[str, Any]]:
    """Rows of a target, one for each method."""
    searches, compiling = {}, {}
    for name, build in methods_of(target).items():
        jax.clear_caches()
        begun = time.perf_counter()
        searches[name] = build()
        compiling[name] = time.perf_counter() - begun
        print(target.name, name, f"compiled in {compiling[name]:.1f} s", flush=True)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in searches}
    for seed in range(seeds):
        for name, search in searches.items():
            budget = BUDGET * (EPOCHS if name.startswith("freeze") else 1)
            runs[name].append(reach(search, seed, target.goal, budget))
    rows = []
    for name, found in runs.items():
        mean = {key: float(np.mean([run[key] for run in found])) for key in found[0]}
        interval = mean_interval(
            jax.random.key(0), jnp.array([[run["seconds"] for run in found]], jnp.float32)
        )
        rows.append(
            {"target": target.name, "goal": target.goal, "method": name}
            | mean
            | {
                "seconds_ci": [float(interval.low), float(interval.high)],
                "compile_seconds": compiling[name],
                "n": seeds,
            }
        )
    return rows


def measure(asked: argparse.Namespace) -> Findings:
    """Search each target by all methods."""
    suite = nmjax.load_suite(SUITE)
    enable_compilation_cache()
    targets = [make_target(suite, name) for name in asked.targets]
    nmjax.disable_compilation_cache()
    rows = [row for target in targets for row in target_rows(target, asked.seeds)]
    return Findings(
        split="the past is seven tasks of other data sets",
        seeds=range(asked.seeds),
        config={"budget": BUDGET, "chunk": CHUNK, "quantile": QUANTILE, "epochs": EPOCHS},
        rows=rows,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=10)
    parser.add_argument("--targets", nargs="+", default=["digits", "breast-cancer"])
    run_benchmark("live/live_search", measure, parser)


if __name__ == "__main__":
    main()
