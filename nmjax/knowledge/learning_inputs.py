"""Limits, padding and validation of the past searches to learn from."""

from collections.abc import Sequence
from functools import partial
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
from nmjax.types import Array, History, Metric, is_traced


def limit_history(key: Array, history: History, metric: Metric, config: LearnConfig) -> History:
    """Return a history within the limits of `config`, padded; the given one if it is.

    Evaluations that exceed the limits are left out at random, but those of a task that succeeded
    are kept up to `replay_size`. The others keep their order.

    Raises:
      NmjaxError: There are more than `max_tasks` tasks.
    """
    tasks = len(history.mask)
    if tasks > config.max_tasks:
        raise NmjaxError(
            f"Got {tasks} past tasks; the memory of learning and of searches grows with their "
            f"number. Select at most {config.max_tasks} of them, such as those most like the new "
            "task, or raise LearnConfig.max_tasks."
        )
    rows = rows_of_each(config, tasks)
    if count_rows(history) <= rows:
        return history
    kept = _draw_rows(key, history, metric, rows=rows, first=min(rows, config.replay_size))

    def take(leaf: Array) -> Array:
        index = kept.reshape(*kept.shape, *([1] * (leaf.ndim - 2)))
        return jnp.take_along_axis(leaf, index, axis=1)

    architecture, continuous, metrics, mask = jax.tree.map(
        take, (history.architecture, history.continuous, history.metrics, history.mask)
    )
    return pad_history(History(architecture, continuous, metrics, history.context, mask), metric)


@partial(jax.jit, static_argnames=("metric", "rows", "first"))
def _draw_rows(key: Array, history: History, metric: Metric, *, rows: int, first: int) -> Array:
    """Draw rows int32[S, rows] of each task, in order, among them `first` that succeeded."""
    order = jnp.where(history.mask, jax.random.uniform(key, history.mask.shape), 2)
    succeeded = ~jnp.isnan(history_scores(history, metric))
    ahead = jnp.argsort(jnp.where(succeeded, order, 2), axis=1)[:, :first]
    of_success = jnp.take_along_axis(succeeded, ahead, axis=1).astype(order.dtype)
    earlier = jnp.take_along_axis(order, ahead, axis=1) - of_success
    order = jnp.put_along_axis(order, ahead, earlier, axis=1, inplace=False)
    return jnp.sort(jnp.argsort(order, axis=1)[:, :rows], axis=1)


def count_rows(history: History) -> int:
    """Number of evaluations of the task that has most, or of columns if they are traced."""
    if is_traced(history):
        return history.mask.shape[1]
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
    # NumPy, where it can, compiles nothing for each new length.
    pad = jnp.pad if is_traced(history) else np.pad
    values = pad(history.metrics[metric.name], rows, constant_values=np.nan)
    return History(
        jnp.asarray(pad(history.architecture, [*rows, (0, 0)])),
        jnp.asarray(pad(history.continuous, [*rows, (0, 0)])),
        {metric.name: jnp.asarray(values)},
        jnp.asarray(np.zeros((len(history.mask), 0), np.float32)),
        jnp.asarray(pad(history.mask, rows)),
    )


def check_past(
    past: Past, folds: ArrayLike | None, config: LearnConfig, *, replayed: int
) -> np.ndarray:
    """Return the folds of the tasks, int[S], after validating them and the past.

    Traced evaluations are not validated.

    Args:
      past: Evaluations of S tasks.
      folds: As in `learn_from_history`.
      config: Static settings.
      replayed: Number of tasks that are replayed, the first ones.

    Raises:
      NmjaxError: As in `learn_from_history`.
    """
    number, traced = len(past.score), is_traced(past)
    if config.process and replayed < 2:
        raise NmjaxError(
            f"Got LearnConfig(process=True) for {replayed} past task; a neural process needs two."
        )
    if not traced:
        _require_successes(past, 1, number)
    if not config.network:
        return np.zeros(number, int)
    fold = np.zeros(number, int) if folds is None else np.asarray(folds)
    if fold.shape != (number,):
        raise NmjaxError(
            f"Got folds {list(fold.shape)} for {number} past tasks; give one integer each."
        )
    if len(np.unique(fold)) < 2:
        raise NmjaxError(
            f"Got one fold of {len(fold)} past tasks; give at least two, or "
            "LearnConfig(network=False)."
        )
    if not traced:
        _require_successes(past, config.replay_size, replayed)
        for held_out in np.unique(fold):
            _refuse_leakage(past, fold == held_out)
    return fold


def check_meta_rate(meta_rate: ArrayLike | None) -> None:
    """Refuse a step size that is not positive and finite. Traced ones are not checked.

    Raises:
      NmjaxError: It is not.
    """
    if meta_rate is None or is_traced(meta_rate):
        return
    if not 0 < np.asarray(meta_rate) < np.inf:
        raise NmjaxError(f"Got meta_rate={meta_rate!r}; give a positive number.")


def _require_successes(past: Past, least: int, tasks: int) -> None:
    """Refuse a past whose first tasks have fewer successful evaluations than a replay needs."""
    successes = count_successes(past.score)[:tasks]
    worst = int(successes.argmin())
    fewest = int(successes[worst])
    if not fewest:
        raise NmjaxError(f"Past task {worst} has no successful evaluation; leave it out.")
    if fewest < least:
        raise NmjaxError(
            f"Past task {worst} has {fewest} successful evaluations; a replay "
            f"needs {least}: leave the task out, or lower replay_size to {fewest}."
        )


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
