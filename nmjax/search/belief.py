"""The predictive distribution of a search over a pool, and how an evaluation changes it."""

from collections.abc import Callable
from functools import partial
from typing import Protocol, Self, TypeVar

import jax
import jax.numpy as jnp

from nmjax.knowledge import (
    expected_information_gain,
    mixture_log_weights,
    realized_information_gain,
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
from nmjax.search.record import Record, SearchInfo, append, best_score
from nmjax.types import Array, Mixture

OutcomeTransform = Callable[[Array], Array]


class ModelState(Protocol):
    """The state of a search whose model is a mixture of posteriors over a pool.

    Attributes:
      record: the evaluations so far.
      model: the components' posteriors, leaves with a leading axis of K.
      log_weights: float[K], log-probabilities of the components now.
    """

    @property
    def record(self) -> Record:
        """The evaluations so far."""

    @property
    def model(self) -> PoolState:
        """The components' posteriors."""

    @property
    def log_weights(self) -> Array:
        """The log-probabilities of the components."""

    @property
    def _replace(self) -> Callable[..., Self]:
        """The method of a NamedTuple."""


ModelStateT = TypeVar("ModelStateT", bound=ModelState)


class ModelUpdate(Protocol):
    """How a pool's model takes up an evaluation, as `predictors.observe_pool` does."""

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
        """Return the model with one more evaluation."""


def predictive(
    state: ModelState, problem: HasModel, exploration: Array, *, outcome_transform: OutcomeTransform
) -> tuple[Mixture, AcquisitionContext]:
    """Predict what evaluations would return, and collect what else an acquisition may use.

    Args:
      state: state of a search with a model over the pool.
      problem: the problem that is searched.
      exploration: float[], as in `AcquisitionContext`.
      outcome_transform: transform of the scores so far.
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
        succeeded=jnp.zeros_like(record.evaluated).at[record.row].max(jnp.isfinite(record.score)),
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
    """Condition the state on an evaluation; it stays the very same if not `active`.

    Args:
      state: state of a search with a model over the pool.
      problem: the problem that is searched.
      fixed_share: float[], smallest share of its prior weight that a component keeps.
      index: int32[], the row that was evaluated.
      score: float[], its score; NaN if it failed.
      active: bool[], whether the evaluation counts.
      outcome_transform: transform of the scores so far.
      update: how the model takes up an evaluation.

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
    """Information gains averaged over the components by their weight before the evaluation."""
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
