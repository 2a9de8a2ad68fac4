"""One task's data, and losses on it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.stats import gaussian_log_prob
from nmjax.tasks.episodes import Episode
from nmjax.types import ApplyFn, Array, Gaussian, PyTree


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


def everything(episode: Episode) -> Batch:
    """Support and query together, of one task or of tasks with leading axes."""
    axis = episode.support_y.ndim - 1
    return jax.tree.map(
        lambda a, b: jnp.concatenate([a, b], axis), support(episode), query(episode)
    )


def counted(batch: Batch) -> Array:
    """bool[..., M]: the rows that are neither padding nor failed."""
    return batch.mask & ~jnp.isnan(batch.y)


def known_scores(batch: Batch) -> Array:
    """Scores float[..., M]; NaN where a row does not count."""
    return jnp.where(batch.mask, batch.y, jnp.nan)


def squared_error(apply: ApplyFn) -> Callable[[PyTree, Batch], Array]:
    """The loss (params, batch) -> float[]: mean squared error over rows that count.

    Args:
      apply: (params, x float[M, D]) -> float[M].
    """

    def of_rows(params: PyTree, x: Array, y: Array) -> Array:
        return jnp.square(apply(params, x) - y)

    return _mean_over_rows(of_rows)


def negative_log_density(
    predict: Callable[[PyTree, Array], Gaussian],
) -> Callable[[PyTree, Batch], Array]:
    """The loss (params, batch) -> float[]: mean over rows that count, in nats.

    Args:
      predict: (params, x float[M, D]) -> marginals of noisy scores.
    """

    def of_rows(params: PyTree, x: Array, y: Array) -> Array:
        return -gaussian_log_prob(y, *predict(params, x))

    return _mean_over_rows(of_rows)


def _mean_over_rows(
    of_rows: Callable[[PyTree, Array, Array], Array],
) -> Callable[[PyTree, Batch], Array]:
    def loss_fn(params: PyTree, batch: Batch) -> Array:
        counts = counted(batch)
        loss = jnp.where(counts, of_rows(params, batch.x, jnp.where(counts, batch.y, 0)), 0)
        return jnp.sum(loss) / jnp.maximum(jnp.sum(counts), 1).astype(loss.dtype)

    return loss_fn
