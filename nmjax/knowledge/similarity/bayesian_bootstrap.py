"""Evaluations, or tasks, weighed anew, with a weight for what has not been seen."""

import jax
import jax.numpy as jnp

from nmjax.types import Array

INTERVAL_LEVEL = 0.95
"""Of intervals of similarity."""
RESAMPLES = 400


def bootstrap_weights(key: Array, counts: Array, *, resamples: int = RESAMPLES) -> Array:
    """Weights float[B, n] of what counts, bool[n]; 1 less their sum is that of what was not seen.

    The Bayesian bootstrap (Rubin, 1981) of a Dirichlet process (Ferguson, 1973) of concentration 1.
    """
    drawn = jax.random.exponential(key, (resamples, counts.shape[0] + 1))
    drawn = drawn * jnp.append(counts, True)[None, :].astype(drawn.dtype)
    return drawn[:, :-1] / jnp.sum(drawn, axis=-1, keepdims=True)


def pairs_with_unseen(weights: Array) -> Array:
    """The share float[B] of pairs one or both of which were not seen, by `bootstrap_weights`."""
    return 1 - jnp.square(jnp.sum(weights, axis=-1))


def normalized(weights: Array) -> Array:
    """Weights float[..., n] of sum 1; 0 where all are."""
    return weights / jnp.maximum(jnp.sum(weights, axis=-1, keepdims=True), 1e-12)


def standardized(values: Array, weights: Array) -> Array:
    """Values float[n] of zero mean and unit variance under weights float[n]; 0 for NaN."""
    counts = ~jnp.isnan(values)
    centered = jnp.where(counts, values - weights @ jnp.where(counts, values, 0), 0)
    variance = weights @ jnp.square(centered)
    return jnp.where(variance > 0, centered / jnp.sqrt(jnp.where(variance > 0, variance, 1)), 0)
