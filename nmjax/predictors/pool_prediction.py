"""Predictions, covariances and information gain of the processes over a pool."""

import math

import jax.numpy as jnp
from jax.scipy.special import gammaln

from nmjax.predictors.kernel import unit_matern
from nmjax.predictors.normal_density import log_determinant
from nmjax.predictors.pool import Pool, PoolPrior, PoolState, unwhiten
from nmjax.types import Array, Gaussian


def predict_pool(state: PoolState) -> Gaussian:
    """Marginals of the noise-free score over the pool, mean and std float[K, N].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, init_pool, predict_pool
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> state = init_pool(prior, Pool(jnp.eye(4, 2), jnp.eye(4, 3)), capacity=2)
      >>> predict_pool(state).std.shape
      (1, 4)
    """
    return Gaussian(state.mean, jnp.sqrt(state.variance * variance_scale(state)[:, None]))


def predict_evaluation(state: PoolState, prior: PoolPrior) -> Gaussian:
    """Marginals float[K, N] of the score that an evaluation would return, noise included.

    Where the noise belongs to the architecture, as in a table or a finished training run, it is
    part of the score that is kept, so that improvement over the best evaluation is measured on
    these.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, init_pool, predict_evaluation, predict_pool
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> state = init_pool(prior, Pool(jnp.eye(4, 2), jnp.eye(4, 3)), capacity=2)
      >>> bool((predict_evaluation(state, prior).std > predict_pool(state).std).all())
      True
    """
    variance = (state.variance + prior.noise[:, None]) * variance_scale(state)[:, None]
    return Gaussian(state.mean, jnp.sqrt(variance))


def variance_scale(state: PoolState) -> Array:
    """Estimates float[K] of s2, the unit of all variances.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, init_pool, variance_scale
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> variance_scale(init_pool(prior, Pool(jnp.eye(4, 2), jnp.eye(4, 3)), capacity=2))
      Array([1.], dtype=float32)
    """
    return state.rate / state.shape


def newest_log_density(state: PoolState, newest: Array) -> Array:
    """Log-density float[K] of the newest score given the earlier ones, a Student-t.

    It is the difference of the log evidence with and without the newest score, both under the
    latest outcome transform; 0 if the evaluation failed.

    Args:
      state: the posteriors after the newest observation.
      newest: int32[], position of the newest observation.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, condition_pool, newest_log_density
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> pool, score = Pool(jnp.eye(4, 2), jnp.eye(4, 3)), jnp.array([1.0, 0.5])
      >>> state, evidence = condition_pool(prior, pool, None, score)
      >>> round(float(newest_log_density(state, 1)[0] - evidence[1, 0] + evidence[0, 0]), 5)
      0.0
    """
    precision, white = state.inverse[:, newest, newest], state.white[:, newest]
    shape, rate = state.shape - 0.5, state.rate - 0.5 * jnp.square(white)
    density = (
        gammaln(state.shape)
        - gammaln(shape)
        + shape * jnp.log(rate)
        - state.shape * jnp.log(state.rate)
        + jnp.log(jnp.where(precision > 0, precision, 1))
        - 0.5 * math.log(2 * math.pi)
    )
    return jnp.where(precision > 0, density, 0)


def pool_information_gain(state: PoolState, prior: PoolPrior) -> Array:
    """KL divergence float[K] in nats of the posterior function from its prior, at the current s2.

    It equals the divergence between their values at the observations, given which both agree
    elsewhere. In terms of the observations' covariance A = C + noise I it is
    0.5 [log |A| - n log noise - tr(C inv(A)) + w' C w / s2] with w = inv(A) residual.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, init_pool, pool_information_gain
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> state = init_pool(prior, Pool(jnp.eye(4, 2), jnp.eye(4, 3)), capacity=2)
      >>> float(abs(pool_information_gain(state, prior)[0]))
      0.0
    """
    number = 2 * (state.shape - prior.shape)
    unexplained = jnp.sum(jnp.square(state.inverse), axis=(-2, -1)) * prior.noise
    weights = unwhiten(state.inverse, state.white)
    quadratic = jnp.sum(jnp.square(state.white), axis=-1)
    quadratic = quadratic - prior.noise * jnp.sum(jnp.square(weights), axis=-1)
    volume = log_determinant(state.inverse) - number * jnp.log(prior.noise)
    return 0.5 * (volume - (number - unexplained) + quadratic / variance_scale(state))


def pool_covariance(
    state: PoolState, prior: PoolPrior, pool: Pool, index: Array, rows: Array
) -> Array:
    """Covariances float[K, M, N] of the noise-free score between some rows and the whole pool.

    Args:
      state: the posteriors after the observations.
      prior: the priors.
      pool: the pool.
      index: int32[B], the observed rows of the pool.
      rows: int32[M].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, init_pool, pool_covariance
      >>> pool = Pool(jnp.eye(4, 2), jnp.eye(4, 3))
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> state, index = init_pool(prior, pool, capacity=2), jnp.zeros(2, jnp.int32)
      >>> pool_covariance(state, prior, pool, index, jnp.arange(3)).shape
      (1, 3, 4)
    """
    features, observed = pool.features[rows], pool.features[index]
    cross = prior.amplitude[:, None, None] * state.kernel[:, rows].T[None]
    cross = cross + (prior.variance[:, None, :] * features[None]) @ observed.T
    # Where nothing is observed the factors are 0.
    weights = jnp.einsum("kbi,kbj,kmj->kmi", state.inverse, state.inverse, cross)
    over_features = prior.variance[:, None, :] * (features[None] - weights @ observed)
    kernel = unit_matern(pool.position[rows], pool.position)[None] - weights @ state.kernel
    covariance = over_features @ pool.features.T + prior.amplitude[:, None, None] * kernel
    return variance_scale(state)[:, None, None] * covariance
