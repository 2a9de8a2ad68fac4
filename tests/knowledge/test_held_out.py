"""No leakage: held-out tasks do not train the network, and no source sees its own replay."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.knowledge import LearnConfig, learn_from_history
from nmjax.knowledge.features import predictor_network, standardize_encoding
from nmjax.knowledge.prior_fitting import Layout, Replays, fit_priors
from nmjax.spaces import encode
from nmjax.tasks import make_history
from tests.related import METRIC, SPACE, related_tasks

TASKS, ROWS = 4, 30
HELD_OUT = np.array([True, False, False, False])
CONFIG = LearnConfig(
    kernel_steps=20,
    meta_steps=4,
    evaluate_every=4,
    patience=1,
    support=5,
    query=10,
    replay_size=20,
    prior_steps=30,
)


@lru_cache
def past():
    """Architectures int[T, M, C] and scores float[T, M], of each task by a choice of its own."""
    pool, rng = related_tasks().pool, np.random.default_rng(3)
    architecture = np.stack([pool[rng.permutation(len(pool))[:ROWS]] for _ in range(TASKS)])
    own = np.stack([architecture[task, :, task] for task in range(TASKS)])
    score = own + 0.1 * rng.normal(size=own.shape)
    return architecture, score


@lru_cache
def learn(changed=None, network=True):
    """Learn from the past, with the scores of one task reversed."""
    architecture, score = past()
    if changed is not None:
        score = score.copy()
        score[changed] *= -1
    history = make_history(architecture, {METRIC.name: score}, space=SPACE)
    config = CONFIG if network else LearnConfig(network=False, kernel_steps=20, prior_steps=30)
    return learn_from_history(
        jax.random.key(0), history, METRIC, HELD_OUT, space=SPACE, config=config
    )


def test_scores_of_held_out_tasks_do_not_train_the_network():
    _, before = learn()
    _, held_out_changed = learn(changed=0)
    np.testing.assert_array_equal(before.train_loss, held_out_changed.train_loss)
    assert np.all(before.validation_loss != held_out_changed.validation_loss)
    _, training_changed = learn(changed=1)
    assert np.all(before.train_loss != training_changed.train_loss)


def test_features_are_standardized_over_the_tasks_that_trained_them():
    knowledge, _ = learn()
    params = knowledge.params
    encoding = encode(SPACE, past()[0][~HELD_OUT].reshape(-1, 5))
    x = standardize_encoding(params.location, params.scale, encoding)
    features = np.asarray(predictor_network().features(params.network, x), float)
    np.testing.assert_allclose(params.network_location, features.mean(0), rtol=1e-3, atol=1e-5)
    scale = features.std(0) * np.sqrt(features.shape[-1])
    np.testing.assert_allclose(params.network_scale, scale, rtol=1e-3)


@pytest.mark.parametrize("network", [True, False])
def test_unrelated_tasks_do_not_explain_one_another(network):
    """Each task predicts only itself, so a replay that includes it would always win."""
    knowledge, _ = learn(network=network)
    assert knowledge.wins < 0.65 * TASKS
    assert np.exp(knowledge.log_weights[0]) < 0.4
    assert knowledge.params.network_location.shape == (64 * network,)


def replays(own_source, own_network):
    """Random replays whose source or network features are, for some tasks, the very scores.

    Args:
      own_source: bool[T], for which tasks the feature of the task itself is its score.
      own_network: bool[T], for which tasks the only network feature is its score.
    """
    rng = np.random.default_rng(0)
    size = (TASKS, 4, 12)
    score = rng.normal(size=size)
    features = rng.normal(size=(*size, 2 + TASKS))
    features[..., 0] = 1
    for task in range(TASKS):
        if own_source[task]:
            features[task, ..., 1 + task] = score[task]
        if own_network[task]:
            features[task, ..., -1] = score[task]
    kernel = np.broadcast_to(np.eye(12), (*size, 12))
    return Replays(*(jnp.asarray(leaf, jnp.float32) for leaf in (features, kernel, score)))


def fit(own_source, own_network):
    return fit_priors(
        replays(own_source, own_network),
        jnp.asarray(HELD_OUT),
        layout=Layout(TASKS, 1),
        steps=60,
    )


def test_no_source_is_visible_in_its_own_replay():
    _, wins, evidence = fit(np.ones(TASKS, bool), np.zeros(TASKS, bool))
    assert wins < 0.65 * TASKS
    assert evidence[0, -1] < evidence[1, -1] + 1


def test_the_network_is_judged_by_held_out_tasks():
    useful, _, _ = fit(np.zeros(TASKS, bool), HELD_OUT)
    overfitted, _, _ = fit(np.zeros(TASKS, bool), ~HELD_OUT)
    assert useful.variance[0, -1] > 0.3 > 0.1 > overfitted.variance[0, -1]
