"""The Bayesian linear head over a fixed pool, at O(N F) an observation.

What was measured where decides the covariance, which is kept by rank-one updates; the scores
decide only the mean and the evidence, which are computed from all of them at each step. So scores
may be warped anew as they come, and mean and evidence stay those of one consistent data set. Both
products with the pool are one product with two columns, which lanes turn into a matrix product.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.special import gammaln

from nmjax.predictors.linear import (
    LinearPrior,
    check_prior,
    draw_weights,
    rank_one,
    whitened_posterior,
)
from nmjax.types import Array, Gaussian, MultivariateGaussian


class PoolState(NamedTuple):
    """The posterior of a Bayesian linear head, kept over a pool.

    Attributes:
      mean: float[N], of the noise-free score.
      variance: float[N], of the noise-free score, in units of s2.
      weights: float[F], mean of the whitened weights.
      covariance: float[F, F], of the whitened weights, in units of s2.
      log_determinant: float[], of the observations' covariance in units of s2.
      shape: float[], of the inverse gamma of s2.
      rate: float[], of the inverse gamma of s2.
      log_evidence: float[], of the scores.
    """

    mean: Array
    variance: Array
    weights: Array
    covariance: Array
    log_determinant: Array
    shape: Array
    rate: Array
    log_evidence: Array


def init_pool(prior: LinearPrior, pool: Array) -> PoolState:
    """The state before any observation, for pool float[N, F].

    Raises:
      NmjaxError: the prior's shapes do not fit.
    """
    check_prior(prior)
    zero = jnp.zeros((), pool.dtype)
    return PoolState(
        mean=pool @ prior.mean,
        variance=jnp.square(pool) @ prior.variance,
        weights=jnp.zeros_like(prior.mean),
        covariance=jnp.eye(pool.shape[-1], dtype=pool.dtype),
        log_determinant=zero,
        shape=jnp.asarray(prior.shape, pool.dtype),
        rate=jnp.asarray(prior.rate, pool.dtype),
        log_evidence=zero,
    )


def observe_pool(
    state: PoolState,
    prior: LinearPrior,
    pool: Array,
    index: Array,
    score: Array,
    newest: Array,
) -> PoolState:
    """Condition on the newest observation, and on the scores of all as they now are.

    Args:
      state: after all observations before the newest.
      prior: what the state began with.
      pool: float[N, F], features.
      index: int32[B], which rows of the pool were observed; any row where there is no score.
      score: float[B], NaN where there is none or the evaluation failed.
      newest: int32[], position of the newest observation in `index`; -1 where none is new.
    """
    root = jnp.sqrt(prior.variance)
    counts = ~jnp.isnan(score)
    rows = jnp.where(counts[:, None], pool[index], 0)
    white = rows * root[None, :]
    newest_counts = (newest >= 0) & counts[newest]
    direction, spread, covariance = rank_one(
        state.covariance, white[newest], prior.noise, newest_counts
    )

    residual = jnp.where(counts, score, 0) - rows @ prior.mean
    projected = white.T @ residual / prior.noise
    weights = covariance @ projected
    columns = jnp.stack([prior.mean + root * weights, root * direction], axis=-1)
    mean, gain = jnp.moveaxis(pool @ columns, -1, 0)
    reduction = jnp.where(newest_counts, jnp.square(gain) / spread, 0)
    log_determinant = state.log_determinant + jnp.where(newest_counts, jnp.log(spread), 0)

    number = jnp.sum(counts).astype(pool.dtype)
    explained = jnp.maximum(residual @ residual / prior.noise - projected @ weights, 0)
    shape = prior.shape + 0.5 * number
    rate = prior.rate + 0.5 * explained
    log_evidence = (
        gammaln(shape)
        - gammaln(prior.shape)
        + prior.shape * jnp.log(prior.rate)
        - shape * jnp.log(rate)
        - 0.5 * (log_determinant + number * jnp.log(2 * jnp.pi))
    )
    return PoolState(
        mean,
        jnp.maximum(state.variance - reduction, 0),
        weights,
        covariance,
        log_determinant,
        shape,
        rate,
        log_evidence,
    )


def predict_pool(state: PoolState) -> Gaussian:
    """Marginals of the noise-free score over the pool, mean and std float[N]."""
    return Gaussian(state.mean, jnp.sqrt(state.variance * scale(state)))


def predict_evaluation(state: PoolState, prior: LinearPrior) -> Gaussian:
    """Marginals float[N] of the score that an evaluation would return, noise included.

    Where an evaluation's noise is the architecture's own, as in a table or a finished training,
    it is part of what is gained, so improvement over the best evaluation is judged on this.
    """
    return Gaussian(state.mean, jnp.sqrt((state.variance + prior.noise) * scale(state)))


def scale(state: PoolState) -> Array:
    """The estimate float[] of s2, the unit of all variances."""
    return state.rate / state.shape


def pool_weights(state: PoolState) -> MultivariateGaussian:
    """The whitened weights' posterior; before any observation it is a standard normal times s2."""
    return whitened_posterior(state.weights, state.covariance, scale(state))


def sample_pool(key: Array, state: PoolState, prior: LinearPrior, pool: Array) -> Array:
    """One joint draw of the function over the pool, float[N]. O(F^3 + N F)."""
    return pool @ draw_weights(key, prior, pool_weights(state))
