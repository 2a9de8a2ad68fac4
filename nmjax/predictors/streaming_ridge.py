"""Ridge regression of evaluations that arrive in batches, without storing them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve

from nmjax.errors import check_shape
from nmjax.types import Array


class Moments(NamedTuple):
    """Sufficient statistics of the batches so far, of size O(F^2).

    Attributes:
      number: float[], number of successful evaluations.
      x: float[F], mean of the features.
      y: float[], mean of the scores.
      xx: float[F, F], the sum of squared deviations of the features from their mean.
      xy: float[F], the sum of products of the features' and the scores' deviations.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import init_moments, update_moments
      >>> float(update_moments(init_moments(2), jnp.ones((3, 2)), jnp.arange(3.0)).y)
      1.0
    """

    number: Array
    x: Array
    y: Array
    xx: Array
    xy: Array


def init_moments(size: int) -> Moments:
    """Moments before any batch, of F = `size` features.

    Example:
      >>> from nmjax.predictors import init_moments
      >>> init_moments(2).xx.shape
      (2, 2)
    """
    vector = jnp.zeros((size,))
    return Moments(jnp.zeros(()), vector, jnp.zeros(()), jnp.zeros((size, size)), vector)


@jax.jit
def update_moments(state: Moments, x: Array, y: Array) -> Moments:
    """Add a batch of features float[M, F] and scores float[M]; rows with a NaN score are left out.

    Means and sums of deviations are merged (Chan, Golub and LeVeque, 1983), so that precision does
    not depend on how far the data are from zero.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import init_moments, update_moments
      >>> moments = update_moments(init_moments(1), jnp.ones((2, 1)), jnp.array([1.0, jnp.nan]))
      >>> float(moments.number)
      1.0
    """
    check_shape("x", jnp.shape(x), (None, state.x.shape[-1]))
    check_shape("y", jnp.shape(y), jnp.shape(x)[:1])
    counts = ~jnp.isnan(y)
    weight = counts.astype(x.dtype)
    added = jnp.sum(weight)
    number = jnp.maximum(state.number + added, 1)
    x_mean = weight @ x / jnp.maximum(added, 1)
    y_mean = jnp.sum(jnp.where(counts, y, 0)) / jnp.maximum(added, 1)
    dx = weight[:, None] * (x - x_mean[None, :])
    dy = jnp.where(counts, y - y_mean, 0)
    x_step, y_step = x_mean - state.x, y_mean - state.y
    between = state.number * added / number
    return Moments(
        state.number + added,
        state.x + added / number * x_step,
        state.y + added / number * y_step,
        state.xx + dx.T @ dx + between * x_step[:, None] * x_step[None, :],
        state.xy + dx.T @ dy + between * x_step * y_step,
    )


@jax.jit
def ridge_weights(state: Moments, strength: Array) -> tuple[Array, Array]:
    """Weights float[F] and intercept float[] of a ridge regression on the moments.

    They minimize the squared error plus `strength` times the squared weights; the intercept is not
    penalized.

    Args:
      state: the moments of all batches.
      strength: float[], positive.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import init_moments, ridge_weights, update_moments
      >>> x = jnp.array([[0.0], [1.0], [2.0]])
      >>> moments = update_moments(init_moments(1), x, 1 + 2 * x[:, 0])
      >>> weights, intercept = ridge_weights(moments, 1e-6)
      >>> round(float(weights[0]), 3), round(float(intercept), 3)
      (2.0, 1.0)
    """
    penalty = strength * jnp.eye(len(state.x), dtype=state.xx.dtype)
    weights = cho_solve((jnp.linalg.cholesky(state.xx + penalty), True), state.xy)
    return weights, state.y - state.x @ weights
