"""Predict whether transfer from past tasks will help with a new one."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    MetaKnowledge,
    compute_task_similarity,
    learn_from_history,
    pool_features,
)
from nmjax.search.transfer_replay import (
    MOST_EVALUATIONS,
    judge_by_replays,
    replay_transfer,
    transfer_features,
)
from nmjax.stats import Interval
from nmjax.tasks import encode_history, history_scores, split_meta_validation
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import Array

BUDGET = 20
POOL = 200
REPLAYS = 8
"""Default sizes, reduced where past tasks have too few evaluations."""


class TransferAdvice(NamedTuple):
    """Whether transfer will help with a new task.

    Attributes:
      probability: float[] with a 90% interval over past tasks, that a search with transfer reaches
        the result of a search without transfer in fewer evaluations.
      similarity: float[S] with a 95% interval, rank correlation of each source's predictions with
        the new task.
      budget: evaluations of the search without transfer.
    """

    probability: Interval
    similarity: Interval
    budget: int


class NewTask(NamedTuple):
    """At most 10 evaluations of a task that is not in the past.

    Attributes:
      name: name of the task.
      encoding: float32[n, D], encoded architectures.
      score: float[n], higher is better; NaN where the evaluation failed.
    """

    name: str
    encoding: Array
    score: Array


def advise_from_past(
    key: Array,
    past: PastSearches,
    new: NewTask,
    *,
    budget: int | None = None,
    replays: int = REPLAYS,
) -> TransferAdvice:
    """Learn from past tasks and predict whether transfer will help with a new one.

    Args:
      key: PRNG key of everything random.
      past: at least two past tasks, without the new one.
      new: evaluations of the new task.
      budget: evaluations of a search without transfer; by default 20, or what the past task with
        the fewest successful evaluations allows.
      replays: replays of each past task.

    Raises:
      NmjaxError: there are fewer than two past tasks, one has too few successful evaluations, or
        the budget is too large for one. Sizes are checked before anything is learned.
    """
    if len(past.tasks) < 2:
        raise NmjaxError(f"Got {len(past.tasks)} past task; advice needs at least two.")
    past_score = history_scores(past.history, past.required_metric)
    successes = np.sum(~np.isnan(np.asarray(past_score)), axis=-1)
    if successes.min() < MOST_EVALUATIONS:
        shortest = past.tasks[int(successes.argmin())]
        raise NmjaxError(
            f"Past task {shortest!r} has {successes.min()} successful evaluations; advice needs at "
            f"least {MOST_EVALUATIONS} of each past task. Leave the task out, or evaluate more."
        )
    budget, pool_size = replay_sizes(int(successes.min()), budget=budget, replays=replays)
    split_key, learn_key, similarity_key, advice_key = jax.random.split(key, 4)
    knowledge, _ = learn_from_history(
        learn_key,
        past.history,
        past.required_metric,
        split_meta_validation(split_key, past.tasks),
        space=past.space,
    )
    missing = MOST_EVALUATIONS - len(new.score)
    encoding = jnp.pad(new.encoding, ((0, missing), (0, 0)))
    score = jnp.pad(new.score, (0, missing), constant_values=jnp.nan)
    probability = advise_transfer(
        advice_key,
        knowledge,
        encoding,
        score,
        encode_history(past.space, past.history),
        past_score,
        replays=replays,
        pool_size=pool_size,
        budget=budget,
    )
    similarity = jax.jit(compute_task_similarity)(similarity_key, knowledge, encoding, score)
    return TransferAdvice(probability, similarity, budget)


def replay_sizes(
    fewest: int, *, budget: int | None = None, pool_size: int | None = None, replays: int = REPLAYS
) -> tuple[int, int]:
    """Return the budget and the pool size of replays, adapted to the evaluations there are.

    A replay searches a pool of a past task's evaluations. The search with transfer may take twice
    the budget, and the pool must be larger than that.

    Args:
      fewest: successful evaluations of the past task that has the fewest, at least 10.
      budget: evaluations of a search without transfer; the largest that fits, up to 20, if None.
      pool_size: evaluations of a past task that a replay searches; the largest, up to 200, if None.
      replays: replays of each past task, at least 1.

    Raises:
      NmjaxError: there are fewer than 10 evaluations, or a given size does not fit.

    Example:
      >>> replay_sizes(300)
      (20, 200)
      >>> replay_sizes(37)
      (18, 37)
    """
    if fewest < MOST_EVALUATIONS:
        raise NmjaxError(
            f"Got a past task with {fewest} successful evaluations; advice needs at least "
            f"{MOST_EVALUATIONS} of each past task."
        )
    if replays < 1:
        raise NmjaxError(f"Got replays={replays}; give at least 1.")
    least = MOST_EVALUATIONS if budget is None else max(2 * budget + 1, MOST_EVALUATIONS)
    if pool_size is not None and not least <= pool_size <= fewest and least <= fewest:
        raise NmjaxError(f"Got pool_size={pool_size}; give from {least} to {fewest}.")
    pool = min(POOL, fewest) if pool_size is None else pool_size
    most = (min(pool, fewest) - 1) // 2
    if budget is not None and not 1 <= budget <= most:
        raise NmjaxError(
            f"Got budget={budget}; give from 1 to {most}, as the shortest past task has {fewest} "
            "successful evaluations."
        )
    return (min(BUDGET, most) if budget is None else budget), pool


def advise_transfer(
    key: Array,
    knowledge: MetaKnowledge,
    encoding: Array,
    score: Array,
    source_encoding: Array,
    source_score: Array,
    *,
    replays: int = REPLAYS,
    pool_size: int | None = None,
    budget: int | None = None,
) -> Interval:
    """Probability that transfer helps with a new task, from at most 10 evaluations of it.

    The evaluations should be drawn uniformly from the pool, as in the replays. A past task counts
    as one observation however often it is replayed. The 90% interval resamples past tasks: few
    tasks give wide intervals and probabilities near one half. How many evaluations transfer will
    save is not predicted: such predictions were not calibrated on held-out tasks.

    Args:
      key: PRNG key of the replays and resamples.
      knowledge: learned from S sources. Its few shared parameters were fitted on all of them, which
        makes replays slightly optimistic.
      encoding: float[n, D], the new task's evaluations; any numbers where the score is missing.
      score: float[n], n at most 10; NaN where missing or failed.
      source_encoding: float[S, M, D], the sources' evaluations.
      source_score: float[S, M], higher is better; NaN where failed or padded.
      replays: R, replays of each past task.
      pool_size: evaluations of a past task that a replay searches, as in `replay_sizes`.
      budget: evaluations of the search without transfer, as in `replay_sizes`; the search with
        transfer may take twice as many.

    Raises:
      NmjaxError: there are more than 10 evaluations or fewer than two sources, shapes do not fit,
        or sizes do not fit the sources' evaluations.
    """
    sources = len(knowledge.sources.constant)
    if score.ndim != 1 or encoding.shape[:1] != score.shape or len(score) > MOST_EVALUATIONS:
        raise NmjaxError(
            f"Got encodings {list(encoding.shape)} and scores {list(score.shape)} of a new task; "
            f"give float[n, D] and float[n], n at most {MOST_EVALUATIONS}."
        )
    if sources < 2 or source_score.shape[:1] != (sources,):
        raise NmjaxError(
            f"Got the scores {list(source_score.shape)} of the past for knowledge of {sources} "
            "sources; give those of the same two or more tasks."
        )
    fewest = int(np.sum(~np.isnan(np.asarray(source_score)), axis=-1).min())
    budget, pool_size = replay_sizes(fewest, budget=budget, pool_size=pool_size, replays=replays)
    outcome_transform = knowledge.outcome_transform
    replay_key, resample_key = jax.random.split(key)
    replayed = replay_transfer(
        replay_key,
        knowledge,
        source_encoding,
        source_score,
        jnp.sum(~jnp.isnan(score)),
        replays=replays,
        pool_size=pool_size,
        budget=budget,
        outcome_transform=outcome_transform,
    )
    seen = pool_features(knowledge, encoding)
    features = transfer_features(
        knowledge.prior,
        seen.pool,
        seen.past_mean,
        score,
        outcome_transform=outcome_transform,
    )
    return judge_by_replays(resample_key, replayed, features)
