"""What a search believes of a pool, and how an evaluation changes that."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from nmjax.knowledge import (
    expected_information_gain,
    mixture_log_weights,
    realised_information_gain,
)
from nmjax.predictors import (
    PoolState,
    observe_pool,
    pool_covariance,
    predict_evaluation,
    sample_pool,
    scale,
)
from nmjax.search.acquisitions import AcquisitionContext
from nmjax.search.problem import Problem
from nmjax.search.record import SearchInfo, append, best_score
from nmjax.types import Array, Mixture

Warp = Callable[[Array], Array]


def foresee(
    state: Any, problem: Problem, exploration: Array, *, warp: Warp
) -> tuple[Mixture, AcquisitionContext]:
    """What evaluations would return, and what else an acquisition may use.

    Args:
      state: of a search, with `record`, `model` and `log_weights`, as `SearchState` has them.
      problem: whose pool the model is over.
      exploration: float[], as of `AcquisitionContext`.
      warp: what is done to the scores so far.
    """
    record, model = state.record, state.model
    warped = warp(record.score)

    def sample(key: Array) -> Array:
        which_key, draw_key = jax.random.split(key)
        draws = sample_pool(draw_key, model, problem.prior, problem.pool, record.row, warped)
        return draws[jax.random.categorical(which_key, state.log_weights)]

    context = AcquisitionContext(
        best=best_score(warped),
        exploration=exploration,
        step=record.step,
        evaluated=record.evaluated,
        succeeded=jnp.zeros_like(record.evaluated).at[record.row].max(jnp.isfinite(record.score)),
        noise=problem.prior.noise * scale(model),
        cost=problem.cost,
        neighbours=problem.neighbours,
        sample=sample,
        covariance=partial(pool_covariance, model, problem.prior, problem.pool, record.row),
    )
    return Mixture(state.log_weights, predict_evaluation(model, problem.prior)), context


def learn(
    state: Any,
    problem: Problem,
    floor: Array,
    index: Array,
    score: Array,
    active: Array,
    *,
    warp: Warp,
    update: Callable[..., PoolState] = observe_pool,
) -> tuple[Any, SearchInfo]:
    """The state after an evaluation, and what that taught; the very same where not `active`.

    Args:
      state: of a search, with `record`, `model` and `log_weights`, as `SearchState` has them.
      problem: whose pool the model is over.
      floor: float[], the least share of its prior weight that a component keeps.
      index: int32[], the row that was evaluated.
      score: float[], what it returned; NaN where it failed.
      active: bool[], whether it counts.
      warp: what is done to the scores so far.
      update: how the model takes up an evaluation, with the arguments of `observe_pool`.
    """
    record = append(state.record, index, score, active)
    warped = warp(record.score)
    newest = jnp.where(active, record.step - 1, -1)
    model = update(state.model, problem.prior, problem.pool, record.row, warped, newest)
    log_weights = mixture_log_weights(problem.log_weights, model.log_evidence, floor)
    info = _information(state, problem, index, score, warped[newest], active)
    return state._replace(record=record, model=model, log_weights=log_weights), info


def _information(
    state: Any,
    problem: Problem,
    index: Array,
    score: Array,
    warped: Array,
    active: Array,
) -> SearchInfo:
    """What an observation teaches, averaged over the components by their weight before it."""
    weights = jnp.exp(state.log_weights)
    units = scale(state.model)
    variance = state.model.variance[:, index] * units
    noise = problem.prior.noise * units
    error = warped - state.model.mean[:, index]
    expected = weights @ expected_information_gain(variance, noise)
    realised = weights @ realised_information_gain(variance, noise, error)
    transferred = weights[0] if weights.shape[0] > 1 else jnp.full_like(weights[0], jnp.nan)
    nan = jnp.full_like(expected, jnp.nan)
    return SearchInfo(
        jnp.where(active, index, -1),
        jnp.where(active, score, nan),
        active,
        jnp.where(active, expected, nan),
        jnp.where(active, realised, nan),
        jnp.where(active, transferred, nan),
    )
