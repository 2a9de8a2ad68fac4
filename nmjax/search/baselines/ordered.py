"""Searches in an order that no score changes: random, and the best of the past first."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.search.loop import SearchAlgorithm, SearchHyper, make_algorithm
from nmjax.search.problem import Problem
from nmjax.search.record import (
    Record,
    SearchInfo,
    append,
    can_go_on,
    empty_record,
    model_free_info,
)
from nmjax.types import Array


class OrderedState(NamedTuple):
    """What a search in an order of its own carries.

    Attributes:
      record: the evaluations so far.
      order: int32[min(B, N)], the rows in the order of evaluation.
    """

    record: Record
    order: Array


def random_search(*, capacity: int = 128) -> SearchAlgorithm:
    """Evaluates the pool in a random order, up to `capacity` of it."""

    def order(key: Array, problem: Problem) -> Array:
        return jax.random.permutation(key, problem.score.shape[0])

    return ordered_search(order, capacity=capacity)


def ordered_search(order: Callable[[Array, Problem], Array], *, capacity: int) -> SearchAlgorithm:
    """Evaluates in an order fixed beforehand.

    Args:
      order: (key, problem) -> int32[N] or more than `capacity` of it, rows of the pool.
      capacity: the largest budget.
    """

    def init(key: Array, problem: Problem, hyper: SearchHyper) -> OrderedState:
        del hyper
        rows = order(key, problem)[:capacity].astype(jnp.int32)
        return OrderedState(empty_record(problem.score, capacity=capacity), rows)

    def suggest(state: OrderedState, problem: Problem, hyper: SearchHyper) -> Array:
        del problem, hyper
        return state.order[jnp.minimum(state.record.step, state.order.shape[0] - 1)]

    def observe(
        state: OrderedState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[OrderedState, SearchInfo]:
        del problem
        active = can_go_on(state.record, hyper.budget)
        record = append(state.record, index, score, active)
        return state._replace(record=record), model_free_info(index, score, active)

    return make_algorithm(init, suggest, observe)


def past_best_search(*, capacity: int = 128) -> SearchAlgorithm:
    """The trivial transfer: the past's best first, by mean predicted score over sources."""

    def order(key: Array, problem: Problem) -> Array:
        del key
        return jnp.argsort(-problem.past_mean)

    return ordered_search(order, capacity=capacity)
