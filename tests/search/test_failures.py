"""In all searches, non-finite scores are failed evaluations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.search import default_hyper, run, run_batch
from nmjax.testing.compare import assert_equal
from tests.related import related_tasks
from tests.search.every import CAPACITY, QUICK, SEARCHES, problem_for, with_scores


def where_every_third(value):
    def change(score):
        return jnp.where(jnp.arange(len(score)) % 3 == 0, value, score)

    return change


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SEARCHES]
)
def test_an_infinite_score_is_a_failure(unoptimized, name):
    algorithm, hyper = SEARCHES[name], default_hyper(CAPACITY)
    start = jax.jit(algorithm.init)(jax.random.key(0), problem_for(name), hyper)

    def played(value):
        problem = with_scores(problem_for(name), where_every_third(jnp.float32(value)))
        return run(start, problem, algorithm, hyper, steps=CAPACITY)

    failed = played(np.nan)
    assert 0 < np.isnan(failed[1].score).sum() < CAPACITY
    for value in (-np.inf, np.inf):
        assert_equal(f"a search in which {value} came", played(value), failed)


def rows_and_scores(name, change, *, ignored=False):
    """Trace of a search, with or without the probability of success as a factor."""
    problem = with_scores(problem_for(name), change)
    problem = problem._replace(failures=None) if ignored else problem
    keys = jax.random.split(jax.random.key(1), 8)
    return run_batch(keys, problem, SEARCHES[name], default_hyper(CAPACITY), steps=CAPACITY)[1]


def best_option_fails(score):
    option = related_tasks().pool[:, 2]
    best = option[np.nanargmax(related_tasks().scores[-1])]
    return jnp.where(option == best, jnp.nan, score)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bayesian", "space"])
def test_failures_of_an_option_are_learned(unoptimized, name):
    score = rows_and_scores(name, best_option_fails).score
    assert np.isnan(score).any()
    assert np.isnan(score[:, CAPACITY // 2 :]).mean() < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bayesian", "space"])
def test_where_nothing_fails_the_same_rows_are_evaluated(unoptimized, name):
    aware, ignorant = (
        rows_and_scores(name, lambda score: score, ignored=ignored) for ignored in (False, True)
    )
    assert_equal("a search in which nothing fails", aware, ignorant)
