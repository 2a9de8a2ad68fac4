"""Searches of a space too large to enumerate, by their names in the result file."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.search.additive_tasks import (
    total,
)
from nmjax.knowledge import (
    pool_features,
    sample_architectures,
    uniform_sampling,
    update_sampling_distribution,
)
from nmjax.search import (
    EvolutionaryAscent,
    SpaceProblem,
    SpaceSearch,
    default_hyper,
    run,
    with_flat_prior,
)
from nmjax.search.maximizers import Objective, is_among
from nmjax.spaces import Space, encode, mutate, sample
from nmjax.types import Array


def evaluate(problem: SpaceProblem, architecture: Array) -> Array:
    """The score float[] of architecture int32[C] on the problem's target."""
    return total(problem.target, architecture)


Search = Callable[[Array, SpaceProblem], Array]


def modeled(space: Space, budget: int, transfer: bool, **settings: Any) -> Search:
    """(key, problem) -> scores float[B] of a search with a model."""
    algorithm = SpaceSearch(space, evaluate=evaluate, capacity=budget, **settings)
    hyper = default_hyper(budget)

    def search(key: Array, problem: SpaceProblem) -> Array:
        problem = problem if transfer else with_flat_prior(problem)
        state = algorithm.init(key, problem, hyper)
        return run(state, problem, algorithm, hyper, steps=budget)[1].score

    return search


def random(space: Space, budget: int) -> Search:
    """Uniform random architectures; repetitions are negligible in a space this large."""

    def search(key: Array, problem: SpaceProblem) -> Array:
        return jax.vmap(partial(evaluate, problem))(sample(key, space, (budget,)))

    return search


def evolution(space: Space, budget: int, population: int, tournament: int) -> Search:
    """Regularized evolution (Real et al., 2019, algorithm 1): the oldest member dies."""

    def search(key: Array, problem: SpaceProblem) -> Array:
        first_key, step_key = jax.random.split(key)
        first = sample(first_key, space, (population,))
        scored = jax.vmap(partial(evaluate, problem))(first)
        architecture = (
            jnp.full((budget, space.num_choices), -1, jnp.int32).at[:population].set(first)
        )

        def child_of(key: Array, parent: Array, evaluated: Array) -> Array:
            def again(carried: tuple[Array, Array]) -> tuple[Array, Array]:
                key, child = carried
                key, mutate_key = jax.random.split(key)
                return key, mutate(mutate_key, space, child)

            key, mutate_key = jax.random.split(key)
            first = key, mutate(mutate_key, space, parent)
            return jax.lax.while_loop(lambda c: is_among(c[1], evaluated), again, first)[1]

        def step(carried: tuple[Array, Array], number: Array) -> tuple[tuple[Array, Array], None]:
            architecture, score = carried
            entrant_key, child_key = jax.random.split(jax.random.fold_in(step_key, number))
            ages = jax.random.choice(entrant_key, population, (tournament,), replace=False)
            entrants = number - 1 - ages
            parent = architecture[entrants[jnp.argmax(score[entrants])]]
            child = child_of(child_key, parent, architecture)
            score = score.at[number].set(evaluate(problem, child))
            return (architecture.at[number].set(child), score), None

        score = jnp.full((budget,), -jnp.inf).at[:population].set(scored)
        numbers = jnp.arange(population, budget)
        return jax.lax.scan(step, (architecture, score), numbers)[0][1]

    return search


def past_best(space: Space, budget: int) -> Search:
    """Architectures ranked by the mean prediction of the past, as found by evolution."""
    ascent = EvolutionaryAscent(population=budget, generations=100)

    def search(key: Array, problem: SpaceProblem) -> Array:
        start_key, climb_key = jax.random.split(key)

        def predicted(encoding: Array) -> Array:
            return pool_features(problem.knowledge, encoding).past_mean

        where = update_sampling_distribution(
            uniform_sampling(space), problem.knowledge, transfer_weight=1
        )
        starts, _ = sample_architectures(start_key, where, space=space, shape=(budget,))
        objective = Objective(space, predicted, lambda at: predicted(encode(space, at)))
        found, _ = ascent(climb_key, objective, starts)
        return jax.vmap(partial(evaluate, problem))(found)

    return search


def methods(space: Space, budget: int) -> dict[str, Search]:
    """Searches by their names in the result file."""
    of = partial(modeled, space, budget)
    return {
        "transfer": of(True),
        "kernel-transfer": of(False),
        "transfer, by evolution": of(True, maximizer=EvolutionaryAscent()),
        "past-best": past_best(space, budget),
        "evolution, 20 and 5": evolution(space, budget, min(20, budget), min(5, budget)),
        "evolution, 8 and 4": evolution(space, budget, 8, 4),
        "random": random(space, budget),
    }
