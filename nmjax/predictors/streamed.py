"""Ridge regression of evaluations that come in batches, of which none is kept."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve

from nmjax.types import Array


class Moments(NamedTuple):
    """What batches have told so far, about what came first; O(F^2) whatever their number.

    Attributes:
      number: float[], evaluations that succeeded.
      x: float[F], mean of the features.
      y: float[], mean of the scores.
      xx: float[F, F], the features' sum of squared deviations from the mean.
      xy: float[F], with those of the scores.
    """

    number: Array
    x: Array
    y: Array
    xx: Array
    xy: Array


def init_moments(size: int) -> Moments:
    """Before any batch of F features."""
    vector = jnp.zeros((size,))
    return Moments(jnp.zeros(()), vector, jnp.zeros(()), jnp.zeros((size, size)), vector)


@jax.jit
def update_moments(state: Moments, x: Array, y: Array) -> Moments:
    """Add a batch: features float[M, F] and scores float[M]; NaN, padding or failed, adds nothing.

    Means move and deviations add up (Chan, Golub and LeVeque 1983), so that precision does not
    depend on how far the data are from zero.
    """
    counts = ~jnp.isnan(y)
    weight = counts.astype(x.dtype)
    fresh = jnp.sum(weight)
    number = jnp.maximum(state.number + fresh, 1)
    x_mean = weight @ x / jnp.maximum(fresh, 1)
    y_mean = jnp.sum(jnp.where(counts, y, 0)) / jnp.maximum(fresh, 1)
    dx = weight[:, None] * (x - x_mean[None, :])
    dy = jnp.where(counts, y - y_mean, 0)
    x_step, y_step = x_mean - state.x, y_mean - state.y
    between = state.number * fresh / number
    return Moments(
        state.number + fresh,
        state.x + fresh / number * x_step,
        state.y + fresh / number * y_step,
        state.xx + dx.T @ dx + between * x_step[:, None] * x_step[None, :],
        state.xy + dx.T @ dy + between * x_step * y_step,
    )


@jax.jit
def ridge_weights(state: Moments, strength: Array) -> tuple[Array, Array]:
    """Weights float[F] and intercept float[] that leave the least squared error, plus `strength`
    float[], positive, times the squared weights; the intercept is free.
    """
    penalty = strength * jnp.eye(len(state.x), dtype=state.xx.dtype)
    weights = cho_solve((jnp.linalg.cholesky(state.xx + penalty), True), state.xy)
    return weights, state.y - state.x @ weights
