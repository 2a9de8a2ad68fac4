"""Maximization by evolution of a population."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.maximizers.objective import Objective, fittest
from nmjax.search.maximizers.points import canonical_points, mutate_points
from nmjax.types import Array


@dataclass(frozen=True, kw_only=True)
class EvolutionaryAscent:
    """Evolve a population in which each member has one child, mutated in one choice.

    A (mu + lambda) evolution strategy (Beyer and Schwefel, 2002) in which mu and lambda equal the
    population size. The best distinct members survive. The first population is the best of the
    starts.

    Attributes:
      population: Number of members, and of children in each generation.
      generations: Number of generations.

    Raises:
      NmjaxError: `population` is not positive, or `generations` is negative.

    Example:
      >>> from nmjax.search import EvolutionaryAscent
      >>> EvolutionaryAscent(population=8)
      EvolutionaryAscent(population=8, generations=24)
    """

    population: int = 32
    generations: int = 24

    def __post_init__(self) -> None:
        if self.population < 1 or self.generations < 0:
            raise NmjaxError(
                f"Got population={self.population}, generations={self.generations}; give a "
                "population of 1 or more, and generations of 0 or more."
            )

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return the points [m, C + R] that were reached and their values float[m]."""
        space, population = objective.space, self.population

        def breed(generation: Array, members: tuple[Array, Array]) -> tuple[Array, Array]:
            parents, worth = members
            mutate_key = jax.random.fold_in(key, generation)
            children = canonical_points(space, mutate_points(mutate_key, space, parents))
            everyone = jnp.concatenate([parents, children])
            fitness = jnp.append(worth, objective.of_architectures(children))
            return fittest(everyone, _once(everyone, fitness), population)

        first = starts[jnp.arange(max(population, len(starts))) % len(starts)]
        first = canonical_points(space, first)
        members = fittest(first, _once(first, objective.of_architectures(first)), population)
        last: tuple[Array, Array] = jax.lax.fori_loop(0, self.generations, breed, members)
        return last


def _once(architecture: Array, worth: Array) -> Array:
    """Return the values float[n] of points [n, C + R], -inf for repetitions of a point."""
    same = jnp.all(architecture[:, None] == architecture[None, :], axis=-1)
    return jnp.where(jnp.any(jnp.tril(same, -1), axis=1), -jnp.inf, worth)
