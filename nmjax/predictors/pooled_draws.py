"""Joint draws of the processes over a pool.

Those of a prior are by M random Fourier features; those of a posterior are draws of the prior,
corrected by what the observations say of them (Wilson et al., 2020, "Efficiently sampling functions
from Gaussian process posteriors").
"""

import jax
import jax.numpy as jnp

from nmjax.predictors.kernel import spectral_features
from nmjax.predictors.pooled import Pool, PoolPrior, PoolState, solve_observed, variance_scale
from nmjax.stats import normals
from nmjax.types import Array


def sample_pool(
    key: Array, state: PoolState, prior: PoolPrior, pool: Pool, index: Array, score: Array
) -> Array:
    """One joint draw of each posterior over the pool, float[K, N]. O(N (B + P + M D)).

    Args:
      key: of the draw.
      state: after the observations.
      prior: what the state began with.
      pool: what it is over.
      index: int32[B], as observed.
      score: float[B], as observed.
    """
    prior_key, noise_key = jax.random.split(key)
    unit = jnp.sqrt(variance_scale(state))[:, None]
    (draw,) = sample_pool_prior(prior_key, prior, pool, unit)
    noise = jax.random.normal(noise_key, state.white.shape, draw.dtype)
    noise = noise * unit * jnp.sqrt(prior.noise)[:, None]
    residual = jnp.where(jnp.isnan(score)[None, :], 0, score[None, :] - draw[:, index] - noise)
    weights = solve_observed(state.inverse, residual)
    correction = (prior.amplitude[:, None] * weights) @ state.kernel
    over_features = prior.variance * (weights @ pool.features[index])
    return draw + correction + over_features @ pool.features.T


def sample_pool_prior(
    key: Array, prior: PoolPrior, pool: Pool, spread: Array, *, draws: int = 1
) -> Array:
    """Joint draws of each prior over the pool, float[draws, K, N].

    Args:
      key: of the draws.
      prior: K of them.
      pool: what they are over.
      spread: float[K, 1], standard deviations as a multiple of those at s2 = 1.
      draws: how many; all are of the same random features.
    """
    keys = jax.random.split(key, 3)
    basis = spectral_features(keys[0], pool.position)
    components, size = prior.mean.shape
    shapes = ((draws, components, basis.shape[-1]), (draws, components, size))
    process, standard = normals(keys[1:], shapes, basis.dtype)
    weights = prior.mean[None] + (spread * jnp.sqrt(prior.variance))[None] * standard
    process = (spread * jnp.sqrt(prior.amplitude)[:, None])[None] * process
    return weights @ pool.features.T + process @ basis.T
