"""Bayesian optimization of a space of any size."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge import plan_portfolio, pool_features
from nmjax.predictors import replace_in_pool
from nmjax.search.acquisitions import acquisition_value
from nmjax.search.algorithm import SearchHyper, TransformedSearch
from nmjax.search.bayesian import LOG_IMPROVEMENT
from nmjax.search.belief import condition, predictive
from nmjax.search.combinatorial.architecture_checks import (
    check_architecture,
    check_architectures,
)
from nmjax.search.combinatorial.ascent_starts import ascent_starts
from nmjax.search.combinatorial.limits import SpaceFeasibility, log_feasibility, sample_initial
from nmjax.search.combinatorial.portfolio_points import portfolio_points
from nmjax.search.combinatorial.slot_failures import encoded_log_success, slot_failures
from nmjax.search.combinatorial.state import (
    Candidate,
    Proposal,
    SpaceState,
    as_pool_problem,
    empty_state,
    extend_slots,
    to_proposal,
)
from nmjax.search.feasibility import discount_failures
from nmjax.search.initial_design import INITIAL, next_initial
from nmjax.search.maximizers import LocalAscent, Maximizer, is_among, optimize_acquisition
from nmjax.search.maximizers.points import canonical_points, encode_points, join
from nmjax.search.problem import SpaceProblem
from nmjax.search.record import SearchInfo, can_go_on
from nmjax.setting_checks import check_callables, check_sizes
from nmjax.spaces import Space
from nmjax.types import Acquisition, Array, is_traced

_LOCAL_ASCENT = LocalAscent()


def no_evaluation(problem: SpaceProblem, architecture: Proposal) -> Array:
    """Refuse to evaluate: the default of `SpaceSearch`, which has no table of scores.

    Raises:
      NmjaxError: Always.
    """
    del problem, architecture
    raise NmjaxError(
        "Got a step of a SpaceSearch without an evaluation; give SpaceSearch(space, evaluate=...), "
        "or use suggest and observe."
    )


@dataclass(frozen=True, kw_only=True)
class SpaceSearch(TransformedSearch[SpaceState, SpaceProblem]):
    """Bayesian optimization of a space of any size, under a mixture of priors.

    The counterpart of `BayesianSearch`, which needs a pool. An initial design of three
    architectures, as in `initial_design`, is evaluated first. Then comes the architecture with the
    largest acquisition value that the maximizer finds, starting from mutations of the best
    evaluations, from uniform draws, and from draws where past tasks had their best scores.
    Isomorphic architectures count as one, and none is suggested twice. Failures are learned from,
    and known limits met, as in `BayesianSearch`.

    `suggest` and `observe` use architectures in place of rows: int32[C], or a `Candidate` if the
    space has real-valued choices. `SearchInfo.row` is the slot of the evaluation. A step costs
    O(K B^2) and the features of the model, for each architecture that the maximizer evaluates.

    `SearchHyper.min_expected_improvement` is compared with the expected improvement of the next
    proposal, times its probability of success, and in `BayesianSearch` with the largest of the
    pool. Without failures, the two agree if the acquisition is expected improvement and the
    maximizer is exact. With another acquisition, this search may end although another architecture
    reaches the threshold.

    Attributes:
      space: Space of any size, with discrete, real-valued and conditional choices.
      capacity: B, the largest budget. Smaller budgets use the same compiled program.
      evaluate: (problem, architecture) -> float[], traced evaluation; NaN if it failed. `step`
        needs it, `suggest` and `observe` do not.
      feasibility: (problem, architecture) -> float[] or bool[], traced probability from 0 to 1 that
        an architecture meets known limits, such as one on latency. The acquisition is multiplied by
        it, and architectures with probability 0 are never suggested. If neither 1,024 uniform
        draws nor the maximizer find any other, the search is finished. None without limits.
      acquisition: Value of evaluating each architecture. Its pool consists of the evaluated
        architectures and those that the maximizer proposes, so acquisitions that depend on the
        whole pool (`KnowledgeGradient`, `GPUCB`) differ from those in `BayesianSearch`. Costs are
        1, and there are no neighbors.
      maximizer: Maximizer of the acquisition.
      starts: Number of starts of each of the three kinds.
      outcome_transform: Name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: `capacity` or `starts` is not positive, or the outcome transform is unknown.

    Example:
      >>> import jax
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import Exhaustive, SpaceSearch, make_space_problem, start, suggest
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["a", "b", "c"], act=["relu", "tanh"])
      >>> problem = make_space_problem(space, default_knowledge(space))
      >>> search = SpaceSearch(space, capacity=2, starts=2, maximizer=Exhaustive())
      >>> state = start(jax.random.key(0), problem, search)
      >>> suggest(state, problem, search).shape
      (2,)
    """

    space: Space = field(kw_only=False)
    evaluate: Callable[[SpaceProblem, Any], Array] = no_evaluation
    feasibility: SpaceFeasibility | None = None
    acquisition: Acquisition = LOG_IMPROVEMENT
    maximizer: Maximizer = _LOCAL_ASCENT
    starts: int = 32

    def __post_init__(self) -> None:
        check_sizes(capacity=self.capacity, starts=self.starts)
        check_callables(acquisition=self.acquisition, maximizer=self.maximizer)
        if self.feasibility is not None:
            check_callables(feasibility=self.feasibility)
        if not isinstance(self.space, Space):
            raise NmjaxError(f"Got {self.space!r} as space; give a Space.")
        super().__post_init__()

    def init(self, key: Array, problem: SpaceProblem, hyper: SearchHyper) -> SpaceState:
        """Return the state before the first evaluation."""
        del hyper
        uniform_key, start_key, climb_key = jax.random.split(
            jax.random.fold_in(key, self.capacity), 3
        )
        initial = sample_initial(
            uniform_key, problem, self.feasibility, space=self.space, number=INITIAL + 1
        )
        record = self.empty_record(jnp.zeros((self.capacity,), problem.log_weights.dtype))
        state = empty_state(key, problem, record, initial, space=self.space)
        if len(problem.log_weights) > 1 and len(problem.knowledge.sources.constant):
            portfolio = portfolio_points(
                climb_key,
                problem,
                self._starts(start_key, state, problem),
                slot_failures(problem, state, None, space=self.space),
                self.feasibility,
                space=self.space,
                maximizer=self.maximizer,
            )
            ends = jnp.array([0, INITIAL])
            planned = plan_portfolio(problem.knowledge, portfolio, state.initial[ends])
            state = state._replace(initial=state.initial.at[ends].set(planned))
        if self.feasibility is None:
            return state._replace(proposal=state.initial[0])
        meets = ~jnp.isneginf(self._log_feasibility(problem, state.initial[:INITIAL]))
        log_ei = jnp.where(jnp.any(meets), state.log_ei, -jnp.inf)
        return state._replace(proposal=state.initial[jnp.argmax(meets)], log_ei=log_ei)

    def suggest(self, state: SpaceState, problem: SpaceProblem, hyper: SearchHyper) -> Proposal:
        """Return the architecture to evaluate next: int32[C], or a `Candidate` of a mixed space."""
        del problem, hyper
        return to_proposal(self.space, state.proposal)

    def update(
        self,
        state: SpaceState,
        problem: SpaceProblem,
        hyper: SearchHyper,
        index: Proposal,
        score: Array,
    ) -> tuple[SpaceState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        worthwhile = (state.log_ei > -jnp.inf) & (
            state.log_ei >= jnp.log(hyper.min_expected_improvement)
        )
        active = can_go_on(state.record, hyper.budget) & worthwhile
        slot = jnp.minimum(state.record.step, self.capacity - 1)
        given = join(self.space, *index) if isinstance(index, Candidate) else index
        state = self._fill(state, problem, slot, given, active)
        state, info = condition(
            state,
            as_pool_problem(problem, state.pool),
            hyper.fixed_share,
            slot,
            score,
            active,
            outcome_transform=self.transform,
        )
        return self._propose(state, problem, hyper), info

    def check_index(self, state: SpaceState, index: Any) -> Proposal:
        """Validate an evaluated architecture on the host. Traced values are not checked.

        Raises:
          NmjaxError: It is not an architecture of the space, or was observed before.
        """
        if is_traced(index):
            checked: Proposal = index
            return checked
        known = np.asarray([]) if is_traced(state.point) else np.asarray(state.point)
        return to_proposal(self.space, check_architecture(self.space, index, known))

    def check_indices(self, state: SpaceState, indices: Any) -> Proposal:
        """Validate a list of evaluated architectures on the host. Traced values are not checked.

        Args:
          state: Not used.
          indices: int32[M, C], or a pair of int32[M, C] and float32[M, R].

        Raises:
          NmjaxError: One is not an architecture of the space, or is repeated.
        """
        del state
        if is_traced(indices):
            checked: Proposal = indices
            return checked
        return to_proposal(self.space, check_architectures(self.space, indices))

    def _log_feasibility(self, problem: SpaceProblem, points: Array) -> Array:
        return log_feasibility(problem, points, self.feasibility, space=self.space)

    def _starts(self, key: Array, state: SpaceState, problem: SpaceProblem) -> Array:
        limits, space = self.feasibility, self.space
        return ascent_starts(key, state, problem, limits, space=space, number=self.starts)

    def _fill(
        self, state: SpaceState, problem: SpaceProblem, slot: Array, point: Array, active: Array
    ) -> SpaceState:
        """Return the state with a point in a slot, or the same state if `active` is False."""
        canonical = canonical_points(self.space, point)
        encoding = encode_points(self.space, canonical[None])
        newcomer = pool_features(problem.knowledge, encoding).pool
        model, pool = replace_in_pool(
            state.model, problem.prior, state.pool, state.record.row, slot, newcomer
        )
        points, model, pool = jax.tree.map(
            lambda new, old: jnp.where(active, new, old),
            (state.point.at[slot].set(canonical), model, pool),
            (state.point, state.model, state.pool),
        )
        return state._replace(point=points, model=model, pool=pool)

    def _propose(self, state: SpaceState, problem: SpaceProblem, hyper: SearchHyper) -> SpaceState:
        """Return the state with the next proposal."""
        step_key = jax.random.fold_in(state.key, state.record.step)
        start_key, value_key, climb_key = jax.random.split(step_key, 3)
        failures = slot_failures(problem, state, state.record, space=self.space)

        def value(acquire: Acquisition, encoding: Array, meets: Array | float = 0.0) -> Array:
            more = pool_features(problem.knowledge, encoding).pool
            predicted = predictive(
                *extend_slots(state, problem, more),
                hyper.exploration,
                outcome_transform=self.transform,
            )
            known, values = jnp.split(
                acquisition_value(acquire, jax.random.clone(value_key), *predicted),
                [self.capacity],
            )
            succeeds = encoded_log_success(failures, encoding, space=self.space) + meets
            return discount_failures(acquire, values, succeeds, jnp.min(known))

        def value_of_points(acquire: Acquisition, points: Array) -> Array:
            meets = self._log_feasibility(problem, points)
            found = value(acquire, encode_points(self.space, points), meets)
            return jnp.where(jnp.isneginf(meets), -jnp.inf, found)

        found, worth = optimize_acquisition(
            climb_key,
            partial(value, self.acquisition),
            self._starts(start_key, state, problem),
            state.point,
            space=self.space,
            maximizer=self.maximizer,
            value_of_points=None
            if self.feasibility is None
            else partial(value_of_points, self.acquisition),
        )
        improvement = worth
        if self.acquisition != LOG_IMPROVEMENT:
            improvement = value_of_points(LOG_IMPROVEMENT, found[None])[0]
        planned = next_initial(state, problem)
        follows_plan = (state.record.step < INITIAL) & ~is_among(planned, state.point)
        if self.feasibility is not None:
            meets = self._log_feasibility(problem, planned[None])[0]
            follows_plan = follows_plan & ~jnp.isneginf(meets)
        decides = ~follows_plan & ~jnp.all(jnp.isnan(state.record.score))
        left = follows_plan | (worth > -jnp.inf)
        return state._replace(
            proposal=jnp.where(follows_plan, planned, found),
            log_ei=jnp.where(left, jnp.where(decides, improvement, jnp.inf), -jnp.inf),
        )
