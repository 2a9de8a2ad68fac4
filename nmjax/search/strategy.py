"""Where a search begins: few points, promising and diverse."""

import jax
import jax.numpy as jnp

from nmjax.search.problem import Problem
from nmjax.types import Array


def sample_from_prior(key: Array, problem: Problem, spread: Array, *, number: int) -> Array:
    """Joint draws of the score over the pool from the mixture of priors, float[number, N].

    Args:
      key: of the draws.
      problem: with priors of K components and their weights.
      spread: float[], standard deviations of the draws as a multiple of the prior's.
      number: how many draws.
    """
    which_key, draw_key = jax.random.split(key)
    which = jax.random.categorical(which_key, problem.log_weights, shape=(number,))
    prior = jax.tree.map(lambda leaf: leaf[which], problem.prior)
    standard = jax.random.normal(draw_key, prior.mean.shape, prior.mean.dtype)
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
