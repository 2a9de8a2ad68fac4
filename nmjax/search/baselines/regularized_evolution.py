"""Regularized evolution (Real et al., 2019, algorithm 1)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
from nmjax.errors import NmjaxError
from nmjax.search.loop import SearchAlgorithm, SearchHyper, make_algorithm
from nmjax.search.problem import Problem, known_neighbors
from nmjax.search.record import (
    Record,
    SearchInfo,
    empty_record,
    record_evaluation,
    sample_unevaluated,
)
from nmjax.search.sizes import check_sizes
from nmjax.types import Array


class Population(NamedTuple):
    """The members alive.

    Attributes:
      members: int32[P], rows of the pool, the oldest overwritten first.
      births: int32[], members ever added.
    """

    members: Array
    births: Array


class EvolutionState(NamedTuple):
    """What regularized evolution carries.

    Attributes:
      key: folded with (step, role), never drawn from.
      record: the evaluations so far.
      fitness: float[N], scores of evaluated rows; -inf for others and for failures.
      population: the members alive.
    """

    key: Array
    record: Record
    fitness: Array
    population: Population


@cached_factory
def regularized_evolution(
    *,
    capacity: int = 128,
    population_size: int = 20,
    tournament_size: int = 5,
    max_repeats: int = 32,
) -> SearchAlgorithm:
    """The best of a tournament is mutated by one choice; the oldest member dies.

    A child that was evaluated before joins the population at no cost, as a budget counts distinct
    evaluations; after `max_repeats` such children in a row a random architecture is evaluated. The
    sizes are ours, for budgets of a hundred; the paper's are 100 and 25, for 20,000.

    Args:
      capacity: the largest budget.
      population_size: P, also the number of random architectures at the start.
      tournament_size: members drawn without replacement for each tournament.
      max_repeats: children tried for a new one.

    Raises:
      NmjaxError: the tournament is larger than the population, or a size is not positive.
    """
    check_sizes(capacity=capacity)
    if not 1 <= tournament_size <= population_size:
        raise NmjaxError(
            f"Got tournament_size={tournament_size}, population_size={population_size}; "
            "give 1 <= tournament_size <= population_size."
        )

    def init(key: Array, problem: Problem, hyper: SearchHyper) -> EvolutionState:
        del hyper
        return EvolutionState(
            key,
            empty_record(problem.score, capacity=capacity),
            jnp.full_like(problem.score, -jnp.inf),
            Population(jnp.zeros((population_size,), jnp.int32), jnp.zeros((), jnp.int32)),
        )

    def breed(key: Array, members: Array, state: EvolutionState, problem: Problem) -> Array:
        tournament_key, mutation_key = jax.random.split(key)
        entrants = jax.random.choice(tournament_key, members, (tournament_size,), replace=False)
        parent = entrants[jnp.argmax(state.fitness[entrants])]
        family = known_neighbors(problem)[parent]
        weights = (family != parent).astype(state.fitness.dtype)
        return jax.random.choice(mutation_key, family, p=weights / jnp.sum(weights))

    def evolve(
        key: Array, state: EvolutionState, problem: Problem, evaluated: Array
    ) -> tuple[Population, Array]:
        """Breed until a child is new; repeated children join the population on the way."""

        def unfinished(carried: tuple[Population, Array, Array]) -> Array:
            _, child, tries = carried
            return evaluated[child] & (tries < max_repeats)

        def again(carried: tuple[Population, Array, Array]) -> tuple[Population, Array, Array]:
            population, child, tries = carried
            population = add(population, child)
            again_key = jax.random.fold_in(key, tries)
            return population, breed(again_key, population.members, state, problem), tries + 1

        first = breed(
            jax.random.fold_in(key, max_repeats), state.population.members, state, problem
        )
        population, child, _ = jax.lax.while_loop(
            unfinished, again, (state.population, first, jnp.zeros((), jnp.int32))
        )
        fallback = sample_unevaluated(jax.random.fold_in(key, max_repeats + 1), evaluated)
        return population, jnp.where(evaluated[child], fallback, child)

    def propose(state: EvolutionState, problem: Problem) -> tuple[Population, Array]:
        random_key, evolve_key = jax.random.split(jax.random.fold_in(state.key, state.record.step))
        evaluated = state.record.evaluated
        evolved, child = evolve(evolve_key, state, problem, evaluated)
        begun = state.population.births >= population_size
        population = jax.tree.map(
            lambda new, old: jnp.where(begun, new, old), evolved, state.population
        )
        return population, jnp.where(begun, child, sample_unevaluated(random_key, evaluated))

    def suggest(state: EvolutionState, problem: Problem, hyper: SearchHyper) -> Array:
        del hyper
        return propose(state, problem)[1]

    def observe(
        state: EvolutionState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[EvolutionState, SearchInfo]:
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        population = add(propose(state, problem)[0], index)
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

    return make_algorithm(init, suggest, observe)


def add(population: Population, index: Array) -> Population:
    """The population with a row in place of its oldest member."""
    position = population.births % population.members.shape[0]
    members = population.members.at[position].set(index.astype(jnp.int32))
    return Population(members, population.births + 1)
