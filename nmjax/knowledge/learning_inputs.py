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


def check_past(past: Past, validation: ArrayLike | None, config: LearnConfig) -> np.ndarray:
    """Return the tasks for meta-validation, bool[S], after validating the past and the split.

    Raises:
      NmjaxError: As in `learn_from_history`.
    """
    usable = count_successes(past.score)
    if not usable.all():
        raise NmjaxError(
            f"Past task {int(usable.argmin())} has no successful evaluation; leave it out."
        )
    if not config.network:
        return np.zeros(len(usable), bool)
    held_out = np.zeros(len(usable), bool) if validation is None else np.asarray(validation, bool)
    if held_out.shape != usable.shape:
        raise NmjaxError(
            f"Got a validation mask {list(held_out.shape)} for {len(usable)} past tasks; "
            "give one bool each."
        )
    if not held_out.any() or held_out.all():
        raise NmjaxError(
            f"Got {int(held_out.sum())} of {len(held_out)} past tasks for meta-validation; "
            "give at least one task to each side of the split, or LearnConfig(network=False)."
        )
    _check_sizes(usable, config)
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
    return held_out


def _check_sizes(usable: np.ndarray, config: LearnConfig) -> None:
    fewest = int(usable.min())
    taken = {"support + query": config.support + config.query, "replay_size": config.replay_size}
    too_large = [name for name, number in taken.items() if number > fewest]
    if too_large:
        raise NmjaxError(
            f"Past task {int(usable.argmin())} has {fewest} successful evaluations; learning needs "
            f"{max(taken.values())} of each: leave it out, or lower {' and '.join(too_large)} "
            f"to {fewest}."
        )
