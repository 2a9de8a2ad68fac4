"""Initial designs: a portfolio of the past and uniform rows, or a batch of rows at once."""

from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.knowledge import transfer_weight
from nmjax.predictors import PoolPrior, sample_pool_prior
from nmjax.search.feasibility import left_out, pool_log_success
from nmjax.search.problem import HasModel
from nmjax.types import Array, is_traced

INITIAL = 3
"""Number of evaluations of the initial design."""


def sample_from_prior(key: Array, problem: HasModel, spread: Array, *, draws: int = 1) -> Array:
    """Draw the score jointly over the pool from the prior of each component: float[draws, K, N].

    Args:
      key: Random key.
      problem: Problem with priors of K components.
      spread: float[], standard deviation of the draws as a multiple of the prior's.
      draws: Number of draws.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior
      >>> from nmjax.search import ModelProblem, sample_from_prior
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> pool, ones = Pool(jnp.eye(5, 2), jnp.eye(5, 3)), jnp.ones(5)
      >>> problem = ModelProblem(ones, pool, prior, log_weights=jnp.zeros(1), cost=ones)
      >>> sample_from_prior(jax.random.key(0), problem, jnp.ones(()), draws=2).shape
      (2, 1, 5)
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
    """Select a batch of distinct rows int32[number] to evaluate first.

    Rows are selected greedily. Each maximizes a quantile of the best score among the selected rows,
    over joint draws from the mixture of priors, so that a row correlated with a selected one adds
    little. With means in place of quantiles, this is the greedy maximization of Wilson, Hutter and
    Deisenroth, 2018, "Maximizing acquisition functions for Bayesian optimization".

    Args:
      key: Random key.
      problem: Problem with priors of K components.
      quantile: float[], quantile of the best score, in [0, 1]; a lower one is more cautious.
      number: Number of rows, at most N.
      draws: R, number of joint draws; O(R K N) memory.

    Raises:
      NmjaxError: `number` is not in 1..N, `draws` is not positive, or `quantile` is not in [0, 1].

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior
      >>> from nmjax.search import ModelProblem, select_initial_points
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> pool, ones = Pool(jnp.eye(5, 2), jnp.eye(5, 3)), jnp.ones(5)
      >>> problem = ModelProblem(ones, pool, prior, log_weights=jnp.zeros(1), cost=ones)
      >>> rows = select_initial_points(jax.random.key(0), problem, number=3, draws=4)
      >>> len(set(rows.tolist()))
      3
    """
    size = len(problem.score)
    if not 1 <= number <= size or draws < 1:
        raise NmjaxError(
            f"Got number={number} of a pool of {size} and draws={draws}; give 1 to {size} rows and "
            "1 or more draws."
        )
    if not is_traced(quantile) and not 0 <= np.asarray(quantile) <= 1:
        raise NmjaxError(f"Got quantile={quantile}; give a number in [0, 1].")
    draw_key, component_key = jax.random.split(key)
    each = sample_from_prior(draw_key, problem, jnp.ones(()), draws=draws)
    component = jax.random.categorical(component_key, problem.log_weights, shape=(draws,))
    score = jnp.take_along_axis(each, component[:, None, None], axis=1)[:, 0]

    def choose(carried: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Array]:
        taken, best = carried
        value = jnp.quantile(jnp.maximum(best[:, None], score), quantile, axis=0)
        row = jnp.argmax(jnp.where(taken, -jnp.inf, value)).astype(jnp.int32)
        return (taken.at[row].set(True), jnp.maximum(best, score[:, row])), row

    nothing = left_out(problem, jnp.zeros(size, bool)), jnp.full(draws, -jnp.inf, score.dtype)
    return jax.lax.scan(choose, nothing, length=number)[1]


def initial_design(key: Array, problem: HasModel) -> Array:
    """Return rows int32[4] of the initial design: three, and the alternative to the third.

    The first and the alternative are those of the problem's portfolio, if past tasks recommend
    them; see `next_initial`. The others are uniform. If evaluations of past tasks failed, or limits
    are known, they are drawn in proportion to their probability of success.

    Args:
      key: Random key.
      problem: Problem with priors of K components.
    """
    size = len(problem.score)
    planned = jnp.full(2, -1, jnp.int32)
    if problem.portfolio is not None and len(problem.log_weights) > 1:
        planned = problem.portfolio
    uniform = jax.random.uniform(key, (INITIAL + 1, size), problem.score.dtype)
    succeeds = pool_log_success(problem)
    # Weighted sampling without replacement (Efraimidis and Spirakis, 2006).
    weighted = jnp.log(uniform) / jnp.exp(succeeds)[None]
    uniform = jnp.where(succeeds[None] < 0, weighted, uniform)
    taken = jnp.any(jnp.arange(size, dtype=jnp.int32)[None] == planned[:, None], axis=0)
    taken = left_out(problem, taken)
    wanted = jnp.full(INITIAL + 1, -1, jnp.int32).at[jnp.array([0, INITIAL])].set(planned)

    def pick(taken: Array, args: tuple[Array, Array]) -> tuple[Array, Array]:
        wanted, value = args
        drawn = jnp.argmax(jnp.where(taken, -jnp.inf, value)).astype(jnp.int32)
        row = jnp.where(wanted >= 0, wanted, drawn)
        return taken.at[row].set(True), row

    return jax.lax.scan(pick, taken, (wanted, uniform))[1]


class _Counted(Protocol):
    @property
    def step(self) -> Array: ...


class _Design(Protocol):
    @property
    def record(self) -> _Counted: ...
    @property
    def initial(self) -> Array: ...
    @property
    def log_weights(self) -> Array: ...


class _Weighted(Protocol):
    @property
    def log_weights(self) -> Array: ...
    @property
    def prior(self) -> PoolPrior: ...


def next_initial(state: _Design, problem: _Weighted) -> Array:
    """Return the point of the initial design that is due, while fewer than `INITIAL` are evaluated.

    The third point is that of the portfolio if the posterior weight of the components that use the
    past is more than half of their prior weight, and uniform otherwise.

    Args:
      state: State of a search, with `initial` [4, ...] as returned by `initial_design`.
      problem: Problem with the `prior` components and their `log_weights`.
    """
    step = state.record.step
    before = transfer_weight(problem.log_weights, problem.prior)
    trusted = transfer_weight(state.log_weights, problem.prior) > 0.5 * before
    replaces = (step == INITIAL - 1) & trusted
    return state.initial[jnp.where(replaces, INITIAL, jnp.minimum(step, INITIAL - 1))]
