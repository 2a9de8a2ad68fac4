"""Where a search begins: one point of each component's choosing, the most cautious first."""

import jax
import jax.numpy as jnp

from nmjax.predictors import sample_pool_prior
from nmjax.search.problem import Problem
from nmjax.types import Array


def sample_from_prior(key: Array, problem: Problem, spread: Array) -> Array:
    """A joint draw of the score over the pool from each component's prior, float[K, N].

    Args:
      key: of the draws.
      problem: with priors of K components.
      spread: float[], standard deviations of the draws as a multiple of the prior's.
    """
    prior = problem.prior
    unit = spread * jnp.sqrt(prior.rate / prior.shape)[:, None]
    return sample_pool_prior(key, prior, problem.pool, unit)


def select_initial_points(key: Array, problem: Problem, spread: Array) -> Array:
    """Distinct rows int32[K], one of each component's choosing, the last component first.

    A component that expects more of some rows than of others chooses the best of a draw from its
    prior (Thompson, 1933). One that does not, as a flat one, chooses uniformly: the best of its
    draws would be the oddest architectures. The flat one goes first, so that a past that misleads
    costs one evaluation after a fair one, and not the only one there is.

    Args:
      key: of the draws.
      problem: with priors of K components.
      spread: float[], standard deviations of the draws as a multiple of the prior's; 0 takes the
        rows of largest prior mean.
    """
    draw_key, uniform_key = jax.random.split(key)
    draws = sample_from_prior(draw_key, problem, spread)
    uniform = jax.random.uniform(uniform_key, draws.shape, draws.dtype)
    prefers = jnp.any(problem.prior.mean != 0, axis=-1, keepdims=True)
    value = jnp.where(jnp.broadcast_to(prefers, draws.shape), draws, uniform)

    def pick(taken: Array, value: Array) -> tuple[Array, Array]:
        row = jnp.argmax(jnp.where(taken, -jnp.inf, value)).astype(jnp.int32)
        return taken.at[row].set(True), row

    nothing = jnp.zeros(problem.score.shape, bool)
    return jax.lax.scan(pick, nothing, value[::-1])[1]
