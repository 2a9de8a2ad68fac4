"""In all searches, non-finite scores are failed evaluations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.search import default_hyper, run
from nmjax.testing.compare import assert_equal
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
