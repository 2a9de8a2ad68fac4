"""The search loop: one state transition, scanned.

predict -> acquire -> evaluate -> update -> information gain -> adapt. `suggest` is the half before
the evaluation and `observe` the half after it; `step` is both with the evaluation between.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
from nmjax.predictors import PoolState, get_outcome_transform, init_pool, observe_pool
from nmjax.search.acquisitions import argmax_unevaluated, log_expected_improvement
from nmjax.search.belief import condition, predictive
from nmjax.search.initial_design import INITIAL, initial_design, next_initial
from nmjax.search.problem import Problem
from nmjax.search.record import (
    Record,
    SearchInfo,
    can_go_on,
    empty_record,
    failed_unless_finite,
)
from nmjax.search.sizes import check_capacity, check_sizes
from nmjax.types import Acquisition, Array, PyTree, SearchPair


class SearchHyper(NamedTuple):
    """The traced numbers of a search.

    Attributes:
      budget: int32[], distinct evaluations.
      fixed_share: float[], the least share of its prior weight that a component keeps, in [0, 1).
      exploration: float[], of acquisitions that have any.
      initial_spread: float[], standard deviations of the draws behind the initial points, as a
        multiple of the prior's.
      min_expected_improvement: float[], what an evaluation costs, in units of the transformed
        score: by default, standard deviations of the scores evaluated so far, those below their
          median on a logarithmic scale.
        A search with a model is over, as if its budget were spent, once no row is expected to
        improve by as much; a search of a space, once what it would evaluate next is not. Neither is
        before the initial points and a first success. 0 never ends it.
    """

    budget: Array
    fixed_share: Array
    exploration: Array
    initial_spread: Array
    min_expected_improvement: Array


def default_hyper(budget: int = 100) -> SearchHyper:
    """The numbers that were chosen on HPOBench and TransNAS-Bench-101."""
    return SearchHyper(
        budget=jnp.asarray(budget, jnp.int32),
        fixed_share=jnp.asarray(0.02),
        exploration=jnp.asarray(2.0),
        initial_spread=jnp.asarray(0.3),
        min_expected_improvement=jnp.asarray(0.0),
    )


class SearchState(NamedTuple):
    """What a Bayesian search carries.

    Attributes:
      key: folded with (step, role), never drawn from.
      record: the evaluations so far.
      initial: int32[4], three rows to begin with, and what may take the place of the third.
      model: the components' posteriors, leaves with a leading axis of K.
      log_weights: float[K], of the components now.
    """

    key: Array
    record: Record
    initial: Array
    model: PoolState
    log_weights: Array


class SearchAlgorithm(NamedTuple):
    """A search as pure functions; a `SearchPair` whose step comes in two halves as well.

    Attributes:
      init: (key, problem, hyper) -> state.
      step: (state, problem, hyper) -> (state, SearchInfo), one evaluation out of `problem.score`.
      suggest: (state, problem, hyper) -> int32[], the row to evaluate next.
      observe: (state, problem, hyper, index, score) -> (state, SearchInfo); an evaluation has
        failed where its score is not finite.
    """

    init: Callable[..., Any]
    step: Callable[..., Any]
    suggest: Callable[..., Any]
    observe: Callable[..., Any]


def table_lookup(problem: Problem, index: Array) -> Array:
    """The evaluation of a tabular benchmark: the score float[] of row `index`."""
    return problem.score[index]


def make_algorithm(
    init: Callable[..., Any],
    suggest: Callable[..., Any],
    observe: Callable[..., Any],
    evaluate: Callable[..., Array] = table_lookup,
) -> SearchAlgorithm:
    """An algorithm whose step is `suggest`, `evaluate`, `observe`; infinite scores become NaN."""

    def observe_finite(
        state: PyTree, problem: PyTree, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[PyTree, SearchInfo]:
        return observe(state, problem, hyper, index, failed_unless_finite(score))

    def step(state: PyTree, problem: PyTree, hyper: SearchHyper) -> tuple[PyTree, SearchInfo]:
        index = suggest(state, problem, hyper)
        return observe_finite(state, problem, hyper, index, evaluate(problem, index))

    return SearchAlgorithm(init, step, suggest, observe_finite)


@cached_factory
def bayesian_search(
    *,
    capacity: int = 128,
    acquisition: Acquisition | None = None,
    outcome_transform: str = "log_lower_tail",
    evaluate: Callable[[Problem, Array], Array] = table_lookup,
    update: Callable[..., PoolState] = observe_pool,
) -> SearchAlgorithm:
    """Bayesian optimization under a mixture of priors, scoring the whole pool at every step.

    With a problem of K = 1 component it is the search without transfer; with a transferred and a
    flat one, weighted by evidence, the flat one guards against a past that misleads.

    Args:
      capacity: B, the largest budget; another budget up to it compiles nothing anew.
      acquisition: which architecture is worth most; log expected improvement by default.
      outcome_transform: what is done to the scores so far, a name of `predictors.normalize`.
      evaluate: (problem, index int32[]) -> float[], traced; NaN is a failed evaluation.
      update: how the model takes up an evaluation, with the arguments of `observe_pool`.

    Raises:
      NmjaxError: the capacity is not positive, or no outcome_transform has that name.
    """
    check_sizes(capacity=capacity)
    apply_transform = get_outcome_transform(outcome_transform)
    log_improvement = log_expected_improvement()
    acquire = acquisition or log_improvement

    def init(key: Array, problem: Problem, hyper: SearchHyper) -> SearchState:
        return SearchState(
            key,
            empty_record(problem.score, capacity=capacity),
            initial_design(jax.random.fold_in(key, capacity), problem, hyper.initial_spread),
            init_pool(problem.prior, problem.pool, capacity=capacity),
            problem.log_weights,
        )

    def pays(state: SearchState, problem: Problem, hyper: SearchHyper) -> Array:
        """bool[]: whether some row reaches `hyper.min_expected_improvement`."""
        posterior, context = predictive(
            state, problem, hyper.exploration, outcome_transform=apply_transform
        )
        improvement = log_improvement(state.key, posterior, context)
        most = jnp.max(jnp.where(context.evaluated, -jnp.inf, improvement))
        too_early = (context.step < INITIAL) | ~jnp.isfinite(context.best)
        return too_early | ~(most < jnp.log(hyper.min_expected_improvement))

    def suggest(state: SearchState, problem: Problem, hyper: SearchHyper) -> Array:
        record = state.record
        posterior, context = predictive(
            state, problem, hyper.exploration, outcome_transform=apply_transform
        )
        value = acquire(jax.random.fold_in(state.key, record.step), posterior, context)
        planned = next_initial(state, problem)
        follows_plan = (record.step < INITIAL) & ~record.evaluated[planned]
        return jnp.where(follows_plan, planned, argmax_unevaluated(value, record.evaluated))

    def observe(
        state: SearchState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[SearchState, SearchInfo]:
        active = can_go_on(state.record, hyper.budget) & pays(state, problem, hyper)
        return condition(
            state,
            problem,
            hyper.fixed_share,
            index,
            score,
            active,
            outcome_transform=apply_transform,
            update=update,
        )

    return make_algorithm(init, suggest, observe, evaluate)


@partial(jax.jit, static_argnames=("algorithm", "length"))
def run(
    state: PyTree,
    problem: Problem,
    hyper: SearchHyper,
    *,
    algorithm: SearchPair,
    length: int,
) -> tuple[PyTree, SearchInfo]:
    """`length` steps in one scan; steps past its end change nothing.

    Returns:
      The state, and the trace: `SearchInfo` with leaves of leading axis `length`.

    Raises:
      NmjaxError: `length` is larger than the capacity of the state's `record`, if it has one.
    """
    check_capacity(state, length=length)
    return jax.lax.scan(
        lambda carried, _: algorithm.step(carried, problem, hyper), state, None, length=length
    )


@partial(jax.jit, static_argnames=("algorithm", "length"))
def run_batch(
    keys: Array,
    problem: Problem,
    hyper: SearchHyper,
    *,
    algorithm: SearchPair,
    length: int,
) -> tuple[PyTree, SearchInfo]:
    """A search for each key[S], all at once.

    Returns:
      The states and the trace, with leaves of leading axes [S] and [S, length].

    Raises:
      NmjaxError: `length` is larger than the search's capacity.
    """

    def lane(key: Array) -> tuple[PyTree, SearchInfo]:
        state = algorithm.init(key, problem, hyper)
        return run(state, problem, hyper, algorithm=algorithm, length=length)

    return jax.vmap(lane)(keys)
