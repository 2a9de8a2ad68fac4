"""Local search (White, Nolen and Savani, 2021)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.memoised import memoised
from nmjax.search.loop import SearchAlgorithm, SearchHyper, make_algorithm
from nmjax.search.problem import Problem, known_neighbours
from nmjax.search.record import Record, SearchInfo, empty_record, fresh, pay
from nmjax.search.sizes import check_sizes
from nmjax.types import Array


class LocalState(NamedTuple):
    """What local search carries.

    Attributes:
      key: folded with (step, role), never drawn from.
      record: the evaluations so far.
      position: int32[], the row whose neighbours are looked at; a local optimum once all of them
        are evaluated. Not evaluated only before the first evaluation.
    """

    key: Array
    record: Record
    position: Array


@memoised
def local_search(*, capacity: int = 128) -> SearchAlgorithm:
    """Steepest ascent by one choice, from a new random architecture after each local optimum.

    White, Nolen and Savani, 2021, "Exploring the loss landscape in neural architecture search",
    algorithm 1: all neighbours are evaluated, here in random order, and the best of them is the
    next position if it is better than this one. What was evaluated before is not paid for again,
    so a step to an architecture whose neighbours are all known leads on at once. A failed
    evaluation is worse than any other; ties stay.

    Args:
      capacity: the largest budget.

    Raises:
      NmjaxError: the capacity is not positive.
    """
    check_sizes(capacity=capacity)

    def init(key: Array, problem: Problem, hyper: SearchHyper) -> LocalState:
        del hyper
        record = empty_record(problem.score, capacity=capacity)
        return LocalState(key, record, jnp.zeros((), jnp.int32))

    def suggest(state: LocalState, problem: Problem, hyper: SearchHyper) -> Array:
        del hyper
        evaluated, family = state.record.evaluated, known_neighbours(problem)[state.position]
        step_key = jax.random.fold_in(state.key, state.record.step)
        neighbour_key, restart_key = jax.random.split(step_key)
        neighbour = family[fresh(neighbour_key, evaluated[family])]
        return jnp.where(_looking(state, problem), neighbour, fresh(restart_key, evaluated))

    def observe(
        state: LocalState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[LocalState, SearchInfo]:
        start = jnp.where(_looking(state, problem), state.position, index).astype(jnp.int32)
        record, info = pay(state.record, hyper.budget, index, score)
        found = climb(start, record, known_neighbours(problem))
        position = jnp.where(info.counted, found, state.position)
        return LocalState(state.key, record, position), info

    return make_algorithm(init, suggest, observe)


def climb(position: Array, record: Record, neighbours: Array) -> Array:
    """The row int32[] that steepest ascent reaches from `position` on what is known.

    Args:
      position: int32[], an evaluated row.
      record: the evaluations so far.
      neighbours: int32[N, J], as in `Problem`.

    Returns:
      The first row on the way with a neighbour that is not evaluated, or a local optimum.
    """
    paid = jnp.nan_to_num(record.score, nan=-jnp.inf)
    fitness = jnp.full(record.evaluated.shape, -jnp.inf, paid.dtype).at[record.row].max(paid)

    def best_neighbour(position: Array) -> Array:
        family = neighbours[position]
        return family[jnp.argmax(fitness[family])]

    def leads_on(position: Array) -> Array:
        known = jnp.all(record.evaluated[neighbours[position]])
        return known & (fitness[best_neighbour(position)] > fitness[position])

    return jax.lax.while_loop(leads_on, best_neighbour, position)


def _looking(state: LocalState, problem: Problem) -> Array:
    """Whether bool[] the neighbours of the position are still being evaluated."""
    evaluated = state.record.evaluated
    family = known_neighbours(problem)[state.position]
    return evaluated[state.position] & ~jnp.all(evaluated[family])
