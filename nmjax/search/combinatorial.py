"""Bayesian optimization of a space too large to enumerate, of 10^12 architectures or more.

It is `BayesianSearch` over a pool of what was evaluated: B slots, filled as evaluations come.
Predictions anywhere else are those of that pool extended by more architectures, and a maximizer
looks for the largest acquisition value.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    pool_features,
    sample_architectures,
    uniform_sampling,
    update_sampling_distribution,
)
from nmjax.predictors import (
    Pool,
    PoolState,
    extend_pool,
    get_outcome_transform,
    init_pool,
    replace_in_pool,
)
from nmjax.search.algorithm import SearchAlgorithm, SearchHyper, check_sizes
from nmjax.search.bayesian import LOG_IMPROVEMENT
from nmjax.search.belief import condition, predictive
from nmjax.search.initial_design import INITIAL, next_initial, sample_from_prior
from nmjax.search.maximizers import LocalAscent, Maximizer, is_among, optimize_acquisition
from nmjax.search.maximizers.points import (
    are_valid,
    canonical_points,
    empty_points,
    encode_points,
    join,
    mutate_points,
    sample_points,
    split,
)
from nmjax.search.problem import ModelProblem, SpaceProblem
from nmjax.search.record import Record, SearchInfo, can_go_on
from nmjax.spaces import Space, encoding_size, within_bounds
from nmjax.types import Acquisition, Array

ELITE = 8
_LOCAL_ASCENT = LocalAscent()


class SpaceState(NamedTuple):
    """What a search of a space carries.

    Attributes:
      key: folded with (step, role), never drawn from.
      record: the evaluations so far; its rows are slots.
      initial: points [4, C + R], the initial design and the alternative to the third.
      model: the components' posteriors over the slots, leaves with a leading axis of K.
      log_weights: float[K], log-probabilities of the components now.
      point: points [B, C + R] in the slots, canonical; -1 where empty. A point is int32[C] if all
        choices are discrete; otherwise it is float32[C + R], the option indices followed by the
        real values.
      pool: the slots' features and positions.
      proposal: point [C + R], what to evaluate next.
      log_ei: float[], logarithm of the proposal's expected improvement; inf if the search must not
        end yet, -inf if nothing is left to evaluate.
    """

    key: Array
    record: Record
    initial: Array
    model: PoolState
    log_weights: Array
    point: Array
    pool: Pool
    proposal: Array
    log_ei: Array


class Candidate(NamedTuple):
    """An architecture of a space with real-valued choices.

    Attributes:
      architecture: int32[C], an option index for each discrete choice.
      continuous: float32[R], the real values.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import Candidate
      >>> from nmjax.spaces import Real, Space
      >>> space = Space(op=["conv", "skip"], rate=Real(0, 1))
      >>> space.to_config(*Candidate(jnp.array([1]), jnp.array([0.5])))
      {'op': 'skip', 'rate': 0.5}
    """

    architecture: Array
    continuous: Array


Proposal = Array | Candidate


def evaluated_elsewhere(problem: SpaceProblem, architecture: Proposal) -> Array:
    """Refuse to evaluate: without an evaluation there are `suggest` and `observe`, but no `step`.

    Raises:
      NmjaxError: always.
    """
    del problem, architecture
    raise NmjaxError(
        "Got a step of a search without an evaluation; give SpaceSearch one, or use suggest and "
        "observe."
    )


@dataclass(frozen=True, kw_only=True)
class SpaceSearch(SearchAlgorithm[SpaceState, SpaceProblem]):
    """Bayesian optimization under a mixture of priors, of a space of any size.

    The counterpart of `BayesianSearch`, which needs a pool: two uniform evaluations, the
    transferred prior's choice unless they lower its posterior weight, then the largest acquisition
    value, under the same guard. Ascents start at mutations of the best evaluations, at uniform
    draws, and at draws from where the past was best, which become uniform as the transferred prior
    loses its weight. Isomorphic architectures are one, and none is suggested twice. `suggest` and
    `observe` use architectures in place of rows: int32[C], or a `Candidate` if the space has
    real-valued choices. `SearchInfo.row` is the slot. A step
    costs O(K B^2), and as much again as the model's features, for each architecture that the
    maximizer evaluates.

    `SearchHyper.min_expected_improvement` is compared with the expected improvement of the
    architecture that comes next. `BayesianSearch` compares it with the largest of the pool. The two
    agree if the acquisition is expected improvement and the maximizer finds the best; under another
    acquisition this search may end while some other architecture still reaches it.

    Attributes:
      space: space of any size, of discrete, real-valued and conditional choices.
      capacity: B, the largest budget; another budget up to it compiles nothing anew.
      evaluate: (problem, architecture) -> float[], traced; NaN is a failed evaluation.
        Without one there are `suggest` and `observe`, but no `step`.
      acquisition: value of evaluating each architecture. Its pool is what was evaluated and what
        the maximizer proposes, so one that depends on the whole pool (`KnowledgeGradient`, `GPUCB`)
        differs from its counterpart in `BayesianSearch`. Costs are 1, and there are no neighbors.
      maximizer: maximizer of the acquisition.
      starts: number of starts of each of the three kinds.
      outcome_transform: name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: capacity or starts are not positive, or no outcome transform has that name.
    """

    space: Space = field(kw_only=False)
    evaluate: Callable[[SpaceProblem, Any], Array] = evaluated_elsewhere
    acquisition: Acquisition = LOG_IMPROVEMENT
    maximizer: Maximizer = _LOCAL_ASCENT
    starts: int = 32
    outcome_transform: str = "log_lower_tail"

    def __post_init__(self) -> None:
        check_sizes(capacity=self.capacity, starts=self.starts)
        get_outcome_transform(self.outcome_transform)

    def init(self, key: Array, problem: SpaceProblem, hyper: SearchHyper) -> SpaceState:
        """Return the state before the first evaluation."""
        space, capacity = self.space, self.capacity
        draw_key, uniform_key, start_key, climb_key = jax.random.split(
            jax.random.fold_in(key, capacity), 4
        )
        dtype = problem.log_weights.dtype
        pool = Pool(
            jnp.zeros((capacity, problem.prior.mean.shape[-1]), dtype),
            jnp.zeros((capacity, encoding_size(space)), dtype),
        )
        state = SpaceState(
            key=key,
            record=self.empty_record(jnp.zeros((capacity,), dtype)),
            initial=canonical_points(space, sample_points(uniform_key, space, INITIAL + 1)),
            model=init_pool(problem.prior, pool, capacity=capacity),
            log_weights=problem.log_weights,
            point=empty_points(space, capacity),
            pool=pool,
            proposal=jnp.zeros_like(empty_points(space, 1)[0]),
            log_ei=jnp.full((), jnp.inf, dtype),
        )

        def drawn(encoding: Array) -> Array:
            at = _as_pool(problem, pool_features(problem.knowledge, encoding).pool)
            return sample_from_prior(jax.random.clone(draw_key), at, hyper.initial_spread)[0, 0]

        choice, _ = optimize_acquisition(
            climb_key,
            drawn,
            self._starts(start_key, state, problem),
            space=space,
            maximizer=self.maximizer,
        )
        prefers = jnp.any(problem.prior.mean[0] != 0)
        initial = state.initial.at[-1].set(jnp.where(prefers, choice, state.initial[-1]))
        return state._replace(initial=initial, proposal=initial[0])

    def _propose(self, state: SpaceState, problem: SpaceProblem, hyper: SearchHyper) -> SpaceState:
        """Return the state with the next proposal."""
        space = self.space
        step_key = jax.random.fold_in(state.key, state.record.step)
        start_key, value_key, climb_key = jax.random.split(step_key, 3)

        def worth_by(acquire: Acquisition, encoding: Array) -> Array:
            more = pool_features(problem.knowledge, encoding).pool
            wider, pool = _with_more(state, problem, more)
            predicted = predictive(
                wider,
                _as_pool(problem, pool),
                hyper.exploration,
                outcome_transform=get_outcome_transform(self.outcome_transform),
            )
            return acquire(jax.random.clone(value_key), *predicted)[self.capacity :]

        found, worth = optimize_acquisition(
            climb_key,
            partial(worth_by, self.acquisition),
            self._starts(start_key, state, problem),
            state.point,
            space=space,
            maximizer=self.maximizer,
        )
        improvement = worth
        if self.acquisition != LOG_IMPROVEMENT:
            improvement = worth_by(LOG_IMPROVEMENT, encode_points(space, found[None]))[0]
        planned = next_initial(state, problem)
        follows_plan = (state.record.step < INITIAL) & ~is_among(planned, state.point)
        decides = ~follows_plan & ~jnp.all(jnp.isnan(state.record.score))
        left = follows_plan | (worth > -jnp.inf)
        return state._replace(
            proposal=jnp.where(follows_plan, planned, found),
            log_ei=jnp.where(left, jnp.where(decides, improvement, jnp.inf), -jnp.inf),
        )

    def suggest(self, state: SpaceState, problem: SpaceProblem, hyper: SearchHyper) -> Proposal:
        """Return the architecture to evaluate next: int32[C], or a `Candidate` of a mixed space."""
        del problem, hyper
        if not self.space.num_continuous:
            return state.proposal
        return Candidate(*split(self.space, state.proposal))

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
        canonical = canonical_points(self.space, given)
        encoding = encode_points(self.space, canonical[None])
        newcomer = pool_features(problem.knowledge, encoding).pool
        model, pool = replace_in_pool(
            state.model, problem.prior, state.pool, state.record.row, slot, newcomer
        )
        slots = (state.point.at[slot].set(canonical), model, pool)
        point, model, pool = jax.tree.map(
            lambda new, old: jnp.where(active, new, old),
            slots,
            (state.point, state.model, state.pool),
        )
        state = state._replace(point=point, model=model, pool=pool)
        state, info = condition(
            state,
            _as_pool(problem, pool),
            hyper.fixed_share,
            slot,
            score,
            active,
            outcome_transform=get_outcome_transform(self.outcome_transform),
        )
        return self._propose(state, problem, hyper), info

    def check_index(self, state: SpaceState, index: Any) -> Proposal:
        """Validate an evaluated architecture on the host; tracers pass.

        Raises:
          NmjaxError: it is not one architecture of the space, or was observed before.
        """
        if _is_traced(index):
            return index
        known = np.asarray([]) if _is_traced(state.point) else np.asarray(state.point)
        point = self._check(index, known)
        if self.space.num_continuous:
            return Candidate(*split(self.space, point))
        return point

    def check_indices(self, state: SpaceState, indices: Any) -> Proposal:
        """Validate a list of evaluated architectures on the host; tracers pass.

        Args:
          state: not used.
          indices: int32[M, C], or a pair of int32[M, C] and float32[M, R].

        Raises:
          NmjaxError: one is not an architecture of the space, or is repeated.
        """
        del state
        if _is_traced(indices):
            return indices
        mixed = self.space.num_continuous > 0
        each = list(zip(*indices, strict=True)) if mixed else list(indices)
        points = np.array(empty_points(self.space, len(each)))
        for place, index in enumerate(each):
            points[place] = self._check(index, points)
        return Candidate(*split(self.space, jnp.asarray(points))) if mixed else jnp.asarray(points)

    def _check(self, index: Any, known: np.ndarray) -> Array:
        """The point of an architecture, canonical, that is none of the known ones [M, C + R]."""
        space = self.space
        architecture, continuous = self._parts(index)
        wrong = np.shape(continuous) != (space.num_continuous,)
        if wrong or not within_bounds(space, continuous).all():
            raise NmjaxError(
                f"Got the real values {continuous!r} for space {space.name!r}; give "
                f"float[{space.num_continuous}], each within its bounds."
            )
        given = join(space, jnp.asarray(architecture, jnp.int32), jnp.asarray(continuous))
        if not bool(are_valid(space, given)):
            raise NmjaxError(
                f"Got the architecture {np.asarray(architecture).tolist()}, which space "
                f"{space.name!r} does not allow; give a valid one."
            )
        point = canonical_points(space, given)
        if known.size and (known == np.asarray(point)).all(axis=-1).any():
            raise NmjaxError(
                f"Architecture {np.asarray(given).tolist()} or one isomorphic to it was observed "
                "before; each is evaluated once, so give another one."
            )
        return point

    def _parts(self, index: Any) -> tuple[np.ndarray, np.ndarray]:
        space = self.space
        try:
            architecture, continuous = index if space.num_continuous else (index, ())
            values = np.asarray(continuous, np.float32)
            return space.check_architecture(architecture), values
        except (TypeError, ValueError) as error:
            if isinstance(error, NmjaxError):
                raise
            pair = f" and float[{space.num_continuous}]" if space.num_continuous else ""
            raise NmjaxError(
                f"Got {index!r} as an architecture; give int[{space.num_choices}]{pair}, an option "
                "index for each choice."
            ) from error

    def _starts(self, key: Array, state: SpaceState, problem: SpaceProblem) -> Array:
        """Return the points [3 starts, C + R] where ascents start."""
        space, starts = self.space, self.starts
        mutate_key, uniform_key, informed_key = jax.random.split(key, 3)
        uniform = sample_points(uniform_key, space, starts)
        weights = jnp.exp(state.log_weights)
        distribution = update_sampling_distribution(
            uniform_sampling(space),
            problem.knowledge,
            transfer_weight=weights[0] if len(weights) > 1 else 0,
        )
        drawn = sample_architectures(informed_key, distribution, space=space, shape=(starts,))
        informed = canonical_points(space, join(space, *drawn)) if _is_mixed(space) else drawn[0]
        score = jnp.where(jnp.isnan(state.record.score), -jnp.inf, state.record.score)
        best = jax.lax.top_k(score, min(ELITE, self.capacity))[1]
        parents = state.point[best][jnp.arange(starts) % len(best)]
        # Before there are any, the parents are uniform.
        known = state.record.evaluated[best][jnp.arange(starts) % len(best)]
        parents = jnp.where(known[:, None], parents, uniform)
        mutated = mutate_points(mutate_key, space, parents)
        return jnp.concatenate([mutated, uniform, informed])


def _is_mixed(space: Space) -> bool:
    return space.num_continuous > 0


def _is_traced(tree: Any) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def _with_more(state: SpaceState, problem: SpaceProblem, more: Pool) -> tuple[SpaceState, Pool]:
    """The state over its slots and more architectures, none of them evaluated."""
    model, pool = extend_pool(state.model, problem.prior, state.pool, state.record.row, more)
    others = jnp.zeros((len(more.features),), bool)
    record = state.record._replace(evaluated=jnp.append(state.record.evaluated, others))
    return state._replace(model=model, record=record), pool


def _as_pool(problem: SpaceProblem, pool: Pool) -> ModelProblem:
    """A few architectures of the space as a problem of their own, of unknown scores."""
    size, dtype = len(pool.features), pool.features.dtype
    return ModelProblem(
        score=jnp.full((size,), jnp.nan, dtype),
        pool=pool,
        prior=problem.prior,
        log_weights=problem.log_weights,
        cost=jnp.ones((size,), dtype),
        neighbors=jnp.arange(size, dtype=jnp.int32)[:, None],
    )
