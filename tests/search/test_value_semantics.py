"""Searches, acquisitions and maximizers compare and hash by value, so programs are shared."""

import inspect

import jax
import pytest

from nmjax import search
from nmjax.evaluation.methods import METHODS
from nmjax.search import BayesianSearch, SpaceSearch, default_hyper, get_acquisition, run_batch
from nmjax.search.acquisitions import ACQUISITIONS
from tests.related import SPACE

MAXIMIZERS = (
    "EvolutionaryAscent",
    "Exhaustive",
    "ExhaustiveScan",
    "GradientAscent",
    "GuidedAscent",
    "LocalAscent",
)
SEARCHES = {method.search.__name__: method.search for method in METHODS.values()}


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_with_equal_fields_are_equal(name):
    factory = SEARCHES[name]
    assert factory() == factory(capacity=128)
    assert hash(factory()) == hash(factory(capacity=128))
    assert factory(capacity=7) == factory(capacity=7)
    assert factory(capacity=7) != factory()
    assert inspect.signature(factory).parameters["capacity"].default == 128
    assert factory.__doc__


def test_different_searches_with_equal_fields_differ():
    assert search.RandomSearch() != search.PastBestSearch()


def test_searches_of_a_space_with_equal_fields_are_equal():
    assert SpaceSearch(SPACE) == SpaceSearch(space=SPACE, capacity=128)
    assert hash(SpaceSearch(SPACE)) == hash(SpaceSearch(space=SPACE, capacity=128))
    assert SpaceSearch(SPACE) != SpaceSearch(SPACE, starts=2)


@pytest.mark.parametrize("name", MAXIMIZERS)
def test_maximizers_with_equal_fields_are_equal(name):
    factory = getattr(search, name)
    assert factory() == factory()
    assert hash(factory()) == hash(factory())


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_acquisitions_with_equal_fields_are_equal(name):
    assert get_acquisition(name) == get_acquisition(name)
    assert hash(get_acquisition(name)) == hash(get_acquisition(name))
    assert sum(get_acquisition(name) == get_acquisition(other) for other in ACQUISITIONS) == 1


def test_a_search_in_place_is_traced_once(problem):
    traces = []

    def evaluate(problem, index):
        traces.append(index)
        return problem.score[index]

    for seed in range(2):
        algorithm = BayesianSearch(capacity=4, evaluate=evaluate)
        keys = jax.random.split(jax.random.key(seed), 1)
        run_batch(keys, problem, algorithm, default_hyper(2), steps=2)
    assert len(traces) == 1
