"""Gaussian processes over a fixed pool, K priors side by side, at O(N (B + P + D)) an observation.

Scores are y = phi.w + g(x) + e with weights w ~ N(mean, s2 diag(variance)) of P features, a Matern
process g ~ GP(0, s2 amplitude k) of the structure, e ~ N(0, s2 noise) and an unknown scale
s2 ~ InverseGamma(shape, rate), so predictives are Student-t. (Rasmussen and Williams, 2006, section
2.7; Murphy, 2012, section 7.6.)

What was measured where decides the covariance, whose inverse Cholesky factor grows by a row; the
scores decide only mean and evidence, which are computed from all of them at each step. So scores
may be transformed anew as they come, and mean and evidence stay those of one consistent data set.
The kernel between observations and pool is the same for all priors: what each makes of it is a few
columns of one product.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from nmjax.errors import NmjaxError
from nmjax.predictors.kernel import unit_matern
from nmjax.types import Array, Gaussian


class Pool(NamedTuple):
    """What a model knows of N architectures.

    Attributes:
      features: float[N, P].
      position: float[N, D], between which distances are the kernel's.
    """

    features: Array
    position: Array


class PoolPrior(NamedTuple):
    """K priors of a function over a pool.

    Attributes:
      mean: float[K, P], of the features' weights.
      variance: float[K, P], of the features' weights, in units of s2; 0 bars a feature.
      amplitude: float[K], variance of the process, in units of s2.
      noise: float[K], variance of the noise, in units of s2.
      shape: float[K], of the inverse gamma of s2; twice it is the degrees of freedom.
      rate: float[K], of the inverse gamma of s2.
    """

    mean: Array
    variance: Array
    amplitude: Array
    noise: Array
    shape: Array
    rate: Array


class PoolState(NamedTuple):
    """K posteriors over a pool, after up to B observations.

    Attributes:
      mean: float[K, N], of the noise-free score.
      variance: float[K, N], of the noise-free score, in units of s2.
      kernel: float[B, N], of unit amplitude, between observations and pool; 0 where there is none.
      inverse: float[K, B, B], of the Cholesky factor of the observations' covariance in units of
        s2; rows of 0 where there is no observation.
      white: float[K, B], the scores less their prior mean, whitened by the factor.
      shape: float[K], of the inverse gamma of s2.
      rate: float[K], of the inverse gamma of s2.
      log_evidence: float[K], of the scores.
    """

    mean: Array
    variance: Array
    kernel: Array
    inverse: Array
    white: Array
    shape: Array
    rate: Array
    log_evidence: Array


def init_pool(prior: PoolPrior, pool: Pool, *, capacity: int) -> PoolState:
    """The state before any observation, with room for `capacity` of them.

    Raises:
      NmjaxError: the prior's shapes do not fit one another, or the pool's features.
    """
    shapes = {name: jnp.shape(leaf) for name, leaf in prior._asdict().items()}
    components, size = len(prior.noise), pool.features.shape[-1]
    wide, narrow = (components, size), (components,)
    if list(shapes.values()) != [wide, wide, narrow, narrow, narrow, narrow]:
        raise NmjaxError(
            f"The priors of a pool with {size} features have leaves of shapes {shapes}; give mean "
            "and variance as float[K, P], the others as float[K]."
        )
    zeros, dtype = jnp.zeros, pool.features.dtype
    return PoolState(
        mean=prior.mean @ pool.features.T,
        variance=prior.variance @ jnp.square(pool.features).T + prior.amplitude[:, None],
        kernel=zeros((capacity, pool.features.shape[0]), dtype),
        inverse=zeros((components, capacity, capacity), dtype),
        white=zeros((components, capacity), dtype),
        shape=jnp.asarray(prior.shape, dtype),
        rate=jnp.asarray(prior.rate, dtype),
        log_evidence=zeros((components,), dtype),
    )


def observe_pool(
    state: PoolState,
    prior: PoolPrior,
    pool: Pool,
    index: Array,
    score: Array,
    newest: Array,
) -> PoolState:
    """Condition on the newest observation, and on the scores of all as they now are.

    Args:
      state: after all observations before the newest.
      prior: what the state began with.
      pool: what it is over.
      index: int32[B], which rows of the pool were observed; any row where there is no score.
      score: float[B], NaN where there is none or the evaluation failed.
      newest: int32[], position of the newest observation in `index`; -1 where none is new.
    """
    counts = ~jnp.isnan(score)
    is_newest = jnp.arange(score.shape[0], dtype=jnp.int32) == newest
    is_new = jnp.any(is_newest & counts)
    row = index[newest]
    features = jnp.where(counts[:, None], pool.features[index], 0)

    fresh = unit_matern(pool.position, pool.position[row][None, :])[:, 0]
    kernel = state.kernel.at[newest].set(jnp.where(is_new, fresh, state.kernel[newest]))
    # Without it XLA grows the kernel once for each reader, each time in a copy of all of it.
    kernel = jax.lax.optimization_barrier(kernel)
    cross = prior.amplitude[:, None] * fresh[index][None, :]
    cross = cross + (prior.variance * pool.features[row][None, :]) @ features.T
    cross = jnp.where((counts & ~is_newest)[None, :], cross, 0)
    spread = jnp.sqrt(state.variance[:, row] + prior.noise)[:, None]
    # The newest observation less what the earlier ones say of it.
    contrast = is_newest.astype(score.dtype)[None, :] - solve_observed(state.inverse, cross)
    contrast = jnp.where(is_new, contrast / spread, 0)
    inverse = state.inverse + is_newest.astype(score.dtype)[None, :, None] * contrast[:, None, :]

    residual = jnp.where(counts[None, :], score[None, :] - prior.mean @ features.T, 0)
    white = _whiten(inverse, residual)
    weights = _unwhiten(inverse, white)
    over_rows = jnp.stack([weights, contrast])
    over_features = prior.variance[None] * (over_rows @ features)
    over_features = over_features.at[0].add(prior.mean)
    over_kernel = prior.amplitude[None, :, None] * over_rows
    by_features = pool.features @ over_features.reshape(-1, pool.features.shape[1]).T
    mean, gain = over_kernel @ kernel + by_features.T.reshape(2, len(prior.noise), -1)

    number = jnp.sum(counts).astype(score.dtype)
    shape = prior.shape + 0.5 * number
    rate = prior.rate + 0.5 * jnp.sum(jnp.square(white), axis=-1)
    log_evidence = (
        gammaln(shape)
        - gammaln(prior.shape)
        + prior.shape * jnp.log(prior.rate)
        - shape * jnp.log(rate)
        - 0.5 * (_log_determinant(inverse) + number * jnp.log(2 * jnp.pi))
    )
    remaining = jnp.maximum(state.variance - jnp.square(gain), 0)
    return PoolState(mean, remaining, kernel, inverse, white, shape, rate, log_evidence)


def condition_pool(
    prior: PoolPrior, pool: Pool, index: Array | None, score: Array
) -> tuple[PoolState, Array]:
    """Condition on observations one after the other, in one scan.

    Args:
      prior: K of them.
      pool: what they are over.
      index: int32[B], which rows of the pool were observed, any row where there is no score; None
        where they are the first B in order.
      score: float[B], NaN where there is none or the evaluation failed.

    Returns:
      The posteriors, and the log evidence float[B, K] of the scores up to each observation.
    """
    order = jnp.arange(score.shape[0], dtype=jnp.int32)
    index = order if index is None else index

    def observe(state: PoolState, newest: Array) -> tuple[PoolState, Array]:
        seen = jnp.where(order <= newest, score, jnp.nan)
        state = observe_pool(state, prior, pool, index, seen, newest)
        return state, state.log_evidence

    return jax.lax.scan(observe, init_pool(prior, pool, capacity=score.shape[0]), order)


def predict_pool(state: PoolState) -> Gaussian:
    """Marginals of the noise-free score over the pool, mean and std float[K, N]."""
    return Gaussian(state.mean, jnp.sqrt(state.variance * variance_scale(state)[:, None]))


def predict_evaluation(state: PoolState, prior: PoolPrior) -> Gaussian:
    """Marginals float[K, N] of the score that an evaluation would return, noise included.

    Where an evaluation's noise is the architecture's own, as in a table or a finished training,
    it is part of what is gained, so improvement over the best evaluation is judged on this.
    """
    variance = (state.variance + prior.noise[:, None]) * variance_scale(state)[:, None]
    return Gaussian(state.mean, jnp.sqrt(variance))


def variance_scale(state: PoolState) -> Array:
    """The estimates float[K] of s2, the unit of all variances."""
    return state.rate / state.shape


def pool_information_gain(state: PoolState, prior: PoolPrior) -> Array:
    """Nats float[K] between posterior and prior of the whole function, both at the scale s2 now.

    It is that between their values where observations were made, as elsewhere the two say the same
    given these; in terms of the observations' covariance A = C + noise I it is
    0.5 [log |A| - n log noise - tr(C inv(A)) + w' C w / s2] with w = inv(A) residual.
    """
    number = 2 * (state.shape - prior.shape)
    unexplained = jnp.sum(jnp.square(state.inverse), axis=(-2, -1)) * prior.noise
    weights = _unwhiten(state.inverse, state.white)
    quadratic = jnp.sum(jnp.square(state.white), axis=-1)
    quadratic = quadratic - prior.noise * jnp.sum(jnp.square(weights), axis=-1)
    volume = _log_determinant(state.inverse) - number * jnp.log(prior.noise)
    return 0.5 * (volume - (number - unexplained) + quadratic / variance_scale(state))


def pool_covariance(
    state: PoolState, prior: PoolPrior, pool: Pool, index: Array, rows: Array
) -> Array:
    """Covariances float[K, M, N] of the noise-free score between rows and the whole pool.

    Args:
      state: after the observations.
      prior: what the state began with.
      pool: what it is over.
      index: int32[B], as observed.
      rows: int32[M].
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


def solve_observed(inverse: Array, values: Array) -> Array:
    """The inverse covariances of the observations times values float[K, B] of them.

    Args:
      inverse: float[K, B, B], of a `PoolState`.
      values: float[K, B]; those of what was not observed do not count.
    """
    return _unwhiten(inverse, _whiten(inverse, values))


def _whiten(inverse: Array, values: Array) -> Array:
    """Values float[K, B] of the observations, whitened by their factors."""
    return jnp.einsum("kij,kj->ki", inverse, values)


def _unwhiten(inverse: Array, white: Array) -> Array:
    """The inverse covariances times what `white` float[K, B] was whitened from."""
    return jnp.einsum("kij,ki->kj", inverse, white)


def _log_determinant(inverse: Array) -> Array:
    """Log-determinants float[K] of covariances, given the inverses of their factors."""
    diagonal = jnp.diagonal(inverse, axis1=-2, axis2=-1)
    return -2 * jnp.sum(jnp.log(jnp.where(diagonal > 0, diagonal, 1)), axis=-1)
