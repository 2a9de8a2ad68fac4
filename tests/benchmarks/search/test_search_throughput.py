import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.search.search_throughput import refit_pool
from nmjax.search import BayesianSearch, default_hyper, make_problem, run
from tests.related import SPACE, plain_knowledge, related_tasks

BUDGET = 12


@pytest.mark.slow
def test_the_slow_way_is_the_same_search():
    """Rows, transfer_weight and information of a search that factors all anew, with failures."""
    tasks = related_tasks()
    score = np.where(np.arange(len(tasks.pool)) % 5, tasks.scores[-1], np.nan)
    problem = make_problem(SPACE, tasks.pool, score, plain_knowledge(3))
    hyper, traces = default_hyper(BUDGET), []
    for update in ({}, {"observe_model": refit_pool}):
        algorithm = BayesianSearch(capacity=16, **update)
        start = jax.jit(algorithm.init)(jax.random.key(0), problem, hyper)
        traces.append(run(start, problem, algorithm, hyper, steps=BUDGET)[1])
    assert jnp.isnan(traces[0].score).any()
    np.testing.assert_array_equal(traces[0].row, traces[1].row)
    for fast, slow in zip(*traces, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=2e-3, atol=1e-4)
