"""Gaussian processes over a fixed pool under K priors, at O(N (B + P + D)) an observation.

Scores are y = phi.w + g(x) + e with weights w ~ N(mean, s2 diag(variance)) of P features, a Matern
process g ~ GP(0, s2 amplitude k) of the structure, e ~ N(0, s2 noise) and an unknown scale
s2 ~ InverseGamma(shape, rate), so predictives are Student-t (Rasmussen and Williams, 2006, section
2.7; Murphy, 2012, section 7.6).

The covariance depends only on the evaluated architectures, and its inverse Cholesky factor grows by
a row per observation. Mean and evidence also depend on the scores, and are recomputed from all of
them at each step, so that the outcome transform may be refitted as scores arrive. The kernel
between observations and pool is shared by all priors: each takes a few columns of one product.
"""

import math
import os
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from nmjax.errors import NmjaxError, check_shape
from nmjax.predictors.kernel import unit_matern
from nmjax.predictors.normal_density import log_determinant
from nmjax.types import Array


class Pool(NamedTuple):
    """Inputs of the model for N architectures.

    Attributes:
      features: float[N, P], features of the linear part.
      position: float[N, D], points between which the kernel measures distances.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool
      >>> Pool(features=jnp.ones((4, 2)), position=jnp.zeros((4, 3))).features.shape
      (4, 2)
    """

    features: Array
    position: Array


