"""Processes over a pool that is not listed: what is evaluated, and what one asks about.

A pool of B slots holds what was evaluated, and posteriors anywhere else are those of the pool
with more architectures in it, computed from the same factors (Rasmussen and Williams, 2006,
equations 2.23 to 2.26). So whatever is done with a pool, `predictors.pooled` and draws, works for
a few architectures of a space of any size.
"""

import jax
import jax.numpy as jnp

from nmjax.predictors.kernel import unit_matern
from nmjax.predictors.pooled import Pool, PoolPrior, PoolState
from nmjax.types import Array


def extend_pool(
    state: PoolState, prior: PoolPrior, pool: Pool, index: Array, more: Pool
) -> tuple[PoolState, Pool]:
    """The posteriors over a pool of N and M more architectures, which come last. O(K M B^2).

    Args:
      state: after the observations.
      prior: what the state began with.
      pool: what it is over.
      index: int32[B], which rows of the pool were observed, any row where there is no score.
      more: leaves [M, ...].
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
    """The posteriors over a pool that has another architecture in a row not observed yet.

    Args:
      state: after the observations.
      prior: what the state began with.
      pool: what it is over.
      index: int32[B], which rows of the pool were observed, any row where there is no score.
      row: int32[].
      newcomer: leaves [1, ...].
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
