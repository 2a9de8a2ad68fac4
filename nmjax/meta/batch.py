"""One task's data, and losses on it."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp

from nmjax.errors import check_shape
from nmjax.stats import gaussian_log_prob
from nmjax.tasks.episodes import Episode
from nmjax.types import ApplyFn, Array, Gaussian, PyTree


class Batch(NamedTuple):
    """Evaluations of one task.

    Attributes:
      x: float[..., M, D], encodings.
      y: float[..., M], scores; NaN is a failed evaluation.
      mask: bool[..., M], False where a row is padding.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import Batch
      >>> Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool)).x.shape
      (4, 1)
    """

    x: Array
    y: Array
    mask: Array


LossFn: TypeAlias = Callable[[PyTree, Batch], Array]


def support(episode: Episode) -> Batch:
    """Select the support of an episode: the data that a learner adapts to.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import support
      >>> from nmjax.tasks import Episode
      >>> x, y, mask = jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool)
      >>> support(Episode(x, y, x[:2], y[:2], mask, mask[:2])).y.shape
      (4,)
    """
    return Batch(episode.support_x, episode.support_y, episode.support_mask)


def query(episode: Episode) -> Batch:
    """Select the query of an episode: the data that an adapted learner is evaluated on.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import query
      >>> from nmjax.tasks import Episode
      >>> x, y, mask = jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool)
      >>> query(Episode(x, y, x[:2], y[:2], mask, mask[:2])).y.shape
      (2,)
    """
    return Batch(episode.query_x, episode.query_y, episode.query_mask)


def support_and_query(episode: Episode) -> Batch:
    """Concatenate support and query, of one task or of tasks with leading axes.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import support_and_query
      >>> from nmjax.tasks import Episode
      >>> x, y, mask = jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool)
      >>> support_and_query(Episode(x, y, x[:2], y[:2], mask, mask[:2])).y.shape
      (6,)
    """
    axis = episode.support_y.ndim - 1
    first, second = support(episode), query(episode)
    return Batch(*(jnp.concatenate(leaves, axis) for leaves in zip(first, second, strict=True)))


def valid_rows(batch: Batch) -> Array:
    """bool[..., M]: True in rows that are neither padding nor failed."""
    return batch.mask & ~jnp.isnan(batch.y)


def known_scores(batch: Batch) -> Array:
    """Scores float[..., M]; NaN in rows that are padding or failed."""
    return jnp.where(batch.mask, batch.y, jnp.nan)


def squared_error(apply: ApplyFn) -> LossFn:
    """Create the loss (params, batch) -> float[]: mean squared error over valid rows.

    Args:
      apply: (params, x float[M, D]) -> float[M].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import Batch, squared_error
      >>> loss_fn = squared_error(lambda w, x: x @ w)
      >>> batch = Batch(jnp.ones((2, 1)), jnp.array([1.0, jnp.nan]), jnp.ones(2, bool))
      >>> loss_fn(jnp.zeros(1), batch)
      Array(1., dtype=float32)
    """

    def of_rows(params: PyTree, x: Array, y: Array) -> Array:
        prediction = apply(params, x)
        check_shape("prediction", jnp.shape(prediction), jnp.shape(y))
        return jnp.square(prediction - y)

    return _mean_over_rows(of_rows)


def negative_log_density(
    predict: Callable[[PyTree, Array], Gaussian],
) -> LossFn:
    """Create the loss (params, batch) -> float[]: mean negative log density, in nats.

    The mean is over valid rows.

    Args:
      predict: (params, x float[M, D]) -> marginals of noisy scores.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import Batch, negative_log_density
      >>> from nmjax.types import Gaussian
      >>> loss_fn = negative_log_density(lambda params, x: Gaussian(x @ params, jnp.ones(len(x))))
      >>> loss = loss_fn(jnp.zeros(1), Batch(jnp.ones((2, 1)), jnp.zeros(2), jnp.ones(2, bool)))
      >>> round(float(loss), 3)
      0.919
    """

    def of_rows(params: PyTree, x: Array, y: Array) -> Array:
        prediction = predict(params, x)
        check_shape("predicted mean", jnp.shape(prediction.mean), jnp.shape(y))
        return -gaussian_log_prob(y, *prediction)

    return _mean_over_rows(of_rows)


def _mean_over_rows(
    of_rows: Callable[[PyTree, Array, Array], Array],
) -> LossFn:
    def loss_fn(params: PyTree, batch: Batch) -> Array:
        counts = valid_rows(batch)
        loss = jnp.where(counts, of_rows(params, batch.x, jnp.where(counts, batch.y, 0)), 0)
        return jnp.sum(loss) / jnp.maximum(jnp.sum(counts), 1).astype(loss.dtype)

    return loss_fn
