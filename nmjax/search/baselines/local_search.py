"""Local search (White, Nolen and Savani, 2021)."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.search.algorithm import SearchAlgorithm, SearchHyper
from nmjax.search.problem import HasNeighbors
from nmjax.search.problem.kinds import known_neighbors
from nmjax.search.record import (
    Record,
    SearchInfo,
    record_evaluation,
    sample_unevaluated,
)
from nmjax.types import Array


class LocalState(NamedTuple):
    """State of a `LocalSearch`.

    Attributes:
      key: Random key, folded with the step and never drawn from.
      record: Evaluations so far.
      position: int32[], row whose neighbors are being evaluated; a local optimum once all of them
        are. It is an evaluated row, except before the first evaluation.
    """

    key: Array
    record: Record
    position: Array


@dataclass(frozen=True, kw_only=True)
class LocalSearch(SearchAlgorithm[LocalState, HasNeighbors]):
    """Local search: steepest ascent by one choice, with random restarts at local optima.

    Algorithm 1 of White, Nolen and Savani, 2021, "Exploring the loss landscape in neural
    architecture search". All neighbors of the position are evaluated, here in random order, and the
    best of them is the next position if it is better. No row is evaluated twice, so the ascent
    continues at once if all neighbors of the new position are known. A failed evaluation is worse
    than any score, and a tie ends the ascent.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.

    Raises:
      NmjaxError: The capacity is not positive.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import LocalSearch, ScoreTable, run_batch
      >>> table = ScoreTable(jnp.arange(3.0), neighbors=jnp.array([[1, 2], [0, 2], [0, 1]]))
      >>> keys, search = jax.random.split(jax.random.key(0), 1), LocalSearch(capacity=3)
      >>> run_batch(keys, table, search, steps=3)[1].score.max(axis=1).tolist()
      [2.0]
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
    """Return the row int32[] that steepest ascent on the known scores reaches.

    It is the first row on the way with an unevaluated neighbor, or a local optimum.

    Args:
      position: int32[], evaluated row where the ascent starts.
      record: Evaluations so far.
      neighbors: int32[N, J], as in `Problem`.
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
    """Return whether bool[] some neighbor of the position is unevaluated."""
    evaluated = state.record.evaluated
    family = known_neighbors(problem)[state.position]
    return evaluated[state.position] & ~jnp.all(evaluated[family])