class PoolPrior(NamedTuple):
    """K priors of a function over a pool.

    Attributes:
      mean: float[K, P], mean of the features' weights.
      variance: float[K, P], variance of the features' weights in units of s2; 0 excludes a feature.
      amplitude: float[K], variance of the process in units of s2.
      noise: float[K], variance of the noise in units of s2.
      shape: float[K], shape of the inverse gamma of s2; twice it is the degrees of freedom.
      rate: float[K], rate of the inverse gamma of s2.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import PoolPrior
      >>> PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1))).noise
      Array([1.], dtype=float32)
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
      mean: float[K, N], mean of the noise-free score.
      variance: float[K, N], variance of the noise-free score in units of s2.
      kernel: float[B, N], kernel of unit amplitude between observations and pool; 0 in unused rows.
      inverse: float[K, B, B], inverse of the Cholesky factor of the observations' covariance in
        units of s2; 0 in unused rows.
      white: float[K, B], the whitened residuals of the scores from their prior mean.
      shape: float[K], shape of the inverse gamma of s2.
      rate: float[K], rate of the inverse gamma of s2.
      log_evidence: float[K], log marginal likelihood of the scores.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, init_pool
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> init_pool(prior, Pool(jnp.eye(4, 2), jnp.eye(4, 3)), capacity=3).kernel.shape
      (3, 4)
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
    """Return the state before any observation, with room for `capacity` of them.

    Raises:
      NmjaxError: the capacity is not positive, the prior's shapes do not fit one another or the
        pool's features, or the state exceeds the memory of the device.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, init_pool
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> init_pool(prior, Pool(jnp.eye(4, 2), jnp.eye(4, 3)), capacity=3).mean
      Array([[0., 0., 0., 0.]], dtype=float32)
    """
    if capacity < 1:
        raise NmjaxError(f"Got capacity={capacity}, expected at least 1: give the budget.")
    shapes = {name: jnp.shape(leaf) for name, leaf in prior._asdict().items()}
    components, size = len(prior.noise), pool.features.shape[-1]
    wide, narrow = (components, size), (components,)
    if list(shapes.values()) != [wide, wide, narrow, narrow, narrow, narrow]:
        raise NmjaxError(
            f"The priors of a pool with {size} features have leaves of shapes {shapes}; give mean "
            "and variance as float[K, P], the others as float[K]."
        )
    zeros, dtype = jnp.zeros, pool.features.dtype
    needed = dtype.itemsize * capacity * (len(pool.features) + components * capacity)
    if needed > (available := _device_memory()):
        raise NmjaxError(
            f"A model of a pool of {len(pool.features):,} architectures with capacity={capacity:,} "
            f"takes {needed / 2**30:,.1f} GiB, and there are {available / 2**30:,.1f} GiB of "
            "memory: give a smaller capacity or pool, or a search without a model, such as "
            "RegularizedEvolution."
        )
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


def _device_memory() -> float:
    """Bytes of memory of a device, or of the machine; infinite if neither is known."""
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    if limit:
        return float(limit)
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def observe_pool(
    state: PoolState,
    prior: PoolPrior,
    pool: Pool,
    index: Array,
    score: Array,
    newest: Array,
) -> PoolState:
    """Condition on the newest observation, and recompute the mean from the scores of all.

    Args:
      state: the posteriors after all observations before the newest.
      prior: the priors.
      pool: the pool.
      index: int32[B], the observed rows of the pool; any row where there is no score.
      score: float[B], NaN where there is none or the evaluation failed.
      newest: int32[], position of the newest observation in `index`; -1 for none.

    Raises:
      NmjaxError: index or score is not [B].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, init_pool, observe_pool
      >>> pool = Pool(jnp.eye(4, 2), jnp.eye(4, 3))
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> state, index = init_pool(prior, pool, capacity=2), jnp.array([0, 0])
      >>> score = jnp.array([1.0, jnp.nan])
      >>> round(float(observe_pool(state, prior, pool, index, score, 0).mean[0, 0]), 3)
      0.667
    """
    check_shape("score", jnp.shape(score), state.white.shape[-1:])
    check_shape("index", jnp.shape(index), state.white.shape[-1:])
    counts = ~jnp.isnan(score)
    is_newest = jnp.arange(score.shape[0], dtype=jnp.int32) == newest
    is_new = jnp.any(is_newest & counts)
    row = index[newest]
    features = jnp.where(counts[:, None], pool.features[index], 0)

    newest_kernel = unit_matern(pool.position, pool.position[row][None, :])[:, 0]
    kernel = state.kernel.at[newest].set(jnp.where(is_new, newest_kernel, state.kernel[newest]))
    # Without the barrier, XLA updates the kernel once for each reader, each time in a full copy.
    kernel = jax.lax.optimization_barrier(kernel)
    cross = prior.amplitude[:, None] * newest_kernel[index][None, :]
    cross = cross + (prior.variance * pool.features[row][None, :]) @ features.T
    cross = jnp.where((counts & ~is_newest)[None, :], cross, 0)
    spread = jnp.sqrt(state.variance[:, row] + prior.noise)[:, None]
    # The newest observation minus its projection on the earlier ones.
    contrast = is_newest.astype(score.dtype)[None, :] - solve_observed(state.inverse, cross)
    contrast = jnp.where(is_new, contrast / spread, 0)
    inverse = state.inverse + is_newest.astype(score.dtype)[None, :, None] * contrast[:, None, :]

    residual = jnp.where(counts[None, :], score[None, :] - prior.mean @ features.T, 0)
    white = whiten(inverse, residual)
    weights = unwhiten(inverse, white)
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
        - 0.5 * (log_determinant(inverse) + number * jnp.log(2 * jnp.pi))
    )
    remaining = jnp.maximum(state.variance - jnp.square(gain), 0)
    return PoolState(mean, remaining, kernel, inverse, white, shape, rate, log_evidence)


def condition_pool(
    prior: PoolPrior, pool: Pool, index: Array | None, score: Array
) -> tuple[PoolState, Array]:
    """Condition on observations one after the other, in one scan.

    Args:
      prior: K priors.
      pool: the pool.
      index: int32[B], the observed rows of the pool, any row where there is no score; None for the
        first B rows in order.
      score: float[B], NaN where there is none or the evaluation failed.

    Returns:
      The posteriors, and the log evidence float[B, K] of the scores up to each observation.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, condition_pool
      >>> pool = Pool(jnp.eye(4, 2), jnp.eye(4, 3))
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> state, log_evidence = condition_pool(prior, pool, None, jnp.array([1.0, 0.5]))
      >>> log_evidence.shape
      (2, 1)
    """
    order = jnp.arange(score.shape[0], dtype=jnp.int32)
    index = order if index is None else index

    def observe(state: PoolState, newest: Array) -> tuple[PoolState, Array]:
        seen = jnp.where(order <= newest, score, jnp.nan)
        state = observe_pool(state, prior, pool, index, seen, newest)
        return state, state.log_evidence

    return jax.lax.scan(observe, init_pool(prior, pool, capacity=score.shape[0]), order)


def solve_observed(inverse: Array, values: Array) -> Array:
    """Multiply values float[K, B] of the observations by the inverse of their covariances.

    Args:
      inverse: float[K, B, B], of a `PoolState`.
      values: float[K, B]; those of unobserved rows are ignored.
    """
    return unwhiten(inverse, whiten(inverse, values))


def whiten(inverse: Array, values: Array) -> Array:
    """Whiten values float[K, B] of the observations by their factors."""
    return jnp.einsum("kij,kj->ki", inverse, values)


def unwhiten(inverse: Array, white: Array) -> Array:
    """Apply the transposed inverse factors to whitened values float[K, B]."""
    return jnp.einsum("kij,ki->kj", inverse, white)
