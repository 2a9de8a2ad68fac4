"""Joint draws of the processes over a pool.

A draw of a prior uses M random Fourier features. A draw of a posterior is one of the prior,
corrected at the observations (Wilson et al., 2020, "Efficiently sampling functions from Gaussian
process posteriors").
"""

import jax
import jax.numpy as jnp

from nmjax.predictors.kernel import spectral_features
from nmjax.predictors.pool import Pool, PoolPrior, PoolState, solve_observed
from nmjax.predictors.pool_prediction import variance_scale
from nmjax.stats import normals
from nmjax.types import Array


def sample_pool_posterior(
    key: Array, state: PoolState, prior: PoolPrior, pool: Pool, index: Array, score: Array
) -> Array:
    """Draw each posterior once, jointly over the pool: float[K, N]; O(N (B + P + M D)).

    Args:
      key: PRNG key.
      state: the posteriors after the observations.
      prior: the priors.
      pool: the pool.
      index: int32[B], the observed rows of the pool.
      score: float[B], the observed scores.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, init_pool, sample_pool_posterior
      >>> pool = Pool(jnp.eye(4, 2), jnp.eye(4, 3))
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> state, index = init_pool(prior, pool, capacity=2), jnp.zeros(2, jnp.int32)
      >>> score = jnp.full(2, jnp.nan)
      >>> sample_pool_posterior(jax.random.key(0), state, prior, pool, index, score).shape
      (1, 4)
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
    posterior: Array = draw + correction + over_features @ pool.features.T
    return posterior


def sample_pool_prior(
    key: Array, prior: PoolPrior, pool: Pool, spread: Array, *, draws: int = 1
) -> Array:
    """Draw each prior jointly over the pool: float[draws, K, N].

    Args:
      key: PRNG key.
      prior: K priors.
      pool: the pool.
      spread: float[K, 1], the factor of all standard deviations, 1 for s2 = 1.
      draws: Number of draws, which share their random features.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, sample_pool_prior
      >>> pool = Pool(jnp.eye(4, 2), jnp.eye(4, 3))
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> sample_pool_prior(jax.random.key(0), prior, pool, jnp.ones((1, 1)), draws=5).shape
      (5, 1, 4)
    """
    keys = jax.random.split(key, 3)
    basis = spectral_features(keys[0], pool.position)
    components, size = prior.mean.shape
    shapes = ((draws, components, basis.shape[-1]), (draws, components, size))
    process, standard = normals(keys[1:], shapes, basis.dtype)
    weights = prior.mean[None] + (spread * jnp.sqrt(prior.variance))[None] * standard
    process = (spread * jnp.sqrt(prior.amplitude)[:, None])[None] * process
    return weights @ pool.features.T + process @ basis.T
