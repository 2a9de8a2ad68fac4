"""A search of a space that cannot be listed, as those of more than 10^12 architectures.

It is the search over a pool, `search.loop`, whose pool is what was evaluated: B slots, filled as
evaluations come. Beliefs anywhere else are those of that pool with more architectures in it, and
what is worth most of all is looked for by a maximizer.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
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
from nmjax.search.acquisitions import log_expected_improvement
from nmjax.search.belief import condition, predictive
from nmjax.search.initial_design import INITIAL, next_initial, sample_from_prior
from nmjax.search.loop import SearchAlgorithm, SearchHyper, make_algorithm
from nmjax.search.maximizers import Maximizer, is_among, local_ascent, optimize_acquisition
from nmjax.search.problem import Problem, SpaceProblem
from nmjax.search.record import Record, SearchInfo, can_go_on, empty_record
from nmjax.search.sizes import check_sizes
from nmjax.spaces import Space, canonicalize, encode, encoding_size, mutate, sample
from nmjax.types import Acquisition, Array

ELITE = 8


class SpaceState(NamedTuple):
    """What a search of a space carries.

    Attributes:
      key: folded with (step, role), never drawn from.
      record: the evaluations so far; its rows are slots.
      initial: int32[4, C], as of `SearchState`.
      model: the components' posteriors over the slots, leaves with a leading axis of K.
      log_weights: float[K], of the components now.
      architecture: int32[B, C], canonical, in the slots; -1 where empty.
      pool: the slots' features and positions.
      proposal: int32[C], what to evaluate next.
      log_ei: float[], the logarithm of the improvement that is expected of it; inf where that does
        not decide, -inf where nothing is left.
    """

    key: Array
    record: Record
    initial: Array
    model: PoolState
    log_weights: Array
    architecture: Array
    pool: Pool
    proposal: Array
    log_ei: Array


def evaluated_elsewhere(problem: SpaceProblem, architecture: Array) -> Array:
    """Refuses: a search whose evaluations happen elsewhere has halves, but no step."""
    del problem, architecture
    raise NmjaxError(
        "Got a step of a search without an evaluation; give space_search one, or use suggest and "
        "observe."
    )


@cached_factory
def space_search(
    space: Space,
    evaluate: Callable[[SpaceProblem, Array], Array] = evaluated_elsewhere,
    *,
    capacity: int = 128,
    acquisition: Acquisition | None = None,
    maximizer: Maximizer | None = None,
    starts: int = 32,
    outcome_transform: str = "log_lower_tail",
) -> SearchAlgorithm:
    """Bayesian optimization under a mixture of priors, of a space of any size.

    What `bayesian_search` is for a pool: two fair evaluations, the transferred prior's choice
    unless they speak against it, then what is worth most, under the same guard. Ascents start at
    mutations of the best evaluations, uniform draws, and draws from where the past was best, which
    become uniform as the transferred prior loses its weight. Isomorphic architectures are one, and
    none is suggested twice. `suggest` and `observe` take architectures int32[C] for rows;
    `SearchInfo.row` is the slot. A step costs O(K B^2), and as much again as the model's features,
    for each architecture that the maximizer looks at.

    A min_expected_improvement is compared with the improvement that is expected of the
    architecture that comes next. `bayesian_search` compares it with the largest of the pool, which
    is the same where both choose by improvement and the maximizer finds the best; under another
    acquisition this search may be over while something else still promises its
    min_expected_improvement.

    Args:
      space: of discrete choices.
      evaluate: (problem, architecture int32[C]) -> float[], traced; NaN is a failed evaluation.
      capacity: B, the largest budget; another budget up to it compiles nothing anew.
      acquisition: what an architecture is worth, log expected improvement by default. Its pool is
        what was evaluated and what the maximizer looks at together, so one that asks for the best
        or the size of a whole pool, as knowledge gradient or `gp_ucb`, is not what it is elsewhere.
        Costs are 1, and there are no neighbors.
      maximizer: of the acquisition; `local_ascent()` by default.
      starts: of each of the three kinds.
      outcome_transform: what is done to the scores so far, a name of `predictors.normalize`.

    Raises:
      NmjaxError: capacity or starts are not positive, or no outcome_transform has that name.
    """
    check_sizes(capacity=capacity, starts=starts)
    apply_transform = get_outcome_transform(outcome_transform)
    log_improvement = log_expected_improvement()
    acquire = acquisition or log_improvement
    maximize = maximizer or local_ascent()

    def init(key: Array, problem: SpaceProblem, hyper: SearchHyper) -> SpaceState:
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
            record=empty_record(jnp.zeros((capacity,), dtype), capacity=capacity),
            initial=canonicalize(space, sample(uniform_key, space, (INITIAL + 1,))),
            model=init_pool(problem.prior, pool, capacity=capacity),
            log_weights=problem.log_weights,
            architecture=jnp.full((capacity, space.num_choices), -1, jnp.int32),
            pool=pool,
            proposal=jnp.zeros((space.num_choices,), jnp.int32),
            log_ei=jnp.full((), jnp.inf, dtype),
        )

        def drawn(encoding: Array) -> Array:
            at = _as_pool(problem, pool_features(problem.knowledge, encoding).pool)
            return sample_from_prior(jax.random.clone(draw_key), at, hyper.initial_spread)[0, 0]

        choice, _ = optimize_acquisition(
            climb_key, drawn, _starts(start_key, state, problem), space=space, maximizer=maximize
        )
        prefers = jnp.any(problem.prior.mean[0] != 0)
        initial = state.initial.at[-1].set(jnp.where(prefers, choice, state.initial[-1]))
        return state._replace(initial=initial, proposal=initial[0])

    def propose(state: SpaceState, problem: SpaceProblem, hyper: SearchHyper) -> SpaceState:
        """The state with what to evaluate next."""
        step_key = jax.random.fold_in(state.key, state.record.step)
        start_key, value_key, climb_key = jax.random.split(step_key, 3)

        def worth_by(acquire: Acquisition, encoding: Array) -> Array:
            more = pool_features(problem.knowledge, encoding).pool
            wider, pool = _with_more(state, problem, more)
            foreseen = predictive(
                wider, _as_pool(problem, pool), hyper.exploration, outcome_transform=apply_transform
            )
            return acquire(jax.random.clone(value_key), *foreseen)[capacity:]

        found, worth = optimize_acquisition(
            climb_key,
            partial(worth_by, acquire),
            _starts(start_key, state, problem),
            state.architecture,
            space=space,
            maximizer=maximize,
        )
        improvement = worth
        if acquire is not log_improvement:
            improvement = worth_by(log_improvement, encode(space, found[None]))[0]
        planned = next_initial(state, problem)
        follows_plan = (state.record.step < INITIAL) & ~is_among(planned, state.architecture)
        decides = ~follows_plan & ~jnp.all(jnp.isnan(state.record.score))
        left = follows_plan | (worth > -jnp.inf)
        return state._replace(
            proposal=jnp.where(follows_plan, planned, found),
            log_ei=jnp.where(left, jnp.where(decides, improvement, jnp.inf), -jnp.inf),
        )

    def suggest(state: SpaceState, problem: SpaceProblem, hyper: SearchHyper) -> Array:
        del problem, hyper
        return state.proposal

    def observe(
        state: SpaceState,
        problem: SpaceProblem,
        hyper: SearchHyper,
        architecture: Array,
        score: Array,
    ) -> tuple[SpaceState, SearchInfo]:
        pays = (state.log_ei > -jnp.inf) & (state.log_ei >= jnp.log(hyper.min_expected_improvement))
        active = can_go_on(state.record, hyper.budget) & pays
        slot = jnp.minimum(state.record.step, capacity - 1)
        canonical = canonicalize(space, architecture)
        newcomer = pool_features(problem.knowledge, encode(space, canonical[None])).pool
        model, pool = replace_in_pool(
            state.model, problem.prior, state.pool, state.record.row, slot, newcomer
        )
        slots = (state.architecture.at[slot].set(canonical), model, pool)
        architecture, model, pool = jax.tree.map(
            lambda new, old: jnp.where(active, new, old),
            slots,
            (state.architecture, state.model, state.pool),
        )
        state = state._replace(architecture=architecture, model=model, pool=pool)
        state, info = condition(
            state,
            _as_pool(problem, pool),
            hyper.fixed_share,
            slot,
            score,
            active,
            outcome_transform=apply_transform,
        )
        return propose(state, problem, hyper), info

    def _starts(key: Array, state: SpaceState, problem: SpaceProblem) -> Array:
        """Where ascents may start, int32[3 starts, C]."""
        mutate_key, uniform_key, informed_key = jax.random.split(key, 3)
        uniform = sample(uniform_key, space, (starts,))
        weights = jnp.exp(state.log_weights)
        distribution = update_sampling_distribution(
            uniform_sampling(space),
            problem.knowledge,
            transfer_weight=weights[0] if len(weights) > 1 else 0,
        )
        informed, _ = sample_architectures(informed_key, distribution, space=space, shape=(starts,))
        score = jnp.where(jnp.isnan(state.record.score), -jnp.inf, state.record.score)
        best = jax.lax.top_k(score, min(ELITE, capacity))[1]
        parents = state.architecture[best][jnp.arange(starts) % len(best)]
        # Before there are any, the parents are uniform.
        parents = jnp.where(parents >= 0, parents, uniform)
        return jnp.concatenate([mutate(mutate_key, space, parents), uniform, informed])

    return make_algorithm(init, suggest, observe, evaluate)


def _with_more(state: SpaceState, problem: SpaceProblem, more: Pool) -> tuple[SpaceState, Pool]:
    """The state over its slots and more architectures, none of them evaluated."""
    model, pool = extend_pool(state.model, problem.prior, state.pool, state.record.row, more)
    others = jnp.zeros((len(more.features),), bool)
    record = state.record._replace(evaluated=jnp.append(state.record.evaluated, others))
    return state._replace(model=model, record=record), pool


def _as_pool(problem: SpaceProblem, pool: Pool) -> Problem:
    """A few architectures of the space as a problem of their own, of unknown scores."""
    size, dtype = len(pool.features), pool.features.dtype
    return Problem(
        score=jnp.full((size,), jnp.nan, dtype),
        pool=pool,
        prior=problem.prior,
        log_weights=problem.log_weights,
        past_mean=jnp.zeros((size,), dtype),
        cost=jnp.ones((size,), dtype),
        neighbors=jnp.arange(size, dtype=jnp.int32)[:, None],
        knowledge=problem.knowledge,
    )
