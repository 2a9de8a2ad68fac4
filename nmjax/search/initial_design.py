"""Initial designs: uniform points and the choice of the prior, or a set of points at once."""

from typing import Protocol

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.predictors import sample_pool_prior
from nmjax.search.problem import HasModel
from nmjax.search.record import Record
from nmjax.types import Array

INITIAL = 3


def sample_from_prior(key: Array, problem: HasModel, spread: Array, *, draws: int = 1) -> Array:
    """Joint draws of the score over the pool from each component's prior, float[draws, K, N].

    Args:
      key: of the draws.
      problem: with priors of K components.
      spread: float[], standard deviations of the draws as a multiple of the prior's.
      draws: how many.
    """
    prior = problem.prior
    unit = spread * jnp.sqrt(prior.rate / prior.shape)[:, None]
    return sample_pool_prior(key, prior, problem.pool, unit, draws=draws)


def select_initial_points(
    key: Array,
    problem: HasModel,
    quantile: ArrayLike = 0.5,
    *,
    number: int,
    draws: int = 128,
) -> Array:
    """Distinct rows int32[number] to evaluate first, together: promising, diverse, at little risk.

    They are chosen one by one. Each is the row with which the best score among the chosen ones is
    highest at a quantile of what is believed beforehand, over joint draws from the mixture of
    priors. A row that is good only if another is, adds little, and one that may be bad is made up
    for by others. (Of means rather than quantiles this is the greedy choice of Wilson, Hutter and
    Deisenroth, 2018, "Maximizing acquisition functions for Bayesian optimization".)

    Args:
      key: of the draws.
      problem: with priors of K components.
      quantile: float[], of the best score, in [0, 1]: lower is more careful; one half is what the
        best is as likely to be above as below.
      number: of rows, at most N.
      draws: R, which take O(R K N) memory.

    Raises:
      NmjaxError: `number` is not in 1..N, or there are no draws.
    """
    size = len(problem.score)
    if not 1 <= number <= size or draws < 1:
        raise NmjaxError(
            f"Got number={number} of a pool of {size} and draws={draws}; give 1 to {size} rows and "
            "1 or more draws."
        )
    draw_key, component_key = jax.random.split(key)
    each = sample_from_prior(draw_key, problem, jnp.ones(()), draws=draws)
    component = jax.random.categorical(component_key, problem.log_weights, shape=(draws,))
    score = jnp.take_along_axis(each, component[:, None, None], axis=1)[:, 0]

    def choose(carried: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Array]:
        taken, best = carried
        value = jnp.quantile(jnp.maximum(best[:, None], score), quantile, axis=0)
        row = jnp.argmax(jnp.where(taken, -jnp.inf, value)).astype(jnp.int32)
        return (taken.at[row].set(True), jnp.maximum(best, score[:, row])), row

    nothing = jnp.zeros(size, bool), jnp.full(draws, -jnp.inf, score.dtype)
    return jax.lax.scan(choose, nothing, length=number)[1]


def initial_design(key: Array, problem: HasModel, spread: Array) -> Array:
    """Initial rows int32[4]: three uniform ones, and the choice of the transferred prior.

    The choice replaces the third uniform row unless the first two evaluations lower the posterior
    weight of the component. A prior with a nonzero mean chooses the best row of a draw from it
    (Thompson, 1933). A flat prior chooses uniformly, because the maximum of its draws would be an
    extreme architecture.

    Args:
      key: of the draws.
      problem: with priors of K components.
      spread: float[], standard deviations of the draws as a multiple of the prior's; 0 takes the
        row of largest prior mean.
    """
    draw_key, uniform_key = jax.random.split(key)
    choice = sample_from_prior(draw_key, problem, spread)[0, 0]
    uniform = jax.random.uniform(uniform_key, (4, *choice.shape), choice.dtype)
    prefers = jnp.any(problem.prior.mean[0] != 0)
    value = uniform.at[-1].set(jnp.where(prefers, choice, uniform[-1]))

    def pick(taken: Array, value: Array) -> tuple[Array, Array]:
        row = jnp.argmax(jnp.where(taken, -jnp.inf, value)).astype(jnp.int32)
        return taken.at[row].set(True), row

    nothing = jnp.zeros(problem.score.shape, bool)
    return jax.lax.scan(pick, nothing, value)[1]


class _Design(Protocol):
    @property
    def record(self) -> Record: ...
    @property
    def initial(self) -> Array: ...
    @property
    def log_weights(self) -> Array: ...


class _Weighted(Protocol):
    @property
    def log_weights(self) -> Array: ...


def next_initial(state: _Design, problem: _Weighted) -> Array:
    """Which of the `initial` points of a search is due, while fewer than `INITIAL` were evaluated.

    What the past would try is not worth an evaluation where evidence has turned against it.

    Args:
      state: of a search, with `initial` [4, ...], as of `initial_design`, `record` and
        `log_weights`.
      problem: with the `log_weights` that it began with.
    """
    step = state.record.step
    trusted = state.log_weights[0] > problem.log_weights[0] - jnp.log(2)
    replaces = (step == INITIAL - 1) & trusted
    return state.initial[jnp.where(replaces, INITIAL, jnp.minimum(step, INITIAL - 1))]
