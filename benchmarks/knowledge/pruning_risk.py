"""Frequency with which pruning at a stated risk loses the optimum of a held-out task.

    python -m benchmarks.knowledge.pruning_risk --suite hpobench [--seeds 16]

Writes benchmarks/results/knowledge/pruning_risk_SUITE.json.
"""

import argparse
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.knowledge.transfer.pruning import (
    Classes,
    architecture_levels,
    calibrate_pruning,
    isomorphism_classes,
)
from nmjax.stats import clopper_pearson, mean_interval
from nmjax.tasks import history_scores
from nmjax.types import Array

RISKS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
TOP = 0.001
MEASURES = ("miss_rate", "top_miss_rate", "kept", "stated_high")


@partial(jax.jit, static_argnames=("space", "share", "top"))
def judge(
    architecture: Array,
    score: Array,
    pool: Array,
    target: Array,
    classes: Classes | None,
    *,
    space: nmjax.Space,
    share: float,
    top: float,
) -> Array:
    """Measure pruning on a target at each risk, float[4, len(RISKS)], in the order of `MEASURES`.

    The measures are whether the optimum is pruned, whether the whole top `TOP` is, the share of the
    pool that is kept, and the upper end of the interval of the risk.

    Args:
      architecture: int32[T, M, C], architectures of past tasks.
      score: float[T, M], their scores.
      pool: int32[N, C], pool of the target.
      target: float[N], scores of the target.
      classes: isomorphism classes of the space.
      space: space of the pool.
      share: share of each past task's evaluations that set the levels.
      top: share of each past task's evaluations of which one must be kept.
    """

    def at(risk: Array) -> Array:
        pruning = calibrate_pruning(
            architecture, score, classes, risk, space=space, share=share, top=top
        )
        need = architecture_levels(pruning.level, pool, classes, space=space)
        lost = (need > pruning.threshold).astype(target.dtype)
        best = target >= jnp.nanmax(target)
        good = target >= jnp.nanquantile(target, 1 - TOP)
        past_lost = jnp.sum(pruning.needed > pruning.threshold)
        high = clopper_pearson(past_lost, jnp.asarray(pruning.needed.size)).high
        return jnp.stack(
            [
                jnp.min(jnp.where(best, lost, 1.0)),
                jnp.min(jnp.where(good, lost, 1.0)),
                1 - jnp.mean(lost),
                high,
            ]
        )

    return jax.vmap(at, out_axes=1)(jnp.array(RISKS))


def measure_misses(
    suite: nmjax.Suite, seeds: int, size: int | None, share: float, top: float
) -> Array:
    """`MEASURES` at each risk for each held-out task and past, float[4, R, T, S].

    Args:
      suite: benchmark.
      seeds: number S of pasts of each target; one if they are the whole tables.
      size: number of random evaluations of each past task; None for all.
      share: as in `adapt_space`.
      top: as in `adapt_space`.
    """
    table, pool = nmjax.scores(suite), jnp.asarray(suite.pool)
    classes = isomorphism_classes(suite.space)
    metric = suite.metric_info[suite.score_metric]
    found = []
    for t, task in enumerate(suite.tasks):
        split = nmjax.leave_one_out(suite, task)
        for seed in range(1 if size is None else seeds):
            if size is None:
                score = table[split.source_indices]
                architecture = jnp.broadcast_to(pool, (*score.shape, pool.shape[1]))
            else:
                key = jax.random.fold_in(jax.random.key(seed), t)
                history = nmjax.sample_history(key, suite, split.sources, size)
                architecture, score = history.architecture, history_scores(history, metric)
            found.append(
                judge(
                    architecture,
                    score,
                    pool,
                    table[t],
                    classes,
                    space=suite.space,
                    share=share,
                    top=top,
                )
            )
    stacked = jnp.stack(found, axis=-1)
    return stacked.reshape(*stacked.shape[:2], len(suite.tasks), -1)


def rows_of(history: str, past_tasks: int, found: Array) -> list[dict]:
    """Rows by risk."""
    made = []
    for r, risk in enumerate(RISKS):
        row = {"history": history, "past_tasks": past_tasks, "risk": risk, "n": found[0, r].size}
        for measure, values in zip(MEASURES, found[:, r], strict=True):
            interval = mean_interval(jax.random.key(0), values)
            row[measure] = float(interval.estimate)
            row[f"{measure}_ci"] = [float(interval.low), float(interval.high)]
        row["resolved"] = bool(np.all(np.asarray(found[3, r]) <= 1.5 * risk))
        row["possible"] = risk * (past_tasks + 1) >= 1
        made.append(row)
    return made


def measure(asked: argparse.Namespace) -> Findings:
    """Prune the space of each held-out task by the others."""
    suite = nmjax.load_suite(asked.suite, data=asked.data)
    rows = []
    for size in (asked.history_size, None):
        found = measure_misses(suite, asked.seeds, size, asked.share, asked.top)
        rows += rows_of("all" if size is None else str(size), len(suite.tasks) - 1, found)
    return Findings(
        split="leave one task out; one past per seed",
        seeds=range(asked.seeds),
        config={"share": asked.share, "top": asked.top, "top_of_target": TOP},
        rows=rows,
        variant=suite.name,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, suite="hpobench", seeds=16, history_size=300)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--top", type=float, default=0.0)
    run_benchmark("knowledge/pruning_risk_", measure, parser)


if __name__ == "__main__":
    main()
