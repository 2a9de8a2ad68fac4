"""Posteriors at architectures outside the pool, for spaces too large to enumerate.

The pool then has B slots for the evaluated architectures. The posteriors at any others are those
of a pool with these appended, computed from the same factors (Rasmussen and Williams, 2006,
equations 2.23 to 2.26), so that every function on pools applies to them.
"""

import jax
import jax.numpy as jnp

from nmjax.predictors.kernel import unit_matern
from nmjax.predictors.pool import Pool, PoolPrior, PoolState
from nmjax.types import Array


def extend_pool(
    state: PoolState, prior: PoolPrior, pool: Pool, index: Array, more: Pool
) -> tuple[PoolState, Pool]:
    """Extend posteriors over a pool of N architectures by M more, which come last; O(K M B^2).

    Args:
      state: the posteriors after the observations.
      prior: the priors.
      pool: the pool, leaves [N, ...].
      index: int32[B], the observed rows of the pool; any row where there is no score.
      more: the architectures to add, leaves [M, ...].

    Returns:
      The posteriors over N + M architectures, and that pool.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, extend_pool, init_pool
      >>> pool = Pool(jnp.eye(4, 2), jnp.eye(4, 3))
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> state, index = init_pool(prior, pool, capacity=3), jnp.zeros(3, jnp.int32)
      >>> extended, joined = extend_pool(state, prior, pool, index, pool)
      >>> extended.mean.shape
      (1, 8)
    """
    columns = _posterior_at(state, prior, pool, index, more)
    joined = (
        jnp.concatenate([old, new], axis=-1)
        for old, new in zip((state.mean, state.variance, state.kernel), columns, strict=True)
    )
    mean, variance, kernel = joined
    extended = jax.tree.map(lambda old, new: jnp.concatenate([old, new]), pool, more)
    return state._replace(mean=mean, variance=variance, kernel=kernel), extended


def replace_in_pool(
    state: PoolState, prior: PoolPrior, pool: Pool, index: Array, row: Array, newcomer: Pool
) -> tuple[PoolState, Pool]:
    """Replace an unobserved architecture of the pool, and update the posteriors at its row.

    Args:
      state: the posteriors after the observations.
      prior: the priors.
      pool: the pool, leaves [N, ...].
      index: int32[B], the observed rows of the pool; any row where there is no score.
      row: int32[], the row to replace.
      newcomer: the new architecture, leaves [1, ...].

    Returns:
      The posteriors and the pool, of unchanged shapes.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior, init_pool, replace_in_pool
      >>> pool = Pool(jnp.eye(4, 2), jnp.eye(4, 3))
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> state, index = init_pool(prior, pool, capacity=3), jnp.zeros(3, jnp.int32)
      >>> new = Pool(2 * jnp.ones((1, 2)), jnp.ones((1, 3)))
      >>> float(replace_in_pool(state, prior, pool, index, 3, new)[1].features[3, 0])
      2.0
    """
    mean, variance, kernel = _posterior_at(state, prior, pool, index, newcomer)
    replaced = state._replace(
        mean=state.mean.at[:, row].set(mean[:, 0]),
        variance=state.variance.at[:, row].set(variance[:, 0]),
        kernel=state.kernel.at[:, row].set(kernel[:, 0]),
    )
    return replaced, jax.tree.map(lambda old, new: old.at[row].set(new[0]), pool, newcomer)


def _posterior_at(
    state: PoolState, prior: PoolPrior, pool: Pool, index: Array, more: Pool
) -> tuple[Array, Array, Array]:
    """Mean and variance float[K, M] and kernel float[B, M], as in `PoolState`."""
    observed = jnp.diagonal(state.inverse[0]) > 0
    kernel = unit_matern(pool.position[index], more.position)
    kernel = jnp.where(observed[:, None], kernel, 0)
    of_features = prior.variance[:, None, :] * more.features[None]
    cross = prior.amplitude[:, None, None] * kernel[None]
    # The factors are 0 where nothing is observed.
    cross = cross + jnp.einsum("bp,kmp->kbm", pool.features[index], of_features)
    white = state.inverse @ cross
    mean = prior.mean @ more.features.T + jnp.einsum("kb,kbm->km", state.white, white)
    variance = jnp.sum(of_features * more.features[None], axis=-1) + prior.amplitude[:, None]
    return mean, jnp.maximum(variance - jnp.sum(white * white, axis=1), 0), kernel
