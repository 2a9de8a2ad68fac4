"""Padding and validation of the past searches to learn from."""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.knowledge.config import LearnConfig, bucket_above, count_successes
from nmjax.knowledge.standardized_past import Past
from nmjax.tasks import refuse_leakage
from nmjax.types import History, Metric


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


def check_past(past: Past, folds: ArrayLike | None, config: LearnConfig) -> np.ndarray:
    """Return the folds of the tasks, int[S], after validating them and the past.

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
    if fewest < config.replay_size:
        raise NmjaxError(
            f"Past task {int(successes.argmin())} has {fewest} successful evaluations; a replay "
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
