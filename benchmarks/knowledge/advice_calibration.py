"""Calibration of transfer advice: predicted probabilities and outcomes on held-out tasks.

    python -m benchmarks.knowledge.advice_calibration --suite transnas101 [--searches 16]

Every task is held out in turn, with its scores unmodified and negated; negated scores make the past
misleading. Each search gets advice from 10 random evaluations and then runs with and without
transfer from the same seed. Writes benchmarks/results/knowledge/advice_calibration_SUITE.json:
probabilities and outcomes by task, a reliability table, and Brier scores of the advice and of a
base rate, the mean outcome on all other tasks.
"""

import argparse
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.knowledge.held_out import measure_each, settings
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.evaluation.leave_one_out import Prepared
from nmjax.evaluation.methods import get_algorithm
from nmjax.experiments import Target
from nmjax.knowledge import MetaKnowledge, pool_features
from nmjax.search import Problem, default_hyper, run_batch, with_flat_prior
from nmjax.search.transfer.judgment import judge_by_replays
from nmjax.search.transfer.replay import (
    MOST_EVALUATIONS,
    TransferReplay,
    replay_transfer,
    saved_evaluations,
    transfer_features,
)
from nmjax.spaces import encode
from nmjax.stats import Interval, mean_interval
from nmjax.tasks import history_scores
from nmjax.types import Array

KINDS = ("unmodified", "negated")
BUDGET, REPLAYS, POOL, TRANSFORM = 20, 8, 200, "log_lower_tail"
BINS = 5


class Outcome(NamedTuple):
    """Predictions for a task and outcomes, leaves [..., L] over searches.

    Attributes:
      probability: predicted probability that transfer helps.
      helped: 1 if the search with transfer reached the final score of the one without in fewer
        evaluations, 0.5 if in as many, else 0.
      saved: number of evaluations that it saved, at least minus the budget.
      best: best score after the budget, with transfer.
      best_without: best score after the budget, without transfer.
    """

    probability: Array
    helped: Array
    saved: Array
    best: Array
    best_without: Array


@jax.jit
def advise_each(
    keys: Array,
    knowledge: MetaKnowledge,
    replayed: TransferReplay,
    encoding: Array,
    score: Array,
) -> Interval:
    """Probability that transfer helps each of L searches, from 10 evaluations each."""

    def advise(key: Array) -> Interval:
        row_key, key = jax.random.split(key)
        rows = jax.random.choice(row_key, len(score), (MOST_EVALUATIONS,), replace=False)
        seen = pool_features(knowledge, encoding[rows])
        features = transfer_features(
            knowledge.prior, seen.pool, seen.past_mean, score[rows], outcome_transform=TRANSFORM
        )
        return judge_by_replays(key, replayed, features)

    return jax.lax.map(advise, keys)


def search_both(keys: Array, problem: Problem, budget: int) -> tuple[Array, Array, Array, Array]:
    """Run searches with and without transfer from the same keys.

    Returns:
      helped, saved, best, and best_without, float[L] each.
    """
    algorithm = get_algorithm("transfer", 2 * budget)
    hyper = default_hyper(2 * budget)

    def best_so_far(problem: Problem) -> Array:
        again = jax.random.clone(keys)
        _, trace = run_batch(again, problem, algorithm, hyper, steps=2 * budget)
        return jax.lax.cummax(jnp.where(jnp.isnan(trace.score), -jnp.inf, trace.score), axis=1)

    ours, theirs = best_so_far(problem), best_so_far(with_flat_prior(problem))[:, budget - 1]
    saved = saved_evaluations(ours, theirs)
    return 0.5 * (1 + jnp.sign(saved)), saved, ours[:, budget - 1], theirs


