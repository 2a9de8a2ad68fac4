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
from nmjax.search.transfer.judgment import judge_by_replays
from nmjax.search.transfer.replay import (
    MOST_EVALUATIONS,
    replay_transfer,
    transfer_features,
)
from nmjax.stats import Interval
from nmjax.tasks import encode_history, history_scores
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import Array

# Default sizes, reduced if past tasks have too few evaluations.
BUDGET = 20
POOL = 200
REPLAYS = 8


class TransferAdvice(NamedTuple):
    """Prediction of whether transfer will help with a new task.

    Attributes:
      probability: Probability float[] that a search with transfer reaches the result of a search
        without transfer in fewer evaluations, with a 90% interval over past tasks.
      similarity: Rank correlation float[S] of each source's predictions with the new task, with a
        95% interval.
      budget: Number of evaluations of the search without transfer.

    Example:
      >>> from nmjax.search import TransferAdvice
      >>> from nmjax.stats import Interval
      >>> advice = TransferAdvice(Interval(0.8, 0.6, 0.9), Interval([0.7], [0.4], [0.9]), budget=20)
      >>> advice.probability.low > 0.5
      True
    """

    probability: Interval
    similarity: Interval
    budget: int


class NewTask(NamedTuple):
    """Up to 10 evaluations of a task that is not in the past.

    Attributes:
      name: Name of the task.
      encoding: float32[n, D], encoded architectures.
      score: float[n], higher is better; NaN where the evaluation failed.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import NewTask
      >>> from nmjax.spaces import Space, encode
      >>> space = Space(op=["conv", "skip"], width=[16, 32])
      >>> task = NewTask("mine", encode(space, jnp.array([[0, 1]])), jnp.array([0.93]))
      >>> task.encoding.shape
      (1, 4)
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
      key: Random key.
      past: At least two past tasks, without the new one.
      new: Evaluations of the new task.
      budget: Number of evaluations of a search without transfer; by default 20, or fewer if a past
        task has too few successful evaluations.
      replays: Number of replays of each past task.

    Raises:
      NmjaxError: There are fewer than two past tasks, one has too few successful evaluations, or
        the budget is too large for one. Sizes are checked before learning.

    Example:
      >>> import jax, numpy as np
      >>> from nmjax.search import NewTask, advise_from_past
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import PastSearches, make_history
      >>> from nmjax.types import Metric
      >>> space, metric = Space(width=[8, 16]), Metric("accuracy", "%")
      >>> history = make_history(np.zeros((1, 4, 1), int), {"accuracy": np.ones((1, 4))})
      >>> past = PastSearches(space, history, ("a",), metric)
      >>> advise_from_past(jax.random.key(0), past, NewTask("b", np.ones((0, 2)), np.ones(0)))
      Traceback (most recent call last):
      nmjax.errors.NmjaxError: Got 1 past task; advice needs at least two.
    """
    past_score = history_scores(past.history, past.required_metric)
    fewest = _fewest_successes(past, past_score)
    budget, pool_size = replay_sizes(fewest, budget=budget, replays=replays)
    learn_key, similarity_key, advice_key = jax.random.split(key, 3)
    knowledge, _ = learn_from_history(
        learn_key,
        past.history,
        past.required_metric,
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


def _fewest_successes(past: PastSearches, score: Array) -> int:
    """Return the smallest number of successful evaluations of a past task, after checking it."""
    if len(past.tasks) < 2:
        raise NmjaxError(f"Got {len(past.tasks)} past task; advice needs at least two.")
    successes = np.sum(~np.isnan(np.asarray(score)), axis=-1)
    if successes.min() < MOST_EVALUATIONS:
        shortest = past.tasks[int(successes.argmin())]
        raise NmjaxError(
            f"Past task {shortest!r} has {successes.min()} successful evaluations; advice needs at "
            f"least {MOST_EVALUATIONS} of each past task. Leave the task out, or evaluate more."
        )
    return int(successes.min())


def replay_sizes(
    fewest: int, *, budget: int | None = None, pool_size: int | None = None, replays: int = REPLAYS
) -> tuple[int, int]:
    """Return the budget and the pool size of replays that fit the available evaluations.

    A replay searches a pool of a past task's evaluations. The search with transfer may take twice
    the budget, and the pool must be larger than that.

    Args:
      fewest: Smallest number of successful evaluations of a past task, at least 10.
      budget: Number of evaluations of a search without transfer; by default the largest that fits,
        up to 20.
      pool_size: Number of evaluations of a past task that a replay searches; by default the largest
        that fits, up to 200.
      replays: Number of replays of each past task, at least 1.

    Raises:
      NmjaxError: There are fewer than 10 evaluations, or a given size does not fit.

    Example:
      >>> from nmjax.search.transfer import replay_sizes
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
    """Return the probability that transfer helps with a new task, from up to 10 evaluations of it.

    The evaluations should be drawn uniformly from the pool, as in the replays. A past task counts
    as one observation, regardless of the number of its replays. The 90% interval resamples past
    tasks, so few tasks give wide intervals and probabilities near one half. The number of
    evaluations that transfer will save is not predicted, because such predictions were not
    calibrated on held-out tasks.

    Args:
      key: Random key of the replays and resamples.
      knowledge: Knowledge of S sources. Its few shared parameters were fitted on all of them, which
        makes replays slightly optimistic.
      encoding: float[n, D], evaluated architectures; any numbers where the score is missing.
      score: float[n], n at most 10; NaN where missing or failed.
      source_encoding: float[S, M, D], evaluated architectures of the sources.
      source_score: float[S, M], higher is better; NaN where failed or padded.
      replays: R, number of replays of each past task.
      pool_size: Number of evaluations of a past task that a replay searches, as in `replay_sizes`.
      budget: Number of evaluations of the search without transfer, as in `replay_sizes`; the search
        with transfer may take twice as many.

    Raises:
      NmjaxError: There are more than 10 evaluations or fewer than two sources, shapes do not fit,
        or sizes do not fit the sources' evaluations.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import advise_transfer
      >>> from nmjax.spaces import Space
      >>> knowledge = default_knowledge(Space(width=[8, 16]))
      >>> past = jnp.zeros((1, 20, 2)), jnp.ones((1, 20))
      >>> advise_transfer(jax.random.key(0), knowledge, jnp.eye(2), jnp.ones(2), *past)
      Traceback (most recent call last):
      nmjax.errors.NmjaxError: Got past scores [1, 20] for knowledge of 0 sources; ...
    """
    _check_evaluations(knowledge, encoding, score, source_score)
    fewest = int(np.sum(~np.isnan(np.asarray(source_score)), axis=-1).min())
    budget, pool_size = replay_sizes(fewest, budget=budget, pool_size=pool_size, replays=replays)
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
        outcome_transform=knowledge.outcome_transform,
    )
    seen = pool_features(knowledge, encoding)
    features = transfer_features(
        knowledge.prior,
        seen.pool,
        seen.past_mean,
        score,
        outcome_transform=knowledge.outcome_transform,
    )
    return judge_by_replays(resample_key, replayed, features)


def _check_evaluations(
    knowledge: MetaKnowledge, encoding: Array, score: Array, source_score: Array
) -> None:
    """Refuse evaluations whose shapes do not fit one another or the knowledge."""
    sources = len(knowledge.sources.constant)
    if score.ndim != 1 or encoding.shape[:1] != score.shape or len(score) > MOST_EVALUATIONS:
        raise NmjaxError(
            f"Got encodings {list(encoding.shape)} and scores {list(score.shape)} of a new task; "
            f"give float[n, D] and float[n], n at most {MOST_EVALUATIONS}."
        )
    if sources < 2 or source_score.shape[:1] != (sources,):
        raise NmjaxError(
            f"Got past scores {list(source_score.shape)} for knowledge of {sources} sources; give "
            "the scores float[S, M] of its sources, two or more."
        )
