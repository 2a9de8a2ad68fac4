"""Searches in an order that no score changes: random, and the best of the past first."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
from nmjax.search.loop import SearchAlgorithm, SearchHyper, make_algorithm
from nmjax.search.problem import Problem
from nmjax.search.record import Record, SearchInfo, empty_record, record_evaluation
from nmjax.search.sizes import check_sizes
from nmjax.types import Array


class OrderedState(NamedTuple):
    """What a search in an order of its own carries.

    Attributes:
      record: the evaluations so far.
      order: int32[min(B, N)], the rows in the order of evaluation.
    """

    record: Record
    order: Array


@cached_factory
def random_search(*, capacity: int = 128) -> SearchAlgorithm:
    """Evaluates the pool in a random order, up to `capacity` of it.

    Raises:
      NmjaxError: the capacity is not positive.
    """

    def order(key: Array, problem: Problem) -> Array:
        return jax.random.permutation(key, problem.score.shape[0])

    return ordered_search(order, capacity=capacity)


def ordered_search(order: Callable[[Array, Problem], Array], *, capacity: int) -> SearchAlgorithm:
    """Evaluates in an order fixed beforehand, and passes over what was evaluated already.

    Args:
      order: (key, problem) -> int[N], the rows of the pool in that order; those after the first
        `capacity` are not read.
      capacity: the largest budget.

    Raises:
      NmjaxError: the capacity is not positive.
    """
    check_sizes(capacity=capacity)

    def init(key: Array, problem: Problem, hyper: SearchHyper) -> OrderedState:
        del hyper
        rows = order(key, problem)[:capacity].astype(jnp.int32)
        return OrderedState(empty_record(problem.score, capacity=capacity), rows)

    def suggest(state: OrderedState, problem: Problem, hyper: SearchHyper) -> Array:
        del problem, hyper
        return state.order[jnp.argmin(state.record.evaluated[state.order])]

    def observe(
        state: OrderedState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[OrderedState, SearchInfo]:
        del problem
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        return state._replace(record=record), info

    return make_algorithm(init, suggest, observe)


@cached_factory
def past_best_search(*, capacity: int = 128) -> SearchAlgorithm:
    """The trivial transfer: the past's best first, by mean predicted score over sources.

    Raises:
      NmjaxError: the capacity is not positive.
    """

    def order(key: Array, problem: Problem) -> Array:
        del key
        return jnp.argsort(-problem.past_mean)

    return ordered_search(order, capacity=capacity)
