"""Effect of sampling meta-training tasks uniformly, by difficulty or by affinity.

    python -m benchmarks.meta.task_sampling [--families mixed transnas101]
        [--seeds 5] [--data FOLDER]

Writes benchmarks/results/meta/task_sampling.json. Half of the meta-updates of MAML use
source tasks drawn uniformly or by difficulty (`focused`). The other half is for one target at a
time, with sources weighted by affinity (`weighted`), that is, by how much adapting to each helps on
the target's few evaluations. All variants have the same number of meta-updates, start and test
evaluations. All temperatures that were tried are reported.
"""

import argparse
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.meta.maml_ablations import BASE, NETWORK, Choices, learner_of
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.meta import (
    Batch,
    FocusHyper,
    MAMLHyper,
    WeightedSources,
    affinity,
    focused,
    query,
    squared_error,
    support,
    support_and_query,
    weighted,
)
from nmjax.spaces import encode
from nmjax.stats import mean_interval, spearman
from nmjax.tasks import CURVES, CurveRanges, Episode, sample_curves, sample_episode, scores
from nmjax.types import Array, PyTree

TASKS, CANDIDATES = 8, 16  # Tasks of a meta-update, and candidates for them.
SHOTS, QUERY = 10, 10  # Evaluations of a source in a meta-update.
CURVE_SOURCES, CURVE_TARGETS, CURVE_ROWS = 32, 16, 40
PAST, TARGET_SHOTS = 300, 20  # Evaluations of a suite's sources and of its target.
CHOICES = replace(BASE, updates=400)
TRAINING_KEY = 1_000_003  # Keys of tasks are the seeds.


class Sampling(NamedTuple):
    """Sampling of the tasks of a meta-update; infinite temperatures are uniform.

    Attributes:
      difficulty: float[], temperature of `focused`.
      affinity: float[], temperature of the sources' weights.
    """

    difficulty: float | Array = np.inf
    affinity: float | Array = np.inf


UNIFORM = "uniform"
SAMPLINGS = {
    UNIFORM: Sampling(),
    "by difficulty, 1": Sampling(difficulty=1.0),
    "by difficulty, 0.3": Sampling(difficulty=0.3),
    "by affinity, 0.3": Sampling(affinity=0.3),
    "by affinity, 0.1": Sampling(affinity=0.1),
}


class World(NamedTuple):
    """Data of one meta-training and of its test.

    Attributes:
      sources: evaluations of source tasks, leaves [S, M, ...].
      targets: support that is evaluated and query that judges, leaves [G, ...].
    """

    sources: Batch
    targets: Episode


class Scores(NamedTuple):
    """Measures of each target after adapting.

    Attributes:
      error: float[..., G], mean squared error on its query.
      spearman: float[..., G], rank correlation with its query.
    """

    error: Array | np.ndarray
    spearman: Array | np.ndarray


def curve_worlds(seeds: int) -> World:
    """Worlds of noisy sinusoids, lines, steps and parabolas, leaves [seeds, ...]."""

    def of_seed(key: Array) -> World:
        source_key, target_key = jax.random.split(key)
        draw = partial(
            sample_curves,
            ranges=CurveRanges(noise=0.3),
            kinds=CURVES,
            support=SHOTS,
            query=CURVE_ROWS - SHOTS,
        )
        sources = draw(source_key, tasks=CURVE_SOURCES)
        return World(support_and_query(sources), draw(target_key, tasks=CURVE_TARGETS))

    return jax.vmap(of_seed)(_keys(seeds))


def suite_worlds(suite: nmjax.Suite, seeds: int) -> World:
    """Worlds with each task held out in turn, leaves [T * seeds, ...].

    A source is standardized by its own random evaluations, a target by those of its support.
    """
    encoding, table = encode(suite.space, jnp.asarray(suite.pool)), scores(suite)

    def of_seed(key: Array, past: Array, target: Array) -> World:
        def order(key: Array) -> Array:
            return jax.random.permutation(key, len(suite.pool))

        source_key, target_key = jax.random.split(key)
        rows = jax.vmap(order)(jax.random.split(source_key, len(past)))[:, :PAST]
        y = _in_units_of(drawn := jnp.take_along_axis(past, rows, axis=1), drawn)
        sources = Batch(encoding[rows], y, jnp.ones_like(y, bool))
        row = order(target_key)
        seen, rest = row[None, :TARGET_SHOTS], row[None, TARGET_SHOTS:]
        support_y, query_y = (_in_units_of(target[of], target[seen]) for of in (seen, rest))
        masks = (jnp.ones(of.shape, bool) for of in (seen, rest))
        return World(sources, Episode(encoding[seen], support_y, encoding[rest], query_y, *masks))

    worlds = []
    for task in suite.tasks:
        split = nmjax.leave_one_out(suite, task)
        past, target = table[split.source_indices], table[split.target_index]
        keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(_keys(seeds), split.target_index)
        worlds.append(jax.vmap(of_seed, in_axes=(0, None, None))(keys, past, target))
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *worlds)


def _keys(seeds: int) -> Array:
    return jax.vmap(jax.random.key)(jnp.arange(seeds))


def _in_units_of(y: Array, known: Array) -> Array:
    """Standardize scores [..., M] by the mean and standard deviation of known ones [..., K]."""
    mean = jnp.nanmean(known, axis=-1, keepdims=True)
    return (y - mean) / jnp.nanstd(known, axis=-1, keepdims=True)


