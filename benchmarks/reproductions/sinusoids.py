"""Few-shot regression on curves: measured and published errors.

    python -m benchmarks.reproductions.sinusoids [--methods maml cavia] [--families sinusoids mixed]

Writes benchmarks/results/reproductions/sinusoids_METHOD.json, for other families
sinusoids_METHOD_FAMILY.json. The sinusoids are those of Finn et al. (2017), section 5.1, with their
network, 1-40-40-1 with ReLU. The other families are noisy sinusoids, and a mixture of sinusoids,
lines, steps and parabolas; they use only the first setting of a method.

A mean is over all tasks and includes those that diverged; it is missing if a value is not finite.
The median and the share of diverged tasks are reported too. A task diverged if its mean squared
error is above 25, the square of the largest amplitude (predicting 0 costs half that).
"""

import argparse
import itertools
import math
import time
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.reproductions.sinusoid_methods import METHODS, TRIVIAL, Setting
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.experiments import Target
from nmjax.meta import ProbabilisticLearner, TrainResult, support, train
from nmjax.stats import gaussian_log_prob, mean_interval
from nmjax.tasks import CURVES, CurveRanges, Episode, sample_curves
from nmjax.types import Array, PyTree

SHOTS = (5, 10, 20)
TASKS, VALIDATION_TASKS, TEST_TASKS, TEST_QUERIES = 25, 500, 10_000, 50
ROUNDS = 20  # Evaluations on validation tasks during meta-training.
DIVERGED = 25.0
BATCH = 500
ALL = TRIVIAL | METHODS
BLOCKS = 100
VALIDATION_KEY, TEST_KEY = 1_000_001, 1_000_002  # Training keys are the seeds.


class Family(NamedTuple):
    """Distribution of curves: the ranges of their parameters, and their kinds."""

    ranges: CurveRanges
    kinds: tuple[str, ...]


SINUSOIDS = "sinusoids"  # The family of the published tables.
FAMILIES = {
    SINUSOIDS: Family(CurveRanges(), ("sinusoid",)),
    "noisy": Family(CurveRanges(noise=0.3), ("sinusoid",)),
    "mixed": Family(CurveRanges(noise=0.3), CURVES),
}


class Scores(NamedTuple):
    """Measures of each test task.

    Attributes:
      error: float[S, T], mean squared error by seed and task.
      log_likelihood: float[S, T], mean log-density of a task's query scores.
    """

    error: np.ndarray
    log_likelihood: np.ndarray


