"""Choice of the search by the size of the space and the kinds of its choices."""

import jax.numpy as jnp

from nmjax.knowledge import MetaKnowledge, require_space
from nmjax.search.acquisitions import LogExpectedImprovement
from nmjax.search.algorithm import AnySearch
from nmjax.search.bayesian import BayesianSearch
from nmjax.search.combinatorial import SpaceSearch
from nmjax.search.problem import Problem, SpaceProblem, make_problem, make_space_problem
from nmjax.spaces import Space, enumerate_architectures

ENUMERATED = 20_000
"""Largest number of architectures of a space that is enumerated."""


def is_enumerated(space: Space) -> bool:
    """Return whether `choose_search` enumerates the space."""
    return not space.continuous and space.size <= ENUMERATED


def choose_acquisition(space: Space) -> LogExpectedImprovement:
    """Choose expected improvement, of the noise-free score if the space has real-valued choices.

    Example:
      >>> from nmjax.search.choose import choose_acquisition
      >>> from nmjax.spaces import Real, Space
      >>> choose_acquisition(Space(rate=Real(0.0, 1.0)))
      LogExpectedImprovement(noise_free=True)
    """
    return LogExpectedImprovement(noise_free=bool(space.continuous))


def pool_search(space: Space, capacity: int) -> BayesianSearch:
    """Return the default search of a pool of a space, of at most `capacity` evaluations.

    Example:
      >>> from nmjax.search.choose import pool_search
      >>> from nmjax.spaces import Real, Space
      >>> pool_search(Space(rate=Real(0.0, 1.0)), 16).acquisition
      LogExpectedImprovement(noise_free=True)
    """
    return BayesianSearch(capacity=capacity, acquisition=choose_acquisition(space))


def choose_search(
    space: Space, knowledge: MetaKnowledge, *, capacity: int = 128
) -> tuple[AnySearch, Problem | SpaceProblem]:
    """Choose a search for a space of any size, and make its problem.

    A space of discrete choices with at most 20,000 combinations of options is enumerated:
    `BayesianSearch` scores every architecture at every step, and suggests rows of
    `nmjax.spaces.enumerate_architectures(space)`. For any other space, `SpaceSearch` maximizes the
    acquisition over the space and suggests architectures int32[C], or a `Candidate` if there are
    real-valued choices. The problem has no scores: evaluate what `suggest` returns, and pass the
    score to `observe`.

    Args:
      space: Space of discrete, real-valued and conditional choices.
      knowledge: Knowledge of the same space, from `nmjax.learn` or `default_knowledge`.
      capacity: B, the largest budget.

    Returns:
      The algorithm and the problem, as `start`, `suggest` and `observe` take them.

    Raises:
      NmjaxError: The knowledge belongs to another space, or the capacity is not positive.

    Example:
      >>> import jax
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import choose_search, start, suggest
      >>> from nmjax.spaces import Space, enumerate_architectures
      >>> space = Space(op=["conv", "skip"], width=[16, 32])
      >>> algorithm, problem = choose_search(space, default_knowledge(space), capacity=4)
      >>> state = start(jax.random.key(0), problem, algorithm)
      >>> row = suggest(state, problem, algorithm)
      >>> space.to_config(enumerate_architectures(space)[row])["width"] in (16, 32)
      True
    """
    require_space(knowledge, space)
    if is_enumerated(space):
        pool = jnp.asarray(enumerate_architectures(space))
        return pool_search(space, capacity), make_problem(space, pool, None, knowledge)
    search = SpaceSearch(space, capacity=capacity, acquisition=choose_acquisition(space))
    return search, make_space_problem(space, knowledge)
