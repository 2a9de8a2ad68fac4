"""Settings and numbers of evaluations that a search refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import search
from nmjax.errors import NmjaxError
from nmjax.search import (
    RandomSearch,
    SpaceSearch,
    default_hyper,
    run,
    run_batch,
    start,
    suggest_next_point,
)
from tests.related import SPACE

ALGORITHM = RandomSearch(capacity=12)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("BananasSearch", {"capacity": 0}),
        ("BananasSearch", {"batch": 0}),
        ("BayesianSearch", {"capacity": 0}),
        ("FSBOSearch", {"capacity": -1}),
        ("FSBOSearch", {"initial": 0}),
        ("GPSearch", {"capacity": 0}),
        ("GPSearch", {"initial": 0}),
        ("LocalSearch", {"capacity": 0}),
        ("PastBestSearch", {"capacity": 0}),
        ("RandomSearch", {"capacity": 0}),
        ("RegularizedEvolution", {"capacity": 0}),
        ("RGPESearch", {"capacity": 0}),
        ("RGPESearch", {"draws": 0}),
        ("BananasSearch", {"epochs": -1}),
        ("BayesianSearch", {"capacity": "9"}),
        ("BayesianSearch", {"capacity": 2.5}),
        ("FSBOSearch", {"updates": 0}),
        ("FSBOSearch", {"rows": 0}),
        ("GPSearch", {"steps": -1}),
    ],
)
def test_sizes_are_positive(name, sizes):
    ((size, given),) = sizes.items()
    with pytest.raises(NmjaxError, match=f"Got {size}={given!r}; give 1 or more"):
        getattr(search, name)(**sizes)


@pytest.mark.parametrize("rate", [-0.1, 0, float("nan"), "0.1"])
@pytest.mark.parametrize(
    ("name", "setting"),
    [("BananasSearch", "rate"), ("GPSearch", "rate"), ("FSBOSearch", "meta_rate")],
)
def test_learning_rates_are_positive(name, setting, rate):
    with pytest.raises(NmjaxError, match=f"Got {setting}={rate!r}; give a positive number"):
        getattr(search, name)(**{setting: rate})


@pytest.mark.parametrize(
    "make",
    [
        lambda: search.BayesianSearch(acquisition="expected_improvement"),
        lambda: SpaceSearch(SPACE, acquisition="expected_improvement"),
        lambda: search.Robust("expected_improvement"),
        lambda: RandomSearch(evaluate="table"),
        lambda: SpaceSearch("a space"),
    ],
)
def test_words_in_place_of_functions_are_refused(make):
    with pytest.raises(NmjaxError, match=r"Got .*; give a"):
        make()


@pytest.mark.parametrize("budget", [-1, 2.5, "9", None])
def test_budgets_are_whole_numbers(budget):
    with pytest.raises(NmjaxError, match="Got a budget of"):
        default_hyper(budget)


def test_a_batch_needs_a_search_and_one_axis_of_keys(problem):
    key = jax.random.key(0)
    with pytest.raises(NmjaxError, match="Got 'transfer' as algorithm"):
        run_batch(key[None], problem, "transfer", steps=1)
    for wrong, got in [(key, r"key<fry>\[\]"), (np.zeros(2, np.uint32), r"uint32\[2\]")]:
        with pytest.raises(NmjaxError, match=rf"Got {got} as keys; give one key for each search"):
            run_batch(wrong, problem, ALGORITHM, steps=1)


def test_sizes_of_a_search_of_a_space_are_positive():
    with pytest.raises(NmjaxError, match="Got capacity=0, starts=0"):
        SpaceSearch(SPACE, capacity=0, starts=0)


def test_more_steps_than_the_capacity_are_refused(problem):
    keys, hyper, more = jax.random.split(jax.random.key(0), 4), default_hyper(12), default_hyper(13)
    state, evaluated = ALGORITHM.init(keys[0], problem, hyper), (jnp.arange(13), problem.score[:13])
    says = "=13 for a search of capacity=12; make the search with capacity=13"
    with pytest.raises(NmjaxError, match="Got steps" + says):
        run(state, problem, ALGORITHM, hyper, steps=13)
    with pytest.raises(NmjaxError, match="Got steps" + says):
        run_batch(keys[1:2], problem, ALGORITHM, hyper, steps=13)
    with pytest.raises(NmjaxError, match="Got budget" + says):
        start(keys[2], problem, ALGORITHM, more)
    with pytest.raises(NmjaxError, match="Got evaluations" + says):
        suggest_next_point(keys[3], problem, ALGORITHM, hyper, *evaluated)


def test_unknown_sizes_are_not_checked(problem):
    """A budget that is traced, and a search that keeps no record."""

    @jax.jit
    def begun(key, budget):
        hyper = default_hyper(12)._replace(budget=budget)
        return start(key, problem, ALGORITHM, hyper).record.step

    assert begun(jax.random.key(0), 13) == 0

    class Counting(RandomSearch):
        def init(self, key, problem, hyper):
            return jnp.zeros((), jnp.int32)

        def step(self, state, problem, hyper):
            return state + 1, state

    counting = Counting(capacity=12)
    keys = jax.random.key(0)[None]
    final, _ = run_batch(keys, problem, counting, default_hyper(), steps=200)
    assert final == 200