def fit(
    setting: Setting, family: Family, *, seeds: tuple[int, ...], updates: int
) -> tuple[PyTree, Array]:
    """Meta-train; return parameters with a leading axis of seeds, and gaps float[S]."""
    sampled = partial(sample_curves, kinds=family.kinds, support=setting.shots)
    draw = partial(sampled, tasks=TASKS, query=setting.queries or setting.shots)
    validation = sampled(
        jax.random.key(VALIDATION_KEY), family.ranges, tasks=VALIDATION_TASKS, query=20
    )
    every = max(updates // ROUNDS, 1)
    run = partial(
        train,
        learner=setting.make(setting.inner_steps, updates),
        sample_tasks=draw,
        steps=updates // every * every,
        evaluate_every=every,
        patience=updates,
    )

    @jax.jit
    @partial(jax.vmap, in_axes=(0, None, None))
    def of_seed(seed: Array, ranges: CurveRanges, validation: Episode) -> TrainResult:
        key, begin_key = jax.random.split(jax.random.key(seed))
        return run(key, setting.begin(begin_key), ranges, validation, setting.hyper)

    result = of_seed(jnp.asarray(seeds), family.ranges, validation)
    return result.params, result.generalization_gap


def score(setting: Setting, params: PyTree, tasks: Episode, *, steps: int) -> Scores:
    """Evaluate the parameters of all seeds on tasks; log-likelihoods may be NaN."""
    learner = setting.make(steps, 1)

    def of_task(params: PyTree, episode: Episode) -> tuple[Array, Array]:
        if not isinstance(learner, ProbabilisticLearner):
            one = jax.tree.map(lambda leaf: leaf[None], episode)
            return learner.evaluate(params, one, setting.hyper)[0], jnp.asarray(jnp.nan)
        adapted = learner.adapt(params, support(episode), setting.hyper).params
        predicted = learner.predict(adapted, episode.query_x)
        error = jnp.mean(jnp.square(predicted.mean - episode.query_y))
        return error, jnp.mean(gaussian_log_prob(episode.query_y, *predicted))

    @jax.jit
    def of_all(params: PyTree, tasks: Episode) -> tuple[Array, Array]:
        return jax.vmap(lambda p: jax.lax.map(partial(of_task, p), tasks, batch_size=BATCH))(params)

    return Scores(*map(np.asarray, of_all(params, tasks)))


def calibrated(error: np.ndarray, validation_error: np.ndarray) -> np.ndarray:
    """Log-likelihood float[S, T] of point predictions under normals with one variance per seed.

    The variance is the mean squared error on validation tasks, from float[S, V], its maximum
    likelihood estimate.
    """
    variance = validation_error.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # An infinite variance has no likelihood.
        return -0.5 * (np.log(2 * np.pi * variance) + error / variance)


def summary(scores: Scores) -> dict:
    """Mean, its 95% interval over seeds and tasks, each seed's, median, and share that diverged."""
    error = np.nan_to_num(scores.error.astype(np.float64), nan=np.inf, posinf=np.inf)
    kept = error[error <= DIVERGED]
    return {
        "n": error.size,
        "mse": error.mean(),
        "mse_ci": interval(error),
        "mse_of_seeds": error.mean(axis=1),
        "median": np.median(error),
        "diverged": 1 - kept.size / error.size,
        "mse_of_not_diverged": kept.mean() if kept.size else math.nan,
        "log_likelihood": scores.log_likelihood.mean(dtype=np.float64),
        "log_likelihood_ci": interval(scores.log_likelihood),
    }


def interval(values: np.ndarray) -> tuple[float, float]:
    """Interval of the mean of float[S, T], by resampling seeds and blocks of tasks within each."""
    blocks = np.stack([b.mean(axis=1) for b in np.array_split(values, BLOCKS, axis=1)], axis=1)
    found = mean_interval(jax.random.key(0), jnp.asarray(blocks, jnp.float32))
    return float(found.low), float(found.high)


def rows_of(
    method: str,
    setting: Setting,
    family: str,
    *,
    seeds: tuple[int, ...],
    updates: int,
    test_tasks: int = TEST_TASKS,
) -> list[dict]:
    """Meta-train a setting, and measure it at all shots and steps; return rows."""
    begun = time.perf_counter()
    ranges, kinds = FAMILIES[family]
    params, meta_gap = fit(setting, FAMILIES[family], seeds=seeds, updates=updates)
    gap = np.asarray(meta_gap)
    trained = time.perf_counter() - begun
    rows = []
    for shots in SHOTS:
        draw = partial(sample_curves, kinds=kinds, support=shots, query=TEST_QUERIES)
        validation, test = (
            draw(jax.random.fold_in(jax.random.key(seed), shots), ranges, tasks=number)
            for seed, number in ((VALIDATION_KEY, VALIDATION_TASKS), (TEST_KEY, test_tasks))
        )
        both = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), validation, test)
        for steps in setting.test_steps:
            of_both = score(setting, params, both, steps=steps)
            scores = Scores(*(values[:, VALIDATION_TASKS:] for values in of_both))
            if np.isnan(scores.log_likelihood).all():
                residual = of_both.error[:, :VALIDATION_TASKS]
                scores = scores._replace(log_likelihood=calibrated(scores.error, residual))
            clean = family == SINUSOIDS
            published = setting.published if clean else {}
            rows.append(
                {
                    "method": method,
                    "setting": setting.name,
                    "family": family,
                    "shots": shots,
                    "steps": steps,
                    **summary(scores),
                    "published": {
                        source: found[shots, steps]
                        for source, found in published.items()
                        if (shots, steps) in found
                    },
                    "target": setting.targets.get((shots, steps)) if clean else None,
                    "trained": {
                        "shots": setting.shots,
                        "steps": setting.inner_steps,
                        "updates": updates,
                        "hyper": setting.hyper,
                        "generalization_gap": gap,
                        "seconds": trained,
                    },
                }
            )
    return rows


def targets(rows: list[dict]) -> list[Target]:
    """Targets of the rows that have one."""
    return [
        Target(
            f"sinusoids: {row['method']} ({row['setting']}), {row['shots']} shots, "
            f"{row['steps']} inner step{'s' * (row['steps'] != 1)}",
            float(row["mse"]),
            "mean squared error",
            "at most",
            row["target"],
            row["n"],
            row["mse_ci"],
        )
        for row in rows
        if row["target"] is not None
    ]


def measure(asked: argparse.Namespace, *, method: str, family: str) -> Findings:
    """Meta-train and test a method on a family of curves."""
    settings = ALL[method] if family == SINUSOIDS else ALL[method][:1]
    seeds = tuple(range(asked.seeds))
    rows = []
    for setting in settings:
        updates = round(asked.share * setting.updates)
        rows += rows_of(method, setting, family, seeds=seeds, updates=updates)
    return Findings(
        split="generated tasks; separate keys for meta-training, meta-validation and testing",
        seeds=seeds,
        config={
            "family": FAMILIES[family]._asdict(),
            "tasks_per_batch": TASKS,
            "validation_tasks": VALIDATION_TASKS,
            "test_tasks": TEST_TASKS,
            "test_queries": TEST_QUERIES,
            "diverged_above": DIVERGED,
        },
        rows=rows,
        targets=targets(rows),
        variant=method if family == SINUSOIDS else f"{method}_{family}",
    )


def main() -> None:
    """Measure and write one result file per method and family."""
    parser = make_parser(__doc__, seeds=3)
    parser.add_argument("--methods", nargs="+", choices=tuple(ALL), default=tuple(ALL))
    parser.add_argument("--families", nargs="+", choices=tuple(FAMILIES), default=tuple(FAMILIES))
    parser.add_argument(
        "--share", type=float, default=1.0, help="share of the meta-updates of each setting"
    )
    asked = parser.parse_args()
    for method, family in itertools.product(asked.methods, asked.families):
        of_one = partial(measure, method=method, family=family)
        run_benchmark("reproductions/sinusoids_", of_one, parser)


if __name__ == "__main__":
    main()
