"""What a search believes of a pool, and how an evaluation changes that."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from nmjax.knowledge import (
    expected_information_gain,
    mixture_log_weights,
    realized_information_gain,
)
from nmjax.predictors import (
    PoolState,
    observe_pool,
    pool_covariance,
    predict_evaluation,
    sample_pool,
    variance_scale,
)
from nmjax.search.acquisitions import AcquisitionContext
from nmjax.search.problem import Problem
from nmjax.search.record import SearchInfo, append, best_score
from nmjax.types import Array, Mixture

OutcomeTransform = Callable[[Array], Array]


def predictive(
    state: Any, problem: Problem, exploration: Array, *, outcome_transform: OutcomeTransform
) -> tuple[Mixture, AcquisitionContext]:
    """What evaluations would return, and what else an acquisition may use.

    Args:
      state: of a search, with `record`, `model` and `log_weights`, as `SearchState` has them.
      problem: whose pool the model is over.
      exploration: float[], as of `AcquisitionContext`.
      outcome_transform: what is done to the scores so far.
    """
    record, model = state.record, state.model
    transformed = outcome_transform(record.score)

    def sample(key: Array) -> Array:
        which_key, draw_key = jax.random.split(key)
        draws = sample_pool(draw_key, model, problem.prior, problem.pool, record.row, transformed)
        return draws[jax.random.categorical(which_key, state.log_weights)]

    context = AcquisitionContext(
        best=best_score(transformed),
        exploration=exploration,
        step=record.step,
        evaluated=record.evaluated,
        succeeded=jnp.zeros_like(record.evaluated).at[record.row].max(jnp.isfinite(record.score)),
        noise=problem.prior.noise * variance_scale(model),
        cost=problem.cost,
        neighbors=problem.neighbors,
        sample=sample,
        covariance=partial(pool_covariance, model, problem.prior, problem.pool, record.row),
    )
    return Mixture(state.log_weights, predict_evaluation(model, problem.prior)), context


def condition(
    state: Any,
    problem: Problem,
    fixed_share: Array,
    index: Array,
    score: Array,
    active: Array,
    *,
    outcome_transform: OutcomeTransform,
    update: Callable[..., PoolState] = observe_pool,
) -> tuple[Any, SearchInfo]:
    """The state after an evaluation, and what that taught; the very same where not `active`.

    Args:
      state: of a search, with `record`, `model` and `log_weights`, as `SearchState` has them.
      problem: whose pool the model is over.
      fixed_share: float[], the least share of its prior weight that a component keeps.
      index: int32[], the row that was evaluated.
      score: float[], what it returned; NaN where it failed.
      active: bool[], whether it counts.
      outcome_transform: what is done to the scores so far.
      update: how the model takes up an evaluation, with the arguments of `observe_pool`.
    """
    record = append(state.record, index, score, active)
    transformed = outcome_transform(record.score)
    newest = jnp.where(active, record.step - 1, -1)
    model = update(state.model, problem.prior, problem.pool, record.row, transformed, newest)
    log_weights = mixture_log_weights(problem.log_weights, model.log_evidence, fixed_share)
    info = _information(state, problem, index, score, transformed[newest], active)
    return state._replace(record=record, model=model, log_weights=log_weights), info


def _information(
    state: Any,
    problem: Problem,
    index: Array,
    score: Array,
    transformed: Array,
    active: Array,
) -> SearchInfo:
    """What an observation teaches, averaged over the components by their weight before it."""
    weights = jnp.exp(state.log_weights)
    units = variance_scale(state.model)
    variance = state.model.variance[:, index] * units
    noise = problem.prior.noise * units
    error = transformed - state.model.mean[:, index]
    expected = weights @ expected_information_gain(variance, noise)
    realized = weights @ realized_information_gain(variance, noise, error)
    transferred = weights[0] if weights.shape[0] > 1 else jnp.full_like(weights[0], jnp.nan)
    nan = jnp.full_like(expected, jnp.nan)
    return SearchInfo(
        jnp.where(active, index, -1),
        jnp.where(active, score, nan),
        active,
        jnp.where(active, expected, nan),
        jnp.where(active, realized, nan),
        jnp.where(active, transferred, nan),
    )
