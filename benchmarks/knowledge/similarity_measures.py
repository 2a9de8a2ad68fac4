"""Quality of similarity measures: how well they rank the sources of a target.

    python -m benchmarks.knowledge.similarity_measures --suite transnas101 [--searches 16]

Every task is held out in turn; each search sees 0, 5, 10 and 20 random evaluations of it. Writes
benchmarks/results/knowledge/similarity_measures_SUITE.json: rank correlations of the estimates with
the Spearman correlations of the whole tables, and the share of intervals of "rank" that contain the
Kendall correlation of a source's predictions with the target over 2000 rows.
"""

import argparse
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.knowledge.held_out import measure_each, settings
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.evaluation.leave_one_out import Prepared
from nmjax.knowledge import compute_task_similarity, source_features
from nmjax.knowledge.similarity.measures import MEASURES
from nmjax.spaces import encode
from nmjax.stats import Interval, kendall, mean_interval, spearman
from nmjax.tasks import history_scores

NUMBERS = (0, 5, 10, 20)
TRUTH_ROWS = 2000


@partial(jax.jit, static_argnames="measure")
def estimates(
    keys: jax.Array,
    knowledge: nmjax.MetaKnowledge,
    encoding: jax.Array,
    score: jax.Array,
    past: jax.Array,
    context: jax.Array | None = None,
    *,
    measure: str,
) -> Interval:
    """Estimate similarities after each of `NUMBERS` evaluations, leaves float[L, 4, S]."""

    def estimate(key: jax.Array) -> Interval:
        row_key, key = jax.random.split(key)
        rows = jax.random.choice(row_key, len(score), (max(NUMBERS),), replace=False)

        def after(inputs: tuple[jax.Array, jax.Array]) -> Interval:
            own_key, number = inputs
            seen = jnp.where(jnp.arange(max(NUMBERS)) < number, score[rows], jnp.nan)
            return compute_task_similarity(
                own_key, knowledge, encoding[rows], seen, past, context, measure=measure
            )

        return jax.lax.map(after, (jax.random.split(key, len(NUMBERS)), jnp.array(NUMBERS)))

    return jax.lax.map(estimate, keys)


def judge(
    key: jax.Array, prepared: Prepared, searches: int, context: jax.Array | None = None
) -> dict[str, np.ndarray]:
    """Measure how well each similarity ranks the sources, float[L, 4], and the coverage of "rank".

    Contexts float[S + 1, K] are those of the sources and, last, the target; the suites have none.
    """
    suite, split = prepared.suite, prepared.split
    row_key, search_key = jax.random.split(key)
    table = nmjax.scores(suite)
    target = table[split.target_index]
    truth = jax.vmap(spearman, in_axes=(0, None))(table[split.source_indices], target)
    rows = jax.random.permutation(row_key, len(target))[:TRUTH_ROWS]
    predicted = prepared.problem.pool.features[rows, source_features(len(split.sources))]
    concordance = jax.vmap(kendall, in_axes=(1, None))(predicted, target[rows])
    keys = jax.random.split(search_key, searches)
    encoding = encode(suite.space, jnp.asarray(suite.pool))
    past = history_scores(prepared.history, suite.metric_info[suite.score_metric])
    found = {}
    known = prepared.knowledge, encoding, target, past
    for measure in MEASURES:
        if measure == "context" and context is None:
            continue
        similarity = estimates(keys, *known, context, measure=measure)
        broadcast = jnp.broadcast_to(truth, similarity.estimate.shape)
        correlation = spearman(similarity.estimate, broadcast)
        # The correlation of constant estimates is undefined.
        found[measure] = np.nan_to_num(np.asarray(correlation))
        if measure == "rank":
            held = (similarity.low <= concordance) & (concordance <= similarity.high)
            found["coverage of rank"] = np.mean(held, axis=-1)
    return found


def measure(asked: argparse.Namespace) -> Findings:
    """Estimate the similarity of each held-out task to the others."""
    suite = nmjax.load_suite(asked.suite, data=asked.data)
    # Only "embedding" reads the network.
    learn = nmjax.LearnConfig(network=True, replay_size=min(48, asked.history_size))
    judged = measure_each(judge, suite, asked, learn)
    rows = []
    for name in judged[0]:
        values = jnp.asarray(np.stack([found[name] for found in judged]))
        interval = mean_interval(jax.random.key(0), values)
        for i, number in enumerate(NUMBERS):
            estimate, low, high = (float(end[i]) for end in interval)
            rows.append({"measure": name, "evaluations": number, "mean": estimate})
            rows[-1] |= {"ci": [low, high], "n": int(values[..., 0].size)}
    return Findings(
        split="leave one task out",
        seeds=(0,),
        config=settings(asked, learn) | {"truth_rows": TRUTH_ROWS},
        rows=rows,
        variant=suite.name,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, suite="transnas101", searches=16, history_size=300)
    run_benchmark("knowledge/similarity_measures_", measure, parser)


if __name__ == "__main__":
    main()
