"""Bayesian bootstrap of evaluations or tasks, with a weight for unseen ones."""

import jax
import jax.numpy as jnp

from nmjax.types import Array

INTERVAL_LEVEL = 0.95
"""Probability that an interval of similarity covers."""
RESAMPLES = 400
"""Default number of bootstrap draws."""


def bootstrap_weights(key: Array, counts: Array, *, resamples: int = RESAMPLES) -> Array:
    """Draw bootstrap weights float[B, n] of observations.

    The weights are those of the Bayesian bootstrap (Rubin, 1981) of a Dirichlet process (Ferguson,
    1973) with concentration 1. One minus their sum is the weight of unseen observations.

    Args:
      key: Random key.
      counts: bool[n], observations that get a weight.
      resamples: Number B of draws.
    """
    drawn = jax.random.exponential(key, (resamples, counts.shape[0] + 1))
    drawn = drawn * jnp.append(counts, True)[None, :].astype(drawn.dtype)
    return drawn[:, :-1] / jnp.sum(drawn, axis=-1, keepdims=True)


def pairs_with_unseen(weights: Array) -> Array:
    """Fraction float[B] of pairs with at least one unseen member, from `bootstrap_weights`."""
    return 1 - jnp.square(jnp.sum(weights, axis=-1))


def normalized(weights: Array) -> Array:
    """Divide weights float[..., n] by their sum; all-zero weights stay 0."""
    return weights / jnp.maximum(jnp.sum(weights, axis=-1, keepdims=True), 1e-12)


def standardized(values: Array, weights: Array) -> Array:
    """Standardize float[n] to zero mean and unit variance under weights float[n]; NaN becomes 0."""
    counts = ~jnp.isnan(values)
    centered = jnp.where(counts, values - weights @ jnp.where(counts, values, 0), 0)
    variance = weights @ jnp.square(centered)
    return jnp.where(variance > 0, centered / jnp.sqrt(jnp.where(variance > 0, variance, 1)), 0)
