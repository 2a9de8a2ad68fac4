"""Regularized evolution (Real et al., 2019, algorithm 1)."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.algorithm import SearchAlgorithm, SearchHyper
from nmjax.search.problem import HasNeighbors
from nmjax.search.problem.kinds import known_neighbors
from nmjax.search.record import (
    Record,
    SearchInfo,
    record_evaluation,
    sample_unevaluated,
)
from nmjax.setting_checks import check_sizes
from nmjax.types import Array


class Population(NamedTuple):
    """Population of a `RegularizedEvolution`.

    Attributes:
      members: int32[P], rows of the living members, the oldest overwritten first.
      births: int32[], number of members ever added.
    """

    members: Array
    births: Array


class EvolutionState(NamedTuple):
    """State of a `RegularizedEvolution`.

    Attributes:
      key: Random key, folded with the step and never drawn from.
      record: Evaluations so far.
      fitness: float[N], scores of evaluated rows; -inf for others and for failures.
      population: Living members.
    """

    key: Array
    record: Record
    fitness: Array
    population: Population


@dataclass(frozen=True, kw_only=True)
class RegularizedEvolution(SearchAlgorithm[EvolutionState, HasNeighbors]):
    """Regularized evolution: mutate the best of a tournament by one choice; the oldest member dies.

    Algorithm 1 of Real et al., 2019, "Regularized evolution for image classifier architecture
    search". The budget counts distinct evaluations, so a child that was evaluated before joins the
    population without an evaluation. After `max_repeats` such children in a row, a random
    architecture is evaluated. The default sizes suit budgets of a hundred; the paper uses a
    population of 100 and tournaments of 25 for 20,000 evaluations.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.
      population_size: P, also the number of random architectures at the start.
      tournament_size: Number of members drawn without replacement for each tournament.
      max_repeats: Largest number of consecutive children that were evaluated before.

    Raises:
      NmjaxError: The tournament is larger than the population, or a size is not positive.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import RegularizedEvolution, ScoreTable, run_batch
      >>> table = ScoreTable(jnp.arange(3.0), neighbors=jnp.array([[1, 2], [0, 2], [0, 1]]))
      >>> keys = jax.random.split(jax.random.key(0), 1)
      >>> search = RegularizedEvolution(population_size=2, tournament_size=1)
      >>> run_batch(keys, table, search, steps=3)[1].score.max(axis=1).tolist()
      [2.0]
    """

    population_size: int = 20
    tournament_size: int = 5
    max_repeats: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(max_repeats=self.max_repeats)
        if not 1 <= self.tournament_size <= self.population_size:
            raise NmjaxError(
                f"Got tournament_size={self.tournament_size}, "
                f"population_size={self.population_size}; "
                "give 1 <= tournament_size <= population_size."
            )

    def init(self, key: Array, problem: HasNeighbors, hyper: SearchHyper) -> EvolutionState:
        """Return the state before the first evaluation."""
        del hyper
        return EvolutionState(
            key,
            self.empty_record(problem.score),
            jnp.full_like(problem.score, -jnp.inf),
            Population(jnp.zeros((self.population_size,), jnp.int32), jnp.zeros((), jnp.int32)),
        )

    def _breed(
        self, key: Array, members: Array, state: EvolutionState, problem: HasNeighbors
    ) -> Array:
        tournament_key, mutation_key = jax.random.split(key)
        entrants = jax.random.choice(
            tournament_key, members, (self.tournament_size,), replace=False
        )
        parent = entrants[jnp.argmax(state.fitness[entrants])]
        family = known_neighbors(problem)[parent]
        weights = (family != parent).astype(state.fitness.dtype)
        return jax.random.choice(mutation_key, family, p=weights / jnp.sum(weights))

    def _evolve(
        self, key: Array, state: EvolutionState, problem: HasNeighbors, evaluated: Array
    ) -> tuple[Population, Array]:
        """Breed until a child is unevaluated. Evaluated children join the population."""

        def unfinished(carried: tuple[Population, Array, Array]) -> Array:
            _, child, tries = carried
            return evaluated[child] & (tries < self.max_repeats)

        def again(carried: tuple[Population, Array, Array]) -> tuple[Population, Array, Array]:
            population, child, tries = carried
            population = add(population, child)
            again_key = jax.random.fold_in(key, tries)
            return population, self._breed(again_key, population.members, state, problem), tries + 1

        first = self._breed(
            jax.random.fold_in(key, self.max_repeats), state.population.members, state, problem
        )
        population, child, _ = jax.lax.while_loop(
            unfinished, again, (state.population, first, jnp.zeros((), jnp.int32))
        )
        fallback = sample_unevaluated(jax.random.fold_in(key, self.max_repeats + 1), evaluated)
        return population, jnp.where(evaluated[child], fallback, child)

    def _propose(self, state: EvolutionState, problem: HasNeighbors) -> tuple[Population, Array]:
        random_key, evolve_key = jax.random.split(jax.random.fold_in(state.key, state.record.step))
        evaluated = state.record.evaluated
        evolved, child = self._evolve(evolve_key, state, problem, evaluated)
        begun = state.population.births >= self.population_size
        population = jax.tree.map(
            lambda new, old: jnp.where(begun, new, old), evolved, state.population
        )
        return population, jnp.where(begun, child, sample_unevaluated(random_key, evaluated))

    def suggest(self, state: EvolutionState, problem: HasNeighbors, hyper: SearchHyper) -> Array:
        """Return the row int32[] to evaluate next."""
        del hyper
        return self._propose(state, problem)[1]

    def update(
        self,
        state: EvolutionState,
        problem: HasNeighbors,
        hyper: SearchHyper,
        index: Array,
        score: Array,
    ) -> tuple[EvolutionState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        population = add(self._propose(state, problem)[0], index)
        fitness = jnp.where(info.counted & ~jnp.isnan(score), score, state.fitness[index])
        state = EvolutionState(
            state.key,
            record,
            state.fitness.at[index].set(fitness),
            jax.tree.map(
                lambda new, old: jnp.where(info.counted, new, old), population, state.population
            ),
        )
        return state, info


def add(population: Population, index: Array) -> Population:
    """Return the population with a row in place of its oldest member."""
    position = population.births % population.members.shape[0]
    members = population.members.at[position].set(index.astype(jnp.int32))
    return Population(members, population.births + 1)
