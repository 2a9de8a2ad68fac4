"""Local search (White, Nolen and Savani, 2021)."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.search.algorithm import SearchAlgorithm, SearchHyper
from nmjax.search.problem import HasNeighbors, known_neighbors
from nmjax.search.record import (
    Record,
    SearchInfo,
    record_evaluation,
    sample_unevaluated,
)
from nmjax.types import Array


class LocalState(NamedTuple):
    """What local search carries.

    Attributes:
      key: folded with (step, role), never drawn from.
      record: the evaluations so far.
      position: int32[], the row whose neighbors are looked at; a local optimum once all of them
        are evaluated. Not evaluated only before the first evaluation.
    """

    key: Array
    record: Record
    position: Array


@dataclass(frozen=True, kw_only=True)
class LocalSearch(SearchAlgorithm[LocalState, HasNeighbors]):
    """Steepest ascent by one choice, from a new random architecture after each local optimum.

    White, Nolen and Savani, 2021, "Exploring the loss landscape in neural architecture search",
    algorithm 1: all neighbors are evaluated, here in random order, and the best of them is the
    next position if it is better than this one. What was evaluated before is not evaluated again,
    so a step to an architecture whose neighbors are all known leads on at once. A failed
    evaluation is worse than any other; ties stay.

    Attributes:
      capacity: the largest budget.
      evaluate: as in `SearchAlgorithm`.

    Raises:
      NmjaxError: the capacity is not positive.
    """

    def init(self, key: Array, problem: HasNeighbors, hyper: SearchHyper) -> LocalState:
        """Return the state before the first evaluation."""
        del hyper
        record = self.empty_record(problem.score)
        return LocalState(key, record, jnp.zeros((), jnp.int32))

    def suggest(self, state: LocalState, problem: HasNeighbors, hyper: SearchHyper) -> Array:
        """Return the row int32[] to evaluate next."""
        del hyper
        evaluated, family = state.record.evaluated, known_neighbors(problem)[state.position]
        step_key = jax.random.fold_in(state.key, state.record.step)
        neighbor_key, restart_key = jax.random.split(step_key)
        neighbor = family[sample_unevaluated(neighbor_key, evaluated[family])]
        return jnp.where(
            _looking(state, problem), neighbor, sample_unevaluated(restart_key, evaluated)
        )

    def update(
        self,
        state: LocalState,
        problem: HasNeighbors,
        hyper: SearchHyper,
        index: Array,
        score: Array,
    ) -> tuple[LocalState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        start = jnp.where(_looking(state, problem), state.position, index).astype(jnp.int32)
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        found = climb(start, record, known_neighbors(problem))
        position = jnp.where(info.counted, found, state.position)
        return LocalState(state.key, record, position), info


def climb(position: Array, record: Record, neighbors: Array) -> Array:
    """The row int32[] that steepest ascent reaches from `position` on what is known.

    Args:
      position: int32[], an evaluated row.
      record: the evaluations so far.
      neighbors: int32[N, J], as in `Problem`.

    Returns:
      The first row on the way with a neighbor that is not evaluated, or a local optimum.
    """
    evaluated = jnp.nan_to_num(record.score, nan=-jnp.inf)
    fitness = (
        jnp.full(record.evaluated.shape, -jnp.inf, evaluated.dtype).at[record.row].max(evaluated)
    )

    def best_neighbor(position: Array) -> Array:
        family = neighbors[position]
        return family[jnp.argmax(fitness[family])]

    def leads_on(position: Array) -> Array:
        known = jnp.all(record.evaluated[neighbors[position]])
        return known & (fitness[best_neighbor(position)] > fitness[position])

    return jax.lax.while_loop(leads_on, best_neighbor, position)


def _looking(state: LocalState, problem: HasNeighbors) -> Array:
    """Whether bool[] the neighbors of the position are still being evaluated."""
    evaluated = state.record.evaluated
    family = known_neighbors(problem)[state.position]
    return evaluated[state.position] & ~jnp.all(evaluated[family])
