"""A search that is written where it is used is the same one each time."""

import inspect

import jax
import pytest

from nmjax import search
from nmjax.cached_factory import cached_factory
from nmjax.evaluation.methods import METHODS
from nmjax.search import bayesian_search, default_hyper, run_batch, space_search
from tests.related import SPACE

MAXIMIZERS = ("evolutionary_ascent", "exhaustive", "gradient_ascent", "local_ascent")
SEARCHES = {method.make.__name__: method.make for method in METHODS.values()}


@pytest.mark.parametrize("name", SEARCHES)
def test_equal_arguments_give_the_very_same_search(name):
    factory = SEARCHES[name]
    assert factory() is factory()
    assert factory() is factory(capacity=128)
    assert factory(capacity=7) is factory(capacity=7)
    assert factory(capacity=7) is not factory()
    assert inspect.signature(factory).parameters["capacity"].default == 128
    assert factory.__doc__


def test_equal_arguments_give_the_very_same_search_of_a_space():
    assert space_search(SPACE) is space_search(space=SPACE, capacity=128)
    assert space_search(SPACE) is not space_search(SPACE, starts=2)


@pytest.mark.parametrize("name", MAXIMIZERS)
def test_equal_arguments_give_the_very_same_maximizer(name):
    factory = getattr(search, name)
    assert factory() is factory()


def test_a_search_in_place_is_traced_once(problem):
    traces = []

    def evaluate(problem, index):
        traces.append(index)
        return problem.score[index]

    for seed in range(2):
        algorithm = bayesian_search(capacity=4, evaluate=evaluate)
        keys = jax.random.split(jax.random.key(seed), 1)
        run_batch(keys, problem, default_hyper(2), algorithm=algorithm, length=2)
    assert len(traces) == 1


def test_what_cannot_be_hashed_is_made_anew():
    @cached_factory
    def boxed(*, content):
        return [content]

    assert boxed(content=(1,)) is boxed(content=(1,))
    assert boxed(content=1) is not boxed(content=1.0)
    assert boxed(content=[1]) is not boxed(content=[1])
    assert boxed(content=[1]) == [[1]]
    with pytest.raises(TypeError, match=r"boxed.*got an unexpected keyword argument 'contents'"):
        boxed(contents=1)
