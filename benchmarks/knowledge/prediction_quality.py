"""Quality of predictions for a new task from knowledge of past tasks.

    python -m benchmarks.knowledge.prediction_quality --suite transnas101 [--searches 8]

Every task is held out in turn. Each search sees 0, 5, 10, 20 and 50 random evaluations of it and
predicts the rest of 1000 architectures. Measures are Spearman correlation, negative log-likelihood,
and the coverage of central 90% intervals. All methods see scores under the outcome transform of the
search, fitted on the evaluations seen, or on all 1000 if there are none. Likelihoods are densities
of scores under the transform fitted on all 1000. The same is measured with misleading pasts, in
which all sources or every other one are negated or permuted. Writes
benchmarks/results/knowledge/prediction_quality_SUITE.json.
"""

import argparse
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.knowledge.held_out import settings
from benchmarks.knowledge.prediction_methods import (
    DRAWS,
    FIXED_SHARE,
    FLAT,
    NUMBERS,
    Quality,
    qualities,
)
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.evaluation.leave_one_out import prepare
from nmjax.experiments import Target
from nmjax.spaces import encode
from nmjax.stats import bootstrap_interval, mean_interval
from nmjax.tasks import history_scores
from nmjax.types import Array, Metric

PASTS = ("unmodified", "negated", "permuted", "half-negated", "half-permuted")
OTHERS = (FLAT, "mean of sources", "RGPE")
OURS = ("mixture", "adapted mixture")
POOL = 1000
MARKED = NUMBERS.index(20)
SCORE = Metric("score", "as the suite's, transformed")


def mislead(key: Array, score: Array, how: str) -> Array:
    """Negate or permute the scores float[S, M] of all sources or of every other one."""
    wrong = -score
    if how.endswith("permuted"):
        wrong = jax.random.permutation(key, score, axis=1, independent=True)
    every = 2 if how.startswith("half") else 1
    return jnp.where(jnp.arange(len(score))[:, None] % every == 0, wrong, score)


def measure_task(
    suite: nmjax.Suite, task: str, *, searches: int, history_size: int
) -> dict[str, dict[str, Quality]]:
    """Quality float[L, 5] by past and method, for one held-out task."""
    key = jax.random.fold_in(jax.random.key(0), suite.tasks.index(task))
    prepare_key, mislead_key, row_key, search_key = jax.random.split(key, 4)
    split = nmjax.leave_one_out(suite, task)
    prepared = prepare(prepare_key, suite, split, history_size=history_size)
    metric = suite.metric_info[suite.score_metric]
    past_score = history_scores(prepared.history, metric)
    rows = jax.random.permutation(row_key, len(suite.pool))[:POOL]
    encoding = encode(suite.space, jnp.asarray(suite.pool)[rows])
    score = nmjax.scores(suite)[split.target_index][rows]
    keys = jax.random.split(search_key, searches)

    def learned(how: str) -> nmjax.MetaKnowledge:
        knowledge, _ = nmjax.learn_from_history(
            jax.random.clone(prepare_key),
            prepared.history._replace(metrics={SCORE.name: mislead(mislead_key, past_score, how)}),
            SCORE,
            space=suite.space,
        )
        return knowledge

    def judged(knowledge: nmjax.MetaKnowledge) -> dict[str, Quality]:
        return jax.tree.map(np.asarray, qualities(keys, knowledge, encoding, score))

    misled = {how: judged(learned(how)) for how in PASTS[1:]}
    return {PASTS[0]: judged(prepared.knowledge)} | misled


def summary_rows(found: dict[str, dict[str, Quality]]) -> list[dict]:
    """Rows by past and method over all tasks, from quality [T, L, 5]."""
    rows = []
    for past, method, quality in ((p, *pair) for p in PASTS for pair in found[p].items()):
        row: dict[str, Any] = {
            "past": past,
            "method": method,
            "task": "all",
            "evaluations": NUMBERS,
        }
        values = jnp.stack(quality, axis=-2)
        estimate, low, high = mean_interval(jax.random.key(0), values)
        for i, name in enumerate(Quality._fields):
            row |= {name: estimate[i], f"{name}_ci": jnp.stack([low[i], high[i]], axis=-1)}
        rows.append(row | {"n": values[..., 0, 0].size})
    return rows


def targets(name: str, found: dict[str, dict[str, Quality]]) -> list[Target]:
    """Targets for our methods after 20 evaluations, from quality [T, L, 5]."""
    unmodified = found["unmodified"]
    correlation = {method: jnp.asarray(q.spearman[..., MARKED]) for method, q in unmodified.items()}
    best = max(OTHERS, key=lambda method: correlation[method].mean())
    number = int(correlation[best].size)
    made = []
    for ours in OURS:
        ahead = mean_interval(jax.random.key(0), correlation[ours] - correlation[best])
        made.append(
            Target(
                f"{name}: Spearman after 20 evaluations, {ours} minus {best}",
                float(ahead.estimate),
                "rank correlation",
                "at least",
                0.0,
                number,
                (float(ahead.low), float(ahead.high)),
            )
        )
        coverage = unmodified[ours].coverage[..., MARKED]
        made.append(
            Target(
                f"{name}: calibration error of 90% intervals after 20 evaluations, {ours}",
                100 * abs(float(coverage.mean()) - 0.9),
                "points",
                "at most",
                5.0,
                number,
            )
        )
        for how in PASTS[1:]:
            ratio = bootstrap_interval(
                jax.random.key(0),
                tuple(jnp.asarray(found[how][m].spearman[..., MARKED]) for m in (ours, FLAT)),
                _cost,
            )
            made.append(
                Target(
                    f"{name}: cost of a {how} past after 20 evaluations, {ours}",
                    float(ratio.estimate),
                    "% of the flat prior's Spearman",
                    "at most",
                    5.0,
                    number,
                    (float(ratio.low), float(ratio.high)),
                )
            )
    return made


def _cost(pair: tuple[Array, Array]) -> Array:
    ours, flat = (jnp.mean(values) for values in pair)
    return 100 * (1 - ours / flat)


def measure(asked: argparse.Namespace) -> Findings:
    """Predict each held-out task from unmodified and from misleading pasts."""
    suite = nmjax.load_suite(asked.suite, data=asked.data)
    by_task = []
    for task in suite.tasks:
        by_task.append(
            measure_task(suite, task, searches=asked.searches, history_size=asked.history_size)
        )
        print(f"measured {task}", flush=True)
    found = jax.tree.map(lambda *leaves: np.stack(leaves), *by_task)
    return Findings(
        split="leave one task out",
        seeds=(0,),
        config=settings(asked) | {"pool": POOL, "draws": DRAWS, "fixed_share": FIXED_SHARE},
        rows=summary_rows(found),
        targets=targets(suite.name, found),
        variant=suite.name,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, suite="transnas101", searches=8, history_size=300)
    run_benchmark("knowledge/prediction_quality_", measure, parser)


if __name__ == "__main__":
    main()
