"""What knowledge of past tasks is worth for predicting a new one.

    python -m benchmarks.knowledge --suite transnas101 [--lanes 8]

Every task is held out in turn; each lane sees 0, 5, 10, 20 and 50 random evaluations of it and
predicts the rest of 1000 architectures: Spearman correlation, negative log-likelihood, and how many
scores the central 90% intervals hold. All methods see scores transformed as the search
outcome_transforms them, by a map that is fitted on the evaluations seen; with none it is fitted on
all 1000, for all methods alike. Likelihoods are densities of scores transformed by that last map.
The same with sources that
mislead: all of them negated or permuted, or every other one. Writes
benchmarks/results/knowledge_SUITE.json.
"""

import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.held_out import parse, settings
from benchmarks.predictions import DRAWS, FLAT, FLOOR, NUMBERS, Quality, qualities
from nmjax.evaluation.leave_one_out import prepare
from nmjax.experiments import Mark, Result, collect_provenance, write_result
from nmjax.spaces import encode
from nmjax.stats import bootstrap_interval, mean_interval
from nmjax.tasks import history_scores
from nmjax.types import Array, Metric

PASTS = ("honest", "negated", "permuted", "half negated", "half permuted")
OTHERS = (FLAT, "mean of sources", "RGPE")
OURS = ("mixture", "adapted mixture")
POOL = 1000
MARKED = NUMBERS.index(20)
SCORE = Metric("score", "as the suite's, transformed")
RESULTS = Path(__file__).parent / "results"


def mislead(key: Array, score: Array, how: str) -> Array:
    """Scores float[S, M] of sources, all or every other one negated or permuted."""
    wrong = -score
    if how.endswith("permuted"):
        wrong = jax.random.permutation(key, score, axis=1, independent=True)
    every = 2 if how.startswith("half") else 1
    return jnp.where(jnp.arange(len(score))[:, None] % every == 0, wrong, score)


def measure(
    suite: nmjax.Suite, task: str, *, lanes: int, history_size: int
) -> dict[str, dict[str, Quality]]:
    """Qualities float[L, 5] by past and method, with a task held out."""
    key = jax.random.fold_in(jax.random.key(0), suite.tasks.index(task))
    prepare_key, mislead_key, row_key, search_key = jax.random.split(key, 4)
    split = nmjax.leave_one_out(suite, task)
    prepared = prepare(prepare_key, suite, split, history_size=history_size)
    metric = suite.metric_info[suite.score_metric]
    honest = history_scores(prepared.history, metric)
    rows = jax.random.permutation(row_key, len(suite.pool))[:POOL]
    encoding = encode(suite.space, jnp.asarray(suite.pool)[rows])
    score = nmjax.scores(suite)[split.target_index][rows]
    keys = jax.random.split(search_key, lanes)

    def learned(how: str) -> nmjax.MetaKnowledge:
        knowledge, _ = nmjax.learn_from_history(
            jax.random.clone(prepare_key),
            prepared.history._replace(metrics={SCORE.name: mislead(mislead_key, honest, how)}),
            SCORE,
            prepared.meta_validation,
            space=suite.space,
        )
        return knowledge

    def judged(knowledge: nmjax.MetaKnowledge) -> dict[str, Quality]:
        return jax.tree.map(np.asarray, qualities(keys, knowledge, encoding, score))

    misled = {how: judged(learned(how)) for how in PASTS[1:]}
    return {PASTS[0]: judged(prepared.knowledge)} | misled


def summary_rows(tasks: tuple[str, ...], found: dict[str, dict[str, Quality]]) -> list[dict]:
    """One row a past and method over all tasks, and one a task; of qualities [T, L, 5]."""
    rows = []
    for past, method, quality in ((p, *pair) for p in PASTS for pair in found[p].items()):
        for task, at in [("all", slice(None)), *((t, [i]) for i, t in enumerate(tasks))]:
            row = {"past": past, "method": method, "task": task, "evaluations": NUMBERS}
            values = jnp.stack([leaf[at] for leaf in quality], axis=-2)
            estimate, low, high = mean_interval(jax.random.key(0), values)
            for i, name in enumerate(Quality._fields):
                row |= {name: estimate[i], f"{name}_ci": jnp.stack([low[i], high[i]], axis=-1)}
            rows.append(row | {"n": values[..., 0, 0].size})
    return rows


def marks(name: str, found: dict[str, dict[str, Quality]]) -> list[Mark]:
    """What is asked of ours after 20 evaluations; of qualities [T, L, 5]."""
    honest = {method: jnp.asarray(q.spearman[..., MARKED]) for method, q in found["honest"].items()}
    best = max(OTHERS, key=lambda method: honest[method].mean())
    number = int(honest[best].size)
    made = []
    for ours in OURS:
        ahead = mean_interval(jax.random.key(0), honest[ours] - honest[best])
        made.append(
            Mark(
                f"{name}: Spearman after 20 evaluations, {ours} less {best}",
                float(ahead.estimate),
                "rank correlation",
                "at least",
                0.0,
                number,
                (float(ahead.low), float(ahead.high)),
            )
        )
        coverage = found["honest"][ours].coverage[..., MARKED]
        made.append(
            Mark(
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
                Mark(
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


def main() -> None:
    """Measures and writes the result file."""
    arguments = parse(__doc__.splitlines()[0], lanes=8)
    begun, provenance = time.perf_counter(), collect_provenance()
    suite = nmjax.load_suite(arguments.suite, data=arguments.data)
    by_task = []
    for task in suite.tasks:
        lanes, size = arguments.lanes, arguments.history_size
        by_task.append(measure(suite, task, lanes=lanes, history_size=size))
        print(f"{task}: {time.perf_counter() - begun:.0f} s", flush=True)
    found = jax.tree.map(lambda *leaves: np.stack(leaves), *by_task)
    rows = summary_rows(suite.tasks, found)
    for row in rows:
        if row["task"] == "all":
            print(f"{row['past']:14} {row['method']:18}", *np.round(row["spearman"], 3))
    result = Result(
        **provenance,
        split="leave one task out",
        seeds=(0,),
        config=settings(arguments) | {"pool": POOL, "draws": DRAWS, "floor": FLOOR},
        seconds=time.perf_counter() - begun,
        rows=tuple(rows),
        marks=tuple(marks(suite.name, found)),
    )
    write_result(RESULTS / f"knowledge_{suite.name}.json", result)


if __name__ == "__main__":
    main()
