"""One task's data, and the loss on it."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from nmjax.tasks.episodes import Episode
from nmjax.types import ApplyFn, Array, PyTree


class Batch(NamedTuple):
    """Evaluations of one task.

    Attributes:
      x: float[..., M, D], encodings.
      y: float[..., M], scores; NaN is a failed evaluation.
      mask: bool[..., M], False where a row is padding.
    """

    x: Array
    y: Array
    mask: Array


def support(episode: Episode) -> Batch:
    """What a learner adapts to."""
    return Batch(episode.support_x, episode.support_y, episode.support_mask)


def query(episode: Episode) -> Batch:
    """What an adapted learner is judged on."""
    return Batch(episode.query_x, episode.query_y, episode.query_mask)


def squared_error(apply: ApplyFn) -> Callable[[PyTree, Batch], Array]:
    """The loss (params, batch) -> float[]: mean squared error over rows that count.

    Args:
      apply: (params, x float[M, D]) -> float[M].
    """

    def loss_fn(params: PyTree, batch: Batch) -> Array:
        counts = batch.mask & ~jnp.isnan(batch.y)
        error = jnp.where(counts, apply(params, batch.x) - jnp.where(counts, batch.y, 0), 0)
        return jnp.sum(jnp.square(error)) / jnp.maximum(jnp.sum(counts), 1).astype(error.dtype)

    return loss_fn
