import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import with_capacity
from nmjax.search import RGPESearch, default_hyper, make_problem, run_batch
from nmjax.testing import check_search
from tests.related import SPACE, plain_knowledge, related_tasks

SOURCES, SEEDS, BUDGET = 3, 4, 32
ALGORITHM = RGPESearch(capacity=BUDGET, draws=16)


@pytest.fixture(scope="module")
def problem():
    tasks = related_tasks()
    return make_problem(SPACE, tasks.pool, tasks.scores[-1], plain_knowledge(SOURCES))


def played(problem, score):
    """Rows and scores [S, B] that S searches evaluate."""
    scored = problem._replace(score=jnp.asarray(score, jnp.float32))
    keys = jax.random.split(jax.random.key(0), SEEDS)
    final, trace = run_batch(keys, scored, ALGORITHM, default_hyper(BUDGET), steps=BUDGET)
    assert trace.counted.all()
    return np.asarray(final.record.row), np.asarray(trace.score)


@pytest.mark.slow
def test_conformance(problem):
    check_search(RGPESearch(capacity=8, draws=8), problem, default_hyper(6))


@pytest.mark.slow
def test_it_follows_the_source_that_ranks_alike_and_leaves_those_that_do_not(problem):
    scores = np.asarray(problem.pool.features[:, 1])
    row, found = played(problem, scores)
    np.testing.assert_array_equal(row[:, 0], np.argmax(problem.past_mean))
    assert (found[:, :6].max(1) == scores.max()).all()
    _, found = played(problem, -problem.past_mean)
    reached = np.mean(found.max(1)[:, None] > np.asarray(-problem.past_mean)[None], axis=1)
    assert (reached > 0.9).all()


def test_padding_sources_get_no_weight(problem):
    """Features of padding do not change the first row."""
    tasks, knowledge = related_tasks(), with_capacity(plain_knowledge(SOURCES), 6)
    roomy = make_problem(SPACE, tasks.pool, tasks.scores[-1], knowledge)
    noise = 100 * jax.random.normal(jax.random.key(1), (len(tasks.pool), 3))
    features = roomy.pool.features.at[:, 1 + SOURCES : 7].set(noise)
    roomy = roomy._replace(pool=roomy.pool._replace(features=features))

    @jax.jit
    def first(problem):
        hyper = default_hyper(BUDGET)
        state = ALGORITHM.init(jax.random.key(0), problem, hyper)
        return ALGORITHM.suggest(state, problem, hyper)

    assert first(roomy) == first(problem)


def test_the_sources_are_required(problem):
    with pytest.raises(NmjaxError, match="make_problem"):
        ALGORITHM.init(jax.random.key(0), problem._replace(knowledge=None), default_hyper(4))
