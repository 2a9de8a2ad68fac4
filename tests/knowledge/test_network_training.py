from dataclasses import replace

import jax
import numpy as np
import pytest

from nmjax.knowledge import learn_from_history, without_network
from nmjax.knowledge.features import network_features, standardize_encoding
from nmjax.search import BayesianSearch, default_hyper, make_problem, run_batch
from nmjax.spaces import encode
from tests.related import (
    CONFIG,
    METRIC,
    SOURCES,
    SPACE,
    learn_related,
    related_history,
    related_tasks,
)


@pytest.mark.slow
def test_the_network_predicts_a_new_related_task():
    """Its first feature is its prediction before any evaluation of the task."""
    knowledge, info = learn_related()
    tasks, params = related_tasks(), knowledge.params
    x = standardize_encoding(params.location, params.scale, encode(SPACE, tasks.pool))
    predicted = np.asarray(network_features(params.network, x))[:, 0]
    assert np.corrcoef(predicted, tasks.scores[-1])[0, 1] > 0.6
    assert info.train_loss[-1] < info.train_loss[0]
    assert 0 < info.best_step <= CONFIG.meta_steps


@pytest.mark.slow
def test_knowledge_without_its_network_is_that_of_learning_without():
    knowledge, _ = learn_related()
    without = without_network(knowledge)
    history = jax.tree.map(lambda leaf: leaf[:-1], related_history())
    plain, _ = learn_from_history(
        jax.random.key(0),
        history,
        METRIC,
        space=SPACE,
        config=replace(CONFIG, network=False),
    )
    np.testing.assert_allclose(without.prior.mean, plain.prior.mean, rtol=1e-3, atol=1e-4)
    assert without.prior.mean.shape == (2, 1 + SOURCES)
    assert without_network(plain) is plain


@pytest.mark.slow
def test_a_search_runs_with_a_network_that_is_left_out():
    """A weight of 0 changes no evaluation."""
    knowledge, _ = learn_related()
    weights = np.float32([np.log(0.5), -np.inf, np.log(0.5)])
    left_out = knowledge.replace(log_weights=jax.numpy.asarray(weights))
    without = without_network(knowledge).replace(log_weights=jax.numpy.asarray(weights[[0, 2]]))
    tasks, keys = related_tasks(), jax.random.split(jax.random.key(0), 3)
    rows = []
    for known in (left_out, without):
        problem = make_problem(SPACE, tasks.pool, tasks.scores[-1], known)
        search, hyper = BayesianSearch(capacity=12), default_hyper(12)
        rows.append(run_batch(keys, problem, search, hyper, steps=12)[1].row)
    np.testing.assert_array_equal(*rows)
