"""A population that evolves by changes of one choice."""

import jax
import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
from nmjax.errors import NmjaxError
from nmjax.search.maximizers.objective import Maximizer, Objective, fittest
from nmjax.spaces import canonicalize, mutate
from nmjax.types import Array


@cached_factory
def evolutionary_ascent(*, population: int = 32, generations: int = 24) -> Maximizer:
    """Every member has a child by one change, and the best of both live on, no two the same.

    A (mu + lambda) evolution strategy (Beyer and Schwefel, 2002) whose mu and lambda are the
    population, which begins with the best of the starts.

    Args:
      population: members, and children of a generation.
      generations: of children.

    Raises:
      NmjaxError: the population is empty, or a negative number of generations.
    """
    if population < 1 or generations < 0:
        raise NmjaxError(
            f"Got population={population}, generations={generations}; give one or more, and 0 or "
            "more."
        )

    def maximize(key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        space = objective.space

        def breed(generation: Array, members: tuple[Array, Array]) -> tuple[Array, Array]:
            parents, worth = members
            mutate_key = jax.random.fold_in(key, generation)
            children = canonicalize(space, mutate(mutate_key, space, parents))
            everyone = jnp.concatenate([parents, children])
            fitness = jnp.append(worth, objective.of_architectures(children))
            return fittest(everyone, _once(everyone, fitness), population)

        first = starts[jnp.arange(max(population, len(starts))) % len(starts)]
        first = canonicalize(space, first)
        members = fittest(first, _once(first, objective.of_architectures(first)), population)
        return jax.lax.fori_loop(0, generations, breed, members)

    return maximize


def _once(architecture: Array, worth: Array) -> Array:
    """What int32[n, C] are worth, float[n], -inf where one that is the same comes before."""
    same = jnp.all(architecture[:, None] == architecture[None, :], axis=-1)
    return jnp.where(jnp.any(jnp.tril(same, -1), axis=1), -jnp.inf, worth)
