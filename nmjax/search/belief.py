"""Predictions over a pool under a mixture of posteriors, and conditioning on an evaluation."""

from collections.abc import Callable
from functools import partial
from typing import Protocol, Self, TypeVar

import jax
import jax.numpy as jnp

from nmjax.knowledge import (
    expected_information_gain,
    mixture_log_weights,
    realized_information_gain,
    transfer_weight,
)
from nmjax.predictors import (
    Pool,
    PoolPrior,
    PoolState,
    observe_pool,
    pool_covariance,
    predict_evaluation,
    sample_pool_posterior,
    variance_scale,
)
from nmjax.search.acquisitions import AcquisitionContext
from nmjax.search.problem import HasModel
from nmjax.search.record import Record, SearchInfo, append, best_score, successes
from nmjax.types import Array, Mixture

OutcomeTransform = Callable[[Array], Array]


class ModelState(Protocol):
    """State of a search whose model is a mixture of posteriors over a pool.

    Attributes:
      record: Evaluations so far.
      model: Posteriors of the components, leaves with a leading axis of K.
      log_weights: float[K], posterior log-probabilities of the components.
    """

    @property
    def record(self) -> Record:
        """Evaluations so far."""

    @property
    def model(self) -> PoolState:
        """Posteriors of the components."""

    @property
    def log_weights(self) -> Array:
        """Posterior log-probabilities of the components."""

    @property
    def _replace(self) -> Callable[..., Self]:
        """Method of a NamedTuple."""


ModelStateT = TypeVar("ModelStateT", bound=ModelState)


class ModelUpdate(Protocol):
    """Function that conditions a model on an evaluation, such as `predictors.observe_pool`."""

    def __call__(
        self,
        state: PoolState,
        prior: PoolPrior,
        pool: Pool,
        rows: Array,
        y: Array,
        newest: Array,
        /,
    ) -> PoolState:
        """Return the model conditioned on the newest evaluation."""


def predictive(
    state: ModelState, problem: HasModel, exploration: Array, *, outcome_transform: OutcomeTransform
) -> tuple[Mixture, AcquisitionContext]:
    """Return the predictive distribution of evaluations, and the context of acquisitions.

    Args:
      state: State of a search with a model over the pool.
      problem: Problem to search.
      exploration: float[], as in `AcquisitionContext`.
      outcome_transform: Transform of the scores so far.
    """
    record, model = state.record, state.model
    transformed = outcome_transform(record.score)

    def sample(key: Array) -> Array:
        which_key, draw_key = jax.random.split(key)
        draws = sample_pool_posterior(
            draw_key, model, problem.prior, problem.pool, record.row, transformed
        )
        return draws[jax.random.categorical(which_key, state.log_weights)]

    context = AcquisitionContext(
        best=best_score(transformed),
        exploration=exploration,
        step=record.step,
        evaluated=record.evaluated,
        succeeded=successes(record),
        noise=problem.prior.noise * variance_scale(model),
        cost=problem.cost,
        neighbors=problem.neighbors,
        sample=sample,
        covariance=partial(pool_covariance, model, problem.prior, problem.pool, record.row),
    )
    return Mixture(state.log_weights, predict_evaluation(model, problem.prior)), context


def condition(
    state: ModelStateT,
    problem: HasModel,
    fixed_share: Array,
    index: Array,
    score: Array,
    active: Array,
    *,
    outcome_transform: OutcomeTransform,
    update: ModelUpdate = observe_pool,
) -> tuple[ModelStateT, SearchInfo]:
    """Condition the state on an evaluation.

    Args:
      state: State of a search with a model over the pool.
      problem: Problem to search.
      fixed_share: float[], smallest share of its prior weight that a component keeps.
      index: int32[], evaluated row.
      score: float[], score of the row; NaN if the evaluation failed.
      active: bool[], whether the evaluation counts. If not, the state does not change.
      outcome_transform: Transform of the scores so far.
      update: Function that conditions the model.

    Returns:
      The state, and the information gained.
    """
    record = append(state.record, index, score, active)
    transformed = outcome_transform(record.score)
    newest = jnp.where(active, record.step - 1, -1)
    model = update(state.model, problem.prior, problem.pool, record.row, transformed, newest)
    log_weights = mixture_log_weights(problem.log_weights, model.log_evidence, fixed_share)
    info = _information(state, problem, index, score, transformed[newest], active)
    return state._replace(record=record, model=model, log_weights=log_weights), info


def _information(
    state: ModelState,
    problem: HasModel,
    index: Array,
    score: Array,
    transformed: Array,
    active: Array,
) -> SearchInfo:
    """Return information gains, averaged with the components' weights before the evaluation."""
    weights = jnp.exp(state.log_weights)
    units = variance_scale(state.model)
    variance = state.model.variance[:, index] * units
    noise = problem.prior.noise * units
    error = transformed - state.model.mean[:, index]
    expected = weights @ expected_information_gain(variance, noise)
    realized = weights @ realized_information_gain(variance, noise, error)
    nan = jnp.full_like(expected, jnp.nan)
    transferred = transfer_weight(state.log_weights, problem.prior) if len(weights) > 1 else nan
    return SearchInfo(
        jnp.where(active, index, -1),
        jnp.where(active, score, nan),
        active,
        jnp.where(active, expected, nan),
        jnp.where(active, realized, nan),
        jnp.where(active, transferred, nan),
    )
