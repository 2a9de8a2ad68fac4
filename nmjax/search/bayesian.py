"""Bayesian optimization of a pool under a mixture of priors.

predict -> acquire -> evaluate -> update -> information gain -> adapt. `suggest` is the half before
the evaluation and `observe` the half after it; `step` is both with the evaluation between.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.predictors import PoolState, get_outcome_transform, init_pool, observe_pool
from nmjax.search.acquisitions import LogExpectedImprovement, argmax_unevaluated
from nmjax.search.algorithm import SearchAlgorithm, SearchHyper
from nmjax.search.belief import ModelUpdate, condition, predictive
from nmjax.search.initial_design import INITIAL, initial_design, next_initial
from nmjax.search.problem import HasModel
from nmjax.search.record import Record, SearchInfo, can_go_on
from nmjax.types import Acquisition, Array

LOG_IMPROVEMENT = LogExpectedImprovement()


class SearchState(NamedTuple):
    """What a Bayesian search carries.

    Attributes:
      key: folded with (step, role), never drawn from.
      record: the evaluations so far.
      initial: int32[4], the three rows of the initial design, and the alternative to the third.
      model: the components' posteriors, leaves with a leading axis of K.
      log_weights: float[K], log-probabilities of the components now.
    """

    key: Array
    record: Record
    initial: Array
    model: PoolState
    log_weights: Array


@dataclass(frozen=True, kw_only=True)
class BayesianSearch(SearchAlgorithm[SearchState, HasModel]):
    """Bayesian optimization under a mixture of priors, scoring the whole pool at every step.

    With a problem of K = 1 component it is the search without transfer. With a transferred and a
    flat component, weighted by their evidence, the flat one guards against a past that misleads.

    Attributes:
      capacity: B, the largest budget; another budget up to it compiles nothing anew.
      evaluate: (problem, row int32[]) -> float[], traced; NaN is a failed evaluation.
      acquisition: value of evaluating each row; the row of the largest value comes next.
      outcome_transform: name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.
      observe_model: how the model takes up an evaluation, with the arguments of
        `predictors.observe_pool`.

    Raises:
      NmjaxError: the capacity is not positive, or no outcome transform has that name.

    Example:
      >>> from nmjax.search import BayesianSearch, ThompsonSampling
      >>> BayesianSearch(capacity=16) == BayesianSearch(capacity=16)
      True
      >>> BayesianSearch(acquisition=ThompsonSampling()).capacity
      128
    """

    acquisition: Acquisition = LOG_IMPROVEMENT
    outcome_transform: str = "log_lower_tail"
    observe_model: ModelUpdate = observe_pool

    def __post_init__(self) -> None:
        super().__post_init__()
        get_outcome_transform(self.outcome_transform)

    def init(self, key: Array, problem: HasModel, hyper: SearchHyper) -> SearchState:
        """Return the state before the first evaluation."""
        return SearchState(
            key,
            self.empty_record(problem.score),
            initial_design(jax.random.fold_in(key, self.capacity), problem, hyper.initial_spread),
            init_pool(problem.prior, problem.pool, capacity=self.capacity),
            problem.log_weights,
        )

    def suggest(self, state: SearchState, problem: HasModel, hyper: SearchHyper) -> Array:
        """Return the row int32[] to evaluate next."""
        record = state.record
        posterior, context = predictive(
            state,
            problem,
            hyper.exploration,
            outcome_transform=get_outcome_transform(self.outcome_transform),
        )
        value = self.acquisition(jax.random.fold_in(state.key, record.step), posterior, context)
        planned = next_initial(state, problem)
        follows_plan = (record.step < INITIAL) & ~record.evaluated[planned]
        chosen = argmax_unevaluated(value, record.evaluated, otherwise=state.initial[0])
        return jnp.where(follows_plan, planned, chosen)

    def update(
        self, state: SearchState, problem: HasModel, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[SearchState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        worthwhile = self._is_worthwhile(state, problem, hyper)
        return condition(
            state,
            problem,
            hyper.fixed_share,
            index,
            score,
            can_go_on(state.record, hyper.budget) & worthwhile,
            outcome_transform=get_outcome_transform(self.outcome_transform),
            update=self.observe_model,
        )

    def _is_worthwhile(self, state: SearchState, problem: HasModel, hyper: SearchHyper) -> Array:
        """Whether bool[] some row reaches `hyper.min_expected_improvement`."""
        posterior, context = predictive(
            state,
            problem,
            hyper.exploration,
            outcome_transform=get_outcome_transform(self.outcome_transform),
        )
        improvement = LOG_IMPROVEMENT(state.key, posterior, context)
        most = jnp.max(jnp.where(context.evaluated, -jnp.inf, improvement))
        too_early = (context.step < INITIAL) | ~jnp.isfinite(context.best)
        return too_early | ~(most < jnp.log(hyper.min_expected_improvement))