def measure_task(key: Array, prepared: Prepared, searches: int) -> Outcome:
    """Advise and run searches of a task as it is and negated; leaves [2, L]."""
    replay_key, advice_key, search_key = jax.random.split(key, 3)
    suite, knowledge, history = prepared.suite, prepared.knowledge, prepared.history
    past_score = history_scores(history, suite.metric_info[suite.score_metric])
    replayed = replay_transfer(
        replay_key,
        knowledge,
        encode(suite.space, history.architecture),
        past_score,
        jnp.asarray(MOST_EVALUATIONS),
        replays=REPLAYS,
        pool_size=min(POOL, int(np.sum(~np.isnan(np.asarray(past_score)), axis=-1).min())),
        budget=BUDGET,
        outcome_transform=TRANSFORM,
    )
    encoding = encode(suite.space, jnp.asarray(suite.pool))
    found = []
    for sign in (1, -1):
        problem = prepared.problem._replace(score=sign * prepared.problem.score)
        keys = (jax.random.split(jax.random.clone(k), searches) for k in (advice_key, search_key))
        asked, searched = keys
        advice = advise_each(asked, knowledge, replayed, encoding, problem.score)
        found.append(Outcome(advice.estimate, *search_both(searched, problem, BUDGET)))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


def base_rate(values: np.ndarray) -> np.ndarray:
    """Mean over all tasks but one, float[T, 1, 1], of values float[T, K, L]."""
    each = values.mean((1, 2))
    return ((each.sum() - each) / (len(each) - 1))[:, None, None]


def reliability(probability: np.ndarray, helped: np.ndarray) -> list[dict]:
    """Reliability table: count, mean probability and observed frequency by probability bin."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    return [
        {
            "from": at / BINS,
            "to": (at + 1) / BINS,
            "n": int((place == at).sum()),
            "predicted": float(probability[place == at].mean()),
            "observed": float(helped[place == at].mean()),
        }
        for at in np.unique(place).tolist()
    ]


def summarize(tasks: tuple[str, ...], name: str, found: Outcome) -> tuple[list[dict], list[Target]]:
    """Rows and targets of outcomes float[T, 2, L]."""
    probability, helped = np.asarray(found.probability), np.asarray(found.helped)
    rows: list[dict] = [
        {"task": task, "kind": kind, "n": found.helped.shape[-1]}
        | {field: float(values[t, k].mean()) for field, values in found._asdict().items()}
        for t, task in enumerate(tasks)
        for k, kind in enumerate(KINDS)
    ]
    rows += [{"bin": True} | row for row in reliability(probability, helped)]
    ahead = np.asarray(found.best.mean(-1) > found.best_without.mean(-1)).astype(float)[..., None]
    by_task = probability.mean(-1, keepdims=True)
    targets = []
    for what, ours, truth in (
        ("Brier score per search", probability, helped),
        ("Brier score per task", by_task, ahead),
    ):
        errors = np.square(ours - truth), np.square(base_rate(truth) - truth)
        for k, kind in ((slice(None), "all"), *((slice(k, k + 1), n) for k, n in enumerate(KINDS))):
            at = [jnp.asarray(e[:, k].reshape(len(tasks), -1)) for e in errors]
            mean, low, high = (float(x) for x in mean_interval(jax.random.key(0), at[0] - at[1]))
            row = {"error": what, "kind": kind, "advice": float(at[0].mean())}
            rows.append(
                row | {"base_rate": float(at[1].mean())} | {"difference": mean, "ci": [low, high]}
            )
            if kind == "all":
                targets.append(
                    Target(
                        f"{name}: {what}, advice minus base rate",
                        mean,
                        "squared error",
                        "at most",
                        0.0,
                        int(at[0].size),
                        (low, high),
                    )
                )
    return rows, targets


def measure(asked: argparse.Namespace) -> Findings:
    """Predict whether transfer helps on each held-out task, and run the searches."""
    suite = nmjax.load_suite(asked.suite, data=asked.data)
    by_task = measure_each(measure_task, suite, asked)
    rows, targets = summarize(
        suite.tasks, suite.name, jax.tree.map(lambda *leaves: np.stack(leaves), *by_task)
    )
    return Findings(
        split="leave one task out; scores unmodified and negated",
        seeds=(0,),
        config=settings(asked)
        | {"budget": BUDGET, "replays": REPLAYS, "pool": POOL, "outcome_transform": TRANSFORM},
        rows=rows,
        targets=targets,
        variant=suite.name,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, suite="transnas101", searches=16, history_size=300)
    run_benchmark("knowledge/advice_calibration_", measure, parser)


if __name__ == "__main__":
    main()
