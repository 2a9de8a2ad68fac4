"""Choice of the search by the size of the space and the kinds of its choices."""

import jax.numpy as jnp

from nmjax.knowledge import MetaKnowledge, require_space
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
        return BayesianSearch(capacity=capacity), make_problem(space, pool, None, knowledge)
    return SpaceSearch(space, capacity=capacity), make_space_problem(space, knowledge)
