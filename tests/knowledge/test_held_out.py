"""No leakage: a task's network is not trained on it, and no source sees its own replay."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.knowledge import LearnConfig, learn_from_history
from nmjax.knowledge.component_weights import prior_log_weights
from nmjax.knowledge.learning_inputs import pad_history
from nmjax.knowledge.network_training import train_network
from nmjax.knowledge.prior_fitting import Layout, Replays, fit_priors
from nmjax.knowledge.standardized_past import standardize_past
from nmjax.tasks import make_history
from tests.related import METRIC, SPACE, related_tasks

TASKS, ROWS = 4, 30
FOLDS = np.array([0, 1, 1, 1])
CONFIG = LearnConfig(
    kernel_steps=20,
    network=True,
    meta_steps=4,
    evaluate_every=4,
    meta_rows=15,
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
    config = CONFIG if network else LearnConfig(kernel_steps=20, prior_steps=30)
    return learn_from_history(jax.random.key(0), history, METRIC, FOLDS, space=SPACE, config=config)


def train(changed=None):
    """Train the networks on the past, with the scores of one task reversed."""
    architecture, score = past()
    score = score.copy()
    if changed is not None:
        score[changed] *= -1
    history = make_history(architecture, {METRIC.name: score}, space=SPACE)
    standardized = standardize_past(pad_history(history, METRIC), space=SPACE, metric=METRIC)
    return train_network(jax.random.key(0), standardized, FOLDS, CONFIG)


def test_a_network_is_not_trained_on_the_tasks_of_its_own_fold():
    """Reversing a task changes the networks of the other folds, and the one of all tasks."""
    before, after = train(), train(changed=0)

    def same(one, other):
        return all(jax.tree.leaves(jax.tree.map(lambda a, b: np.array_equal(a, b), one, other)))

    for task, unchanged in enumerate(FOLDS == 0):
        own = (jax.tree.map(lambda leaf, at=task: leaf[at], t.held_out) for t in (before, after))
        assert same(*own) == unchanged
    assert not same(before.params, after.params)


@pytest.mark.parametrize("network", [True, False])
def test_unrelated_tasks_do_not_explain_one_another(network):
    """Each task predicts only itself, so a replay that includes it would always win."""
    knowledge, _ = learn(network=network)
    assert knowledge.wins[-1] > 0.35 * TASKS
    assert np.exp(knowledge.log_weights[-1]) > 0.6
    assert (knowledge.params.network is not None) == network


def replays(own_source, own_network):
    """Random replays whose source or network features are, for some tasks, the very scores.

    Args:
      own_source: bool[T], for which tasks the feature of the task itself is its score.
      own_network: bool[T], for which tasks the network predicts the score.
    """
    rng = np.random.default_rng(0)
    size = (TASKS, 4, 12)
    score = rng.normal(size=size)
    features = rng.normal(size=(*size, 3 + TASKS))
    features[..., 0] = 1
    for task in range(TASKS):
        if own_source[task]:
            features[task, ..., 1 + task] = score[task]
        if own_network[task]:
            features[task, ..., -2] = score[task]
    kernel = np.broadcast_to(np.eye(12), (*size, 12))
    return Replays(*(jnp.asarray(leaf, jnp.float32) for leaf in (features, kernel, score)))


def fit(own_source, own_network):
    return fit_priors(replays(own_source, own_network), layout=Layout(TASKS, 2), steps=60)


def test_no_source_is_visible_in_its_own_replay():
    _, wins, evidence = fit(np.ones(TASKS, bool), np.zeros(TASKS, bool))
    assert wins[0] < 0.65 * TASKS
    assert evidence[0, -1] < evidence[-1, -1] + 1


def test_a_network_that_predicts_held_out_tasks_is_trusted_and_another_is_left_out():
    useful, wins, _ = fit(np.zeros(TASKS, bool), np.ones(TASKS, bool))
    assert wins[1] > 0.9 * TASKS
    assert useful.mean[1, 1 + TASKS] > 0.7
    _, wins, _ = fit(np.zeros(TASKS, bool), np.zeros(TASKS, bool))
    assert wins[1] == 0
    assert prior_log_weights(wins)[1] == -np.inf
