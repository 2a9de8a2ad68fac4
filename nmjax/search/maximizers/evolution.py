"""A population that evolves by changes of one choice."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.maximizers.objective import Objective, fittest
from nmjax.search.maximizers.points import canonical_points, mutate_points
from nmjax.types import Array


@dataclass(frozen=True, kw_only=True)
class EvolutionaryAscent:
    """Evolve a population: each member has a child by one change, and the best distinct ones live.

    A (mu + lambda) evolution strategy (Beyer and Schwefel, 2002) whose mu and lambda are the
    population size. The first population is the best of the starts.

    Attributes:
      population: number of members, and of children of a generation.
      generations: number of generations.

    Raises:
      NmjaxError: the population is empty, or the number of generations is negative.
    """

    population: int = 32
    generations: int = 24

    def __post_init__(self) -> None:
        if self.population < 1 or self.generations < 0:
            raise NmjaxError(
                f"Got population={self.population}, generations={self.generations}; give one or "
                "more, and 0 or more."
            )

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return the architectures that were reached and their values."""
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
        return jax.lax.fori_loop(0, self.generations, breed, members)


def _once(architecture: Array, worth: Array) -> Array:
    """The values float[n] of points [n, C + R], -inf for a point that occurred before."""
    same = jnp.all(architecture[:, None] == architecture[None, :], axis=-1)
    return jnp.where(jnp.any(jnp.tril(same, -1), axis=1), -jnp.inf, worth)