def episodes(key: Array, sources: Batch) -> Episode:
    """Draw support and query of each source."""
    return sample_episode(key, *sources, support=SHOTS, query=QUERY)


SAMPLE = weighted(episodes, tasks=CANDIDATES)


@partial(jax.jit, static_argnames="choices")
def measure_scores(worlds: World, sampling: Sampling, choices: Choices) -> Scores:
    """Measures [L, G] of worlds with leaves [L, ...], each meta-trained from its own start."""
    learner = focused(learner_of(choices), tasks=TASKS)
    hyper = FocusHyper(MAMLHyper(jnp.asarray(choices.inner_rate)), jnp.asarray(sampling.difficulty))

    def meta_train(key: Array, state: PyTree, sources: WeightedSources) -> PyTree:
        def one(state: PyTree, key: Array) -> tuple[PyTree, None]:
            task_key, update_key = jax.random.split(key)
            return learner.update(update_key, state, SAMPLE(task_key, sources), hyper)[0], None

        return jax.lax.scan(one, state, jax.random.split(key, choices.updates // 2))[0]

    def of_world(key: Array, world: World) -> Scores:
        params_key, init_key, early_key, late_key = jax.random.split(key, 4)
        sources, targets = world
        alike = WeightedSources(sources, jnp.zeros(sources.y.shape[0]))
        start = NETWORK.init(params_key, sources.x.shape[-1])
        early = meta_train(early_key, learner.init(init_key, start), alike)

        def of_target(target: Episode) -> Scores:
            kin = affinity(early.params, sources, support(target), hyper, learner=learner)
            late = meta_train(late_key, early, WeightedSources(sources, kin / sampling.affinity))
            adapted = learner.adapt(late.params, support(target), hyper).params
            predicted = NETWORK.apply(adapted, target.query_x)
            error = squared_error(NETWORK.apply)(adapted, query(target))
            return Scores(error, spearman(predicted, target.query_y))

        return jax.vmap(of_target)(targets)

    keys = jax.random.split(jax.random.key(TRAINING_KEY), worlds.sources.y.shape[0])
    return jax.lax.map(lambda inputs: of_world(*inputs), (keys, worlds))


def rows_of(family: str, found: dict[str, Scores]) -> list[dict]:
    """Rows by sampling, of measures float[A, B]; intervals resample A and then B."""
    return [
        {
            "family": family,
            "sampling": name,
            **SAMPLINGS[name]._asdict(),
            "n": scores.error.size,
            **_with_interval("mse", scores.error),
            **_with_interval("mse_minus_uniform", scores.error - found[UNIFORM].error),
            **_with_interval("spearman", scores.spearman),
            **_with_interval("spearman_minus_uniform", scores.spearman - found[UNIFORM].spearman),
            "mse_of_hardest_tenth": hardest_tenth(scores.error),
        }
        for name, scores in found.items()
    ]


def hardest_tenth(errors: Array | np.ndarray) -> float:
    """Mean of the largest tenth of the errors, rounded up."""
    return float(np.sort(errors, axis=None)[-errors.size // 10 :].mean())


def _with_interval(name: str, values: Array | np.ndarray) -> dict[str, float | tuple[float, float]]:
    interval = mean_interval(jax.random.key(0), jnp.asarray(values))
    ends = (float(interval.low), float(interval.high))
    return {name: float(interval.estimate), f"{name}_ci": ends}


def measure(asked: argparse.Namespace) -> Findings:
    """Meta-train with each sampling on each family."""
    choices = replace(CHOICES, updates=asked.updates)
    rows, seconds = [], {}
    for family in asked.families:
        begun = time.perf_counter()
        if family == "mixed":
            worlds, first = curve_worlds(asked.seeds), asked.seeds
        else:
            suite = nmjax.load_suite(family, data=asked.data)
            worlds, first = suite_worlds(suite, asked.seeds), len(suite.tasks)
        found = {}
        for name, sampling in SAMPLINGS.items():
            scores = measure_scores(worlds, Sampling(*map(jnp.asarray, sampling)), choices)
            found[name] = Scores(*(np.asarray(leaf).reshape(first, -1) for leaf in scores))
            print(f"{family} {name}: {time.perf_counter() - begun:.0f} s", flush=True)
        seconds[family] = time.perf_counter() - begun
        rows += rows_of(family, found)
    return Findings(
        split="generated tasks with separate keys; for suites, leave one task out",
        seeds=range(asked.seeds),
        config={
            "choices": asdict(choices),
            "tasks": TASKS,
            "candidates": CANDIDATES,
            "shots": SHOTS,
            "queries": QUERY,
            "curves": {"sources": CURVE_SOURCES, "targets": CURVE_TARGETS, "rows": CURVE_ROWS},
            "suites": {"past": PAST, "target_shots": TARGET_SHOTS},
        },
        rows=rows,
        seconds=seconds,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=5)
    parser.add_argument("--families", nargs="+", default=("mixed", "transnas101"))
    parser.add_argument(
        "--updates", type=int, default=CHOICES.updates, help="number of meta-updates"
    )
    parser.add_argument("--data", type=Path, default=None)
    run_benchmark("meta/task_sampling", measure, parser)


if __name__ == "__main__":
    main()
