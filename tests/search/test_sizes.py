"""Sizes and numbers of evaluations that a search refuses."""

import jax
import jax.numpy as jnp
import pytest

from nmjax import search
from nmjax.errors import NmjaxError
from nmjax.search import (
    default_hyper,
    random_search,
    run,
    run_batch,
    space_search,
    start_study,
    suggest_next_point,
)
from tests.related import SPACE

ALGORITHM = random_search(capacity=12)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("bananas_search", {"capacity": 0}),
        ("bananas_search", {"batch": 0}),
        ("bayesian_search", {"capacity": 0}),
        ("fsbo_search", {"capacity": -1}),
        ("fsbo_search", {"initial": 0}),
        ("gp_search", {"capacity": 0}),
        ("gp_search", {"initial": 0}),
        ("local_search", {"capacity": 0}),
        ("past_best_search", {"capacity": 0}),
        ("random_search", {"capacity": 0}),
        ("regularized_evolution", {"capacity": 0}),
        ("rgpe_search", {"capacity": 0}),
        ("rgpe_search", {"draws": 0}),
    ],
)
def test_sizes_are_positive(name, sizes):
    ((size, given),) = sizes.items()
    with pytest.raises(NmjaxError, match=f"Got {size}={given}; give 1 or more"):
        getattr(search, name)(**sizes)


def test_sizes_of_a_search_of_a_space_are_positive():
    with pytest.raises(NmjaxError, match="Got capacity=0, starts=0"):
        space_search(SPACE, capacity=0, starts=0)


def test_no_more_is_asked_for_than_there_is_room_for(problem):
    keys, hyper, more = jax.random.split(jax.random.key(0), 4), default_hyper(12), default_hyper(13)
    start, evaluated = ALGORITHM.init(keys[0], problem, hyper), (jnp.arange(13), problem.score[:13])
    says = "=13 for a search of capacity=12; make the search with capacity=13"
    with pytest.raises(NmjaxError, match="Got length" + says):
        run(start, problem, hyper, algorithm=ALGORITHM, length=13)
    with pytest.raises(NmjaxError, match="Got length" + says):
        run_batch(keys[1:2], problem, hyper, algorithm=ALGORITHM, length=13)
    with pytest.raises(NmjaxError, match="Got budget" + says):
        start_study(keys[2], problem, more, algorithm=ALGORITHM)
    with pytest.raises(NmjaxError, match="Got evaluations" + says):
        suggest_next_point(keys[3], problem, hyper, *evaluated, algorithm=ALGORITHM)


def test_what_is_not_known_is_not_checked(problem):
    """A budget that is traced, and a search that keeps no record."""

    @jax.jit
    def begun(key, budget):
        hyper = default_hyper(12)._replace(budget=budget)
        return start_study(key, problem, hyper, algorithm=ALGORITHM).state.record.step

    assert begun(jax.random.key(0), 13) == 0
    counting = ALGORITHM._replace(
        init=lambda key, problem, hyper: jnp.zeros((), jnp.int32),
        step=lambda state, problem, hyper: (state + 1, state),
    )
    keys = jax.random.key(0)[None]
    final, _ = run_batch(keys, problem, default_hyper(), algorithm=counting, length=200)
    assert final == 200
