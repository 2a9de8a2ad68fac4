import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.errors import NmjaxError
from nmjax.meta import deep_kernel
from nmjax.predictors import normal_scores
from nmjax.search import FSBOSearch, default_hyper, make_problem, unit_inputs
from nmjax.search.baselines.fsbo import NETWORK, learn_deep_kernel, warm_start
from nmjax.tasks import sample_episode
from nmjax.testing import check_search
from tests.related import SOURCES, SPACE, plain_knowledge, related_tasks


@pytest.fixture(scope="module")
def problem():
    tasks = related_tasks()
    return make_problem(SPACE, tasks.pool, tasks.scores[-1], plain_knowledge(SOURCES))


@pytest.mark.slow
def test_conformance(problem):
    algorithm = FSBOSearch(capacity=8, initial=2, updates=2, rows=6, steps=2)
    check_search(algorithm, problem, default_hyper(6))


@pytest.mark.slow
def test_meta_learning_improves_predictions_of_a_new_task(problem):
    """Meta-learning raises the log density of the scores of a target, in nats per evaluation."""
    learner = deep_kernel(NETWORK.features, optax.adam(1e-3))
    x = unit_inputs(problem, problem.pool.position)
    y = normal_scores(problem.score)

    @jax.jit
    def surprise(params):
        keys = jax.random.split(jax.random.key(1), 8)
        mask = jnp.ones_like(y, bool)
        tasks = jax.vmap(lambda key: sample_episode(key, x, y, mask, support=15, query=60))(keys)
        return jnp.mean(learner.evaluate(params, tasks, None))

    learn = jax.jit(learn_deep_kernel, static_argnames=("updates", "rows", "rate"))
    before, after = (
        float(surprise(learn(problem, updates=updates, rows=40, rate=3e-3))) for updates in (0, 150)
    )
    assert after < before - 0.1


def test_first_rows_leave_the_sources_the_least_regret(problem):
    predicted = np.asarray(problem.pool.features[:, 1 : 1 + SOURCES])
    rows = warm_start(problem, number=3)
    best = np.full(SOURCES, -np.inf)
    for row in np.asarray(rows):
        reached = np.maximum(best, predicted).mean(axis=1)
        np.testing.assert_allclose(reached[row], reached.max(), rtol=1e-6)
        best = np.maximum(best, predicted[row])


def test_the_sources_are_required(problem):
    with pytest.raises(NmjaxError, match="make_problem"):
        warm_start(problem._replace(knowledge=None), number=3)
