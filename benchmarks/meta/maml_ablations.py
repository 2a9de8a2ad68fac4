"""Ablation of meta-training: MAML on sinusoids, one factor varied at a time.

    python -m benchmarks.meta.maml_ablations [--factors order inner_steps] [--seeds 5]

Writes benchmarks/results/meta/maml_ablations.json. Errors are on test tasks that are never trained
on. The gap between meta-validation and meta-training loss measures memorization.
"""

import argparse
import time
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.meta import (
    Batch,
    MAMLHyper,
    MetaLearner,
    TrainResult,
    maml,
    squared_error,
    support_and_query,
    train,
)
from nmjax.predictors import Network
from nmjax.stats import mean_interval
from nmjax.tasks import CurveRanges, Episode, sample_curves, sample_episode
from nmjax.types import Array

NETWORK = Network((40, 40), activation="relu")
EVALUATIONS, QUERY, BATCH = 40, 10, 25
TEST_TASKS, TEST_SHOTS = 1000, 10
VALIDATION_KEY, TEST_KEY = 1_000_001, 1_000_002  # Training keys are the seeds.


@dataclass(frozen=True)
class Choices:
    """Settings of one meta-training.

    Attributes:
      order: order of the derivatives through the inner loop, 1 or 2.
      inner_steps: number of gradient steps on a task's support, in training and testing.
      inner_rate: step size of the inner loop.
      support: number of evaluations that meta-training adapts to; testing always uses 10.
      tasks: number of meta-training tasks, with 40 evaluations each.
      updates: number of meta-updates, with 25 tasks each.
    """

    order: int = 2
    inner_steps: int = 1
    inner_rate: float = 0.01
    support: int = 10
    tasks: int = 10_000
    updates: int = 4000


BASE = Choices()
FACTORS: dict[str, tuple] = {
    "order": (1, 2),
    "inner_steps": (1, 2, 5),
    "inner_rate": (0.001, 0.003, 0.01, 0.03),
    "support": (2, 5, 10, 20),
    "tasks": (10, 100, 1000, 10_000),
}


@lru_cache
def learner_of(choices: Choices) -> MetaLearner:
    schedule = optax.cosine_decay_schedule(3e-3, choices.updates)
    return maml(
        squared_error(NETWORK.apply),
        optax.adam(schedule),
        inner_steps=choices.inner_steps,
        first_order=choices.order == 1,
    )


@lru_cache
def sampler_of(choices: Choices):
    def sample_tasks(key: Array, sources: Batch) -> Episode:
        task_key, episode_key = jax.random.split(key)
        row = jax.random.randint(task_key, (BATCH,), 0, choices.tasks)
        drawn = jax.tree.map(lambda leaf: leaf[row], sources)
        return sample_episode(episode_key, *drawn, support=choices.support, query=QUERY)

    return sample_tasks


@partial(jax.jit, static_argnames="choices")
def measure_errors(keys: Array, choices: Choices) -> tuple[Array, TrainResult]:
    """Errors float[S, T] of test tasks after adapting, and results of training, for keys[S]."""
    learner = learner_of(choices)
    hyper = MAMLHyper(jnp.asarray(choices.inner_rate))
    curves = partial(sample_curves, ranges=CurveRanges(), support=TEST_SHOTS)
    validation = curves(jax.random.key(VALIDATION_KEY), tasks=100, query=QUERY)
    test = curves(jax.random.key(TEST_KEY), tasks=TEST_TASKS, query=EVALUATIONS)

    def of_seed(key: Array) -> tuple[Array, TrainResult]:
        task_key, init_key, train_key = jax.random.split(key, 3)
        drawn = curves(task_key, tasks=choices.tasks, query=EVALUATIONS - TEST_SHOTS)
        result = train(
            train_key,
            NETWORK.init(init_key, 1),
            support_and_query(drawn),
            validation,
            hyper,
            learner=learner,
            sample_tasks=sampler_of(choices),
            steps=choices.updates,
            evaluate_every=choices.updates // 20,
            patience=choices.updates,
        )
        return learner.evaluate(result.params, test, hyper), result

    return jax.lax.map(of_seed, keys)


def row_of(factor: str, choices: Choices, seeds: int) -> dict:
    """Row of one level of a factor, over all seeds."""
    keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
    begun = time.perf_counter()
    errors, result = measure_errors(keys, choices)
    error = np.asarray(errors, np.float64)
    interval = mean_interval(jax.random.key(0), errors)
    gap = np.asarray(result.generalization_gap)
    return {
        "factor": factor,
        "level": getattr(choices, factor),
        "choices": asdict(choices),
        "n": error.size,
        "mse": error.mean(),
        "mse_ci": (float(interval.low), float(interval.high)),
        "mse_of_seeds": error.mean(axis=1).tolist(),
        "median": float(np.median(error)),
        "generalization_gap": gap.mean(),
        "generalization_gap_of_seeds": gap.tolist(),
        "seconds": time.perf_counter() - begun,
    }


def measure(asked: argparse.Namespace) -> Findings:
    """Meta-train at each level of the factors."""
    base = replace(BASE, updates=asked.updates)
    rows = []
    for factor in asked.factors:
        for level in FACTORS[factor]:
            rows.append(row_of(factor, replace(base, **{factor: level}), asked.seeds))
            print(f"{factor} {level}: {rows[-1]['seconds']:.0f} s", flush=True)
    return Findings(
        split="generated tasks; separate keys for meta-training, meta-validation and testing",
        seeds=range(asked.seeds),
        config={"base": asdict(base), "test_tasks": TEST_TASKS, "test_shots": TEST_SHOTS},
        rows=rows,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=5)
    parser.add_argument("--factors", nargs="+", choices=tuple(FACTORS), default=tuple(FACTORS))
    parser.add_argument("--updates", type=int, default=BASE.updates, help="number of meta-updates")
    run_benchmark("meta/maml_ablations", measure, parser)


if __name__ == "__main__":
    main()
