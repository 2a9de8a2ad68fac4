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


def failing(name, change):
    """Rows of a search with and without the probability of success as a factor."""
    algorithm, problem = SEARCHES[name], with_scores(problem_for(name), change)
    keys = jax.random.split(jax.random.key(1), 8)
    return [
        run_batch(keys, each, algorithm, default_hyper(CAPACITY), steps=CAPACITY)[1]
        for each in (problem, problem._replace(failures=None))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bayesian", "space"])
def test_failures_of_an_option_are_learned(unoptimized, name):
    aware, unaware = failing(name, lambda score: score)
    assert_equal("a search in which nothing fails", aware, unaware)

    option = related_tasks().pool[:, 2]
    best = option[np.nanargmax(related_tasks().scores[-1])]
    aware, unaware = failing(name, lambda score: jnp.where(option == best, jnp.nan, score))
    later = slice(CAPACITY // 2, None)
    shares = [np.isnan(trace.score[:, later]).mean() for trace in (aware, unaware)]
    assert shares[0] < min(shares[1], 0.2)
