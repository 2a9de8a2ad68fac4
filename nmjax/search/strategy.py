"""Where a search begins: fair points first, then what the past would try."""

import jax
import jax.numpy as jnp

from nmjax.predictors import sample_pool_prior
from nmjax.search.problem import Problem
from nmjax.types import Array, PyTree

INITIAL = 3


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
    """Distinct rows int32[4]: three uniform ones, and the first component's choice.

    The choice is for the third evaluation, in the place of the third uniform row, unless the first
    two speak against the component. One that expects more of some rows than of others chooses the
    best of a draw from its prior (Thompson, 1933). One that does not, as a flat one, chooses
    uniformly: the best of its draws would be the oddest architectures.

    Args:
      key: of the draws.
      problem: with priors of K components.
      spread: float[], standard deviations of the draws as a multiple of the prior's; 0 takes the
        row of largest prior mean.
    """
    draw_key, uniform_key = jax.random.split(key)
    choice = sample_from_prior(draw_key, problem, spread)[0]
    uniform = jax.random.uniform(uniform_key, (4, *choice.shape), choice.dtype)
    prefers = jnp.any(problem.prior.mean[0] != 0)
    value = uniform.at[-1].set(jnp.where(prefers, choice, uniform[-1]))

    def pick(taken: Array, value: Array) -> tuple[Array, Array]:
        row = jnp.argmax(jnp.where(taken, -jnp.inf, value)).astype(jnp.int32)
        return taken.at[row].set(True), row

    nothing = jnp.zeros(problem.score.shape, bool)
    return jax.lax.scan(pick, nothing, value)[1]


def planned_next(state: PyTree, problem: PyTree) -> Array:
    """Which of the `initial` points of a search is due, while fewer than `INITIAL` were evaluated.

    What the past would try is not worth an evaluation where evidence has turned against it.

    Args:
      state: of a search, with `initial` [4, ...], as of `select_initial_points`, `record` and
        `log_weights`.
      problem: with the `log_weights` that it began with.
    """
    step = state.record.step
    trusted = state.log_weights[0] > problem.log_weights[0] - jnp.log(2)
    replaces = (step == INITIAL - 1) & trusted
    return state.initial[jnp.where(replaces, INITIAL, jnp.minimum(step, INITIAL - 1))]
