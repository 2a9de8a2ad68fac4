"""Bayesian optimization of a pool under a mixture of priors."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.predictors import PoolState, init_pool, observe_pool
from nmjax.search.acquisitions import (
    AcquisitionContext,
    LogExpectedImprovement,
    acquisition_value,
    argmax_unevaluated,
    is_worthwhile,
)
from nmjax.search.algorithm import SearchHyper, TransformedSearch
from nmjax.search.belief import ModelUpdate, condition, predictive
from nmjax.search.feasibility import discount_failures, left_out, pool_log_success
from nmjax.search.initial_design import INITIAL, initial_design, next_initial
from nmjax.search.learned_components import (
    initial_evidence,
    observe_components,
    with_components,
)
from nmjax.search.problem import HasModel
from nmjax.search.record import Record, SearchInfo, can_go_on, follow_plan
from nmjax.setting_checks import check_callables
from nmjax.types import Acquisition, Array, Mixture

LOG_IMPROVEMENT = LogExpectedImprovement()


class SearchState(NamedTuple):
    """State of a `BayesianSearch`.

    Attributes:
      key: Random key, folded with the step and never drawn from.
      record: Evaluations so far.
      initial: int32[4], three rows of the initial design, and the alternative to the third.
      model: Posteriors of the processes, leaves with a leading axis of K.
      log_weights: float[K], posterior log-probabilities of the processes.
      relative_evidence: float[E], log evidence of the problem's meta-trained components, relative
        to that of the processes; None without components.

    Example:
      >>> import jax
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import BayesianSearch, default_hyper, make_problem
      >>> from nmjax.spaces import Space, enumerate_architectures
      >>> space = Space(op=["a", "b", "c"], act=["relu", "tanh"])
      >>> problem = make_problem(
      ...     space, enumerate_architectures(space), None, default_knowledge(space))
      >>> arguments = jax.random.key(0), problem, default_hyper(4)
      >>> jax.eval_shape(BayesianSearch(capacity=4).init, *arguments).initial.shape
      (4,)
    """

    key: Array
    record: Record
    initial: Array
    model: PoolState
    log_weights: Array
    relative_evidence: Array | None = None


@dataclass(frozen=True, kw_only=True)
class BayesianSearch(TransformedSearch[SearchState, HasModel]):
    """Bayesian optimization under a mixture of priors, with predictions for the whole pool.

    A transferred and a flat prior are weighted by their evidence, so that the flat one guards
    against a misleading past. A problem with one prior is searched without transfer. Meta-trained
    components of the problem (`add_component`) are weighted likewise. After an initial design of
    three rows, the row with the largest acquisition value comes next. Once an evaluation has
    failed, of a past task or of this one, the value is multiplied by the probability of success,
    which is learned from the parts that failed architectures share. It is also multiplied by
    `Problem.feasibility`, the probability of meeting known limits.

    Attributes:
      capacity: B, the largest budget. Smaller budgets use the same compiled program.
      evaluate: (problem, row int32[]) -> float[], traced evaluation in `step`; NaN if it failed.
      acquisition: Value of evaluating each row.
      outcome_transform: Name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.
      observe_model: Function that conditions the model on an evaluation, with the arguments of
        `predictors.observe_pool`.

    Raises:
      NmjaxError: The capacity is not positive, the outcome transform is unknown, or the acquisition
        is not callable.

    Example:
      >>> from nmjax.search import BayesianSearch, ThompsonSampling
      >>> BayesianSearch(capacity=16) == BayesianSearch(capacity=16)
      True
      >>> BayesianSearch(acquisition=ThompsonSampling()).capacity
      128
    """

    acquisition: Acquisition = LOG_IMPROVEMENT
    observe_model: ModelUpdate = observe_pool

    def __post_init__(self) -> None:
        super().__post_init__()
        check_callables(acquisition=self.acquisition, observe_model=self.observe_model)

    def init(self, key: Array, problem: HasModel, hyper: SearchHyper) -> SearchState:
        """Return the state before the first evaluation."""
        del hyper
        return SearchState(
            key,
            self.empty_record(problem.score),
            initial_design(jax.random.fold_in(key, self.capacity), problem),
            init_pool(problem.prior, problem.pool, capacity=self.capacity),
            problem.log_weights,
            initial_evidence(problem),
        )

    def suggest(self, state: SearchState, problem: HasModel, hyper: SearchHyper) -> Array:
        """Return the row int32[] to evaluate next."""
        record = state.record._replace(evaluated=left_out(problem, state.record.evaluated))
        posterior, context = self._predictive(state, problem, hyper)
        key = jax.random.fold_in(state.key, record.step)
        value = acquisition_value(self.acquisition, key, posterior, context)
        succeeds = pool_log_success(problem, record)
        value = discount_failures(self.acquisition, value, succeeds, jnp.min(value))
        chosen = argmax_unevaluated(value, record.evaluated, otherwise=state.initial[0])
        return follow_plan(record, next_initial(state, problem), chosen, number=INITIAL)

    def update(
        self, state: SearchState, problem: HasModel, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[SearchState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        unavailable = left_out(problem, state.record.evaluated)
        posterior, context = self._predictive(state, problem, hyper)
        worthwhile = is_worthwhile(
            posterior,
            context._replace(evaluated=unavailable),
            hyper.min_expected_improvement,
            initial=INITIAL,
        )
        if problem.feasibility is not None:
            worthwhile = worthwhile & ~jnp.all(unavailable)
        after, info = condition(
            state,
            problem,
            hyper.fixed_share,
            index,
            score,
            can_go_on(state.record, hyper.budget) & worthwhile,
            outcome_transform=self.transform,
            update=self.observe_model,
        )
        transformed = self.transform(after.record.score)
        return observe_components(state, after, info, problem, hyper.fixed_share, transformed)

    def _predictive(
        self, state: SearchState, problem: HasModel, hyper: SearchHyper
    ) -> tuple[Mixture, AcquisitionContext]:
        posterior, context = predictive(
            state, problem, hyper.exploration, outcome_transform=self.transform
        )
        transformed = self.transform(state.record.score)
        return with_components(posterior, context, state, problem, hyper.fixed_share, transformed)
