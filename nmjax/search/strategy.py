"""Where a search begins: few points, promising and diverse."""

import jax
import jax.numpy as jnp

from nmjax.search.problem import Problem
from nmjax.types import Array


def sample_from_prior(key: Array, problem: Problem, spread: Array, *, number: int) -> Array:
    """Joint draws of the score over the pool from the mixture of priors, float[number, N].

    Components take their share of the draws by systematic sampling, the first component first.

    Args:
      key: of the draws.
      problem: with priors of K components and their weights.
      spread: float[], standard deviations of the draws as a multiple of the prior's.
      number: how many draws.
    """
    share = jnp.cumsum(jnp.exp(problem.log_weights))
    middle = (jnp.arange(number, dtype=share.dtype) + 0.5) / number
    which = jnp.searchsorted(share / share[-1], middle)
    prior = jax.tree.map(lambda leaf: leaf[which], problem.prior)
    standard = jax.random.normal(key, prior.mean.shape, prior.mean.dtype)
    weights = prior.mean + spread * jnp.sqrt(prior.variance) * standard
    return weights @ problem.features.T


def select_initial_points(key: Array, problem: Problem, spread: Array, *, number: int) -> Array:
    """Distinct rows int32[number], each the best of a draw from the mixture of priors.

    Draws differ where the prior is unsure, so the points are as diverse as it is (Thompson, 1933).

    Args:
      key: of the draws.
      problem: to search.
      spread: float[], standard deviations of the draws as a multiple of the prior's; 0 takes the
        rows of largest prior mean.
      number: how many rows.
    """
    draws = sample_from_prior(key, problem, spread, number=number)

    def pick(taken: Array, draw: Array) -> tuple[Array, Array]:
        index = jnp.argmax(jnp.where(taken, -jnp.inf, draw)).astype(jnp.int32)
        return taken.at[index].set(True), index

    _, indices = jax.lax.scan(pick, jnp.zeros(problem.features.shape[:1], bool), draws)
    return indices
