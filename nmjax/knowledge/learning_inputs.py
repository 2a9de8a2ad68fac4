"""Limits, padding and validation of the past searches to learn from."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.knowledge.config import LearnConfig, bucket_above, count_successes, rows_of_each
from nmjax.knowledge.standardized_past import Past
from nmjax.tasks import history_scores, refuse_leakage
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import Array, History, Metric


def limit_history(key: Array, history: History, metric: Metric, config: LearnConfig) -> History:
    """Return a history within the limits of `config`, padded; the given one if it is.

    Evaluations that exceed the limits are left out at random, but those of a task that succeeded
    are kept up to `replay_size`. The others keep their order.

    Raises:
      NmjaxError: There are more than `max_tasks` tasks.
    """
    tasks, length = history.mask.shape
    if tasks > config.max_tasks:
        raise NmjaxError(
            f"Got {tasks} past tasks; the memory of learning and of searches grows with their "
            f"number. Select at most {config.max_tasks} of them, such as those most like the new "
            "task, or raise LearnConfig.max_tasks."
        )
    rows = rows_of_each(config, tasks)
    if count_rows(history) <= rows:
        return history
    order = np.where(history.mask, np.asarray(jax.random.uniform(key, (tasks, length))), 2)
    succeeded = ~np.isnan(np.asarray(history_scores(history, metric)))
    first = np.argsort(np.where(succeeded, order, 2), axis=1)[:, : min(rows, config.replay_size)]
    ahead = np.take_along_axis(succeeded, first, axis=1)
    np.put_along_axis(order, first, np.take_along_axis(order, first, axis=1) - ahead, axis=1)
    kept = np.sort(np.argsort(order, axis=1)[:, :rows], axis=1)

    def take(leaf: Array) -> np.ndarray:
        column = np.asarray(leaf)
        index = kept.reshape(*kept.shape, *([1] * (column.ndim - 2)))
        return np.take_along_axis(column, index, axis=1)

    architecture, continuous, metrics, mask = jax.tree.map(
        take, (history.architecture, history.continuous, history.metrics, history.mask)
    )
    return pad_history(History(architecture, continuous, metrics, history.context, mask), metric)


def count_rows(history: History) -> int:
    """Number of evaluations of the task that has most."""
    return int(np.asarray(history.mask).sum(axis=1).max())


def check_pasts(past: PastSearches | Sequence[PastSearches]) -> list[PastSearches]:
    """Return past searches as a list, each with a metric.

    Raises:
      NmjaxError: There are none, or one is no `PastSearches` or has no metric.
    """
    pasts: list[Any] = [past]
    if isinstance(past, Sequence) and len(past) > 0:
        pasts = list(past)
    for one in pasts:
        if not isinstance(one, PastSearches):
            raise NmjaxError(
                "Expected past searches, as read_history returns them, got an object of type "
                f"{type(one).__name__}."
            )
        if one.metric is None:
            raise NmjaxError(
                f"Got past searches {one.name!r} without a metric to improve; name it by maximize= "
                "or minimize= when reading them."
            )
    return pasts


def pad_history(history: History, metric: Metric) -> History:
    """Keep only the metric of the score, and pad to one of a few lengths."""
    missing = bucket_above(history.mask.shape[1]) - history.mask.shape[1]
    rows = [(0, 0), (0, missing)]
    values = np.pad(history.metrics[metric.name], rows, constant_values=np.nan)
    return History(
        jnp.asarray(np.pad(history.architecture, [*rows, (0, 0)])),
        jnp.asarray(np.pad(history.continuous, [*rows, (0, 0)])),
        {metric.name: jnp.asarray(values)},
        jnp.asarray(np.zeros((len(history.mask), 0), np.float32)),
        jnp.asarray(np.pad(history.mask, rows)),
    )


def check_past(
    past: Past, folds: ArrayLike | None, config: LearnConfig, *, replayed: int
) -> np.ndarray:
    """Return the folds of the tasks, int[S], after validating them and the past.

    Args:
      past: Evaluations of S tasks.
      folds: As in `learn_from_history`.
      config: Static settings.
      replayed: Number of tasks that are replayed, the first ones.

    Raises:
      NmjaxError: As in `learn_from_history`.
    """
    successes = count_successes(past.score)
    fewest = int(successes.min())
    if fewest < 1:
        raise NmjaxError(
            f"Past task {int(successes.argmin())} has no successful evaluation; leave it out."
        )
    if not config.network:
        return np.zeros(len(successes), int)
    fold = np.zeros(len(successes), int) if folds is None else np.asarray(folds)
    if fold.shape != successes.shape:
        raise NmjaxError(
            f"Got folds {list(fold.shape)} for {len(successes)} past tasks; give one integer each."
        )
    if len(np.unique(fold)) < 2:
        raise NmjaxError(
            f"Got one fold of {len(fold)} past tasks; give at least two, or "
            "LearnConfig(network=False)."
        )
    worst = int(successes[:replayed].argmin())
    fewest = int(successes[worst])
    if fewest < config.replay_size:
        raise NmjaxError(
            f"Past task {worst} has {fewest} successful evaluations; a replay "
            f"needs {config.replay_size}: leave the task out, or lower replay_size to {fewest}."
        )
    for held_out in np.unique(fold):
        _refuse_leakage(past, fold == held_out)
    return fold


def _refuse_leakage(past: Past, held_out: np.ndarray) -> None:
    training, evaluation = (
        tuple(np.asarray(leaf)[side] for leaf in (past.encoding, past.score, past.mask))
        for side in (~held_out, held_out)
    )
    refuse_leakage(
        training,
        evaluation,
        training_names=np.flatnonzero(~held_out).tolist(),
        evaluation_names=np.flatnonzero(held_out).tolist(),
    )
