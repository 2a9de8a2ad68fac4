"""The search follows the size and the kind of the space."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import default_knowledge
from nmjax.search import (
    BayesianSearch,
    Candidate,
    LogExpectedImprovement,
    Problem,
    SpaceProblem,
    SpaceSearch,
    choose_search,
    observe,
    start,
    suggest,
)
from nmjax.spaces import Real, Space, enumerate_architectures

OPTIONS = list("abcdefghij")


def discrete(choices, *, more=0):
    """10^choices combinations, times `more` if given."""
    extra = {"more": list(range(more))} if more else {}
    return Space("sized", **{f"c{i}": OPTIONS for i in range(choices)}, **extra)


def first_suggestions(space, count=2):
    """The first suggestions; the score of each is the number of its step."""
    algorithm, problem = choose_search(space, default_knowledge(space), capacity=4)
    state, found = start(jax.random.key(0), problem, algorithm), []
    for score in range(count):
        found.append(suggest(state, problem, algorithm))
        state, info = observe(state, problem, algorithm, None, found[-1], score)
        assert bool(info.counted)
    return algorithm, problem, found


def test_a_small_discrete_space_is_enumerated():
    space = discrete(2)
    algorithm, problem, found = first_suggestions(space)
    assert algorithm == BayesianSearch(capacity=4)
    assert isinstance(problem, Problem)
    assert problem.score.shape == (len(enumerate_architectures(space)),) == (100,)
    assert len({int(row) for row in found}) == 2


def test_a_mixed_space_is_not():
    space = Space("mixed", op=["conv", "skip"], rate=Real(1e-4, 1e-1, log=True))
    algorithm, problem, found = first_suggestions(space)
    acquisition = LogExpectedImprovement(noise_free=True)
    assert algorithm == SpaceSearch(space, capacity=4, acquisition=acquisition)
    assert isinstance(problem, SpaceProblem)
    assert all(isinstance(one, Candidate) for one in found)
    assert all(1e-4 <= space.to_config(*one)["rate"] <= 1e-1 for one in found)


@pytest.mark.parametrize("choices", [pytest.param(7, marks=pytest.mark.slow), 12])
def test_a_large_discrete_space_is_not(choices):
    space = discrete(choices)
    assert space.size == 10**choices
    algorithm, problem, found = first_suggestions(space)
    assert algorithm == SpaceSearch(space, capacity=4)
    assert isinstance(problem, SpaceProblem)
    assert not np.array_equal(*found)
    assert set(space.to_config(found[0])) == set(space.names)


@pytest.mark.parametrize(("more", "kind"), [(2, BayesianSearch), (3, SpaceSearch)])
def test_the_limit_is_20_000_combinations(more, kind):
    space = discrete(4, more=more)
    assert type(choose_search(space, default_knowledge(space))[0]) is kind


def test_arguments_are_checked():
    small, large = discrete(2), discrete(12)
    known = {space: default_knowledge(space) for space in (small, large)}
    for space, other in ((small, large), (large, small)):
        with pytest.raises(NmjaxError, match="space"):
            choose_search(space, known[other])
        with pytest.raises(NmjaxError, match="capacity=0"):
            choose_search(space, known[space], capacity=0)


def test_scores_are_not_known():
    algorithm, problem = choose_search(discrete(2), default_knowledge(discrete(2)))
    assert bool(jnp.isnan(problem.score).all())
    assert algorithm.capacity == 128
