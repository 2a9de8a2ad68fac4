"""Difficult tasks are learned better when they are chosen, a target when related ones are."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.errors import NmjaxError
from nmjax.meta import (
    Batch,
    FocusHyper,
    MAMLHyper,
    WeightedSources,
    affinity,
    focused,
    maml,
    squared_error,
    train,
    weighted,
)
from nmjax.predictors import Network
from nmjax.tasks import Episode
from nmjax.testing import check_meta_learner

RATE = 0.25
SGD = optax.sgd(0.1)


def distance(params, batch):
    """A quadratic with the mean of the scores at its bottom."""
    counts = batch.mask.astype(params.dtype)
    return jnp.sum(counts * jnp.square(params - batch.y)) / jnp.maximum(jnp.sum(counts), 1)


QUADRATIC = maml(distance, SGD, inner_steps=1)


def tasks_at(targets):
    """Tasks with one target each, support and query the same."""
    y = jnp.asarray(targets)[:, None]
    mask = jnp.ones(y.shape, bool)
    return Episode(y[..., None], y, y[..., None], y, mask, mask)


def chosen_often(targets, temperature, tasks=1, draws=4000):
    learner = focused(QUADRATIC, tasks=tasks)
    state = learner.init(jax.random.key(0), jnp.zeros(()))
    hyper = FocusHyper(MAMLHyper(jnp.asarray(RATE)), jnp.asarray(temperature))
    update = jax.jit(jax.vmap(learner.update, in_axes=(0, None, None, None)))
    info = update(jax.random.split(jax.random.key(1), draws), state, tasks_at(targets), hyper)[1]
    np.testing.assert_allclose(info.losses[0], (0.5 * np.array(targets)) ** 2, rtol=1e-5)
    np.testing.assert_allclose(info.loss[0], np.mean((0.5 * np.array(targets)) ** 2), rtol=1e-5)
    chosen_losses = jnp.take_along_axis(info.losses, info.chosen, axis=1)
    np.testing.assert_allclose(info.learner.query_losses, chosen_losses, rtol=1e-5)
    return np.bincount(np.asarray(info.chosen).ravel(), minlength=len(targets)) / draws


@pytest.mark.parametrize("temperature", [0.5, 2.0, np.inf])
def test_draws_follow_the_weights(temperature):
    targets = [1.0, 2.0, 3.0, 4.0]
    losses = np.array(targets) ** 2
    weights = np.exp((losses - losses.mean()) / losses.std() / temperature)
    np.testing.assert_allclose(
        chosen_often(targets, temperature), weights / weights.sum(), atol=0.032
    )


@pytest.mark.slow
def test_no_task_is_chosen_twice_and_equal_tasks_equally_often():
    np.testing.assert_array_equal(chosen_often([1.0, 2.0, 3.0], 0.5, tasks=3, draws=8), 1)
    np.testing.assert_allclose(chosen_often([2.0, 2.0, 2.0], 0.5, tasks=2), 2 / 3, atol=0.03)


@pytest.mark.slow
def test_a_diverged_task_comes_last():
    learner = focused(QUADRATIC, tasks=2)
    state = learner.init(jax.random.key(0), jnp.zeros(()))
    hyper = FocusHyper(MAMLHyper(jnp.asarray(RATE)), jnp.asarray(1.0))
    after, info = learner.update(jax.random.key(0), state, tasks_at([1.0, jnp.inf, 2.0]), hyper)
    assert set(np.asarray(info.chosen).tolist()) == {0, 2}
    assert jnp.isfinite(after.params)


def test_sizes_are_checked():
    with pytest.raises(NmjaxError, match="tasks=0"):
        focused(QUADRATIC, tasks=0)
    learner = focused(QUADRATIC, tasks=3)
    state = learner.init(jax.random.key(0), jnp.zeros(()))
    with pytest.raises(NmjaxError, match="2 candidates"):
        learner.update(jax.random.key(0), state, tasks_at([1.0, 2.0]), FocusHyper(None, 1.0))


NETWORK = Network((24, 24), activation="tanh")
LEARNER = focused(maml(squared_error(NETWORK.apply), optax.adam(5e-3), inner_steps=2), tasks=4)


def slow_and_fast(key, share, tasks=16):
    """Sinusoids, of which a share are three times as fast and larger."""
    keys = jax.random.split(key, 3)
    fast = jax.random.uniform(keys[0], (tasks, 1)) < share
    phase = jax.random.uniform(keys[1], (tasks, 1))
    x = jax.random.uniform(keys[2], (tasks, 20), minval=-2.0, maxval=2.0)
    y = jnp.where(fast, 2 * jnp.sin(3 * x + phase), 0.5 * jnp.sin(x + phase))
    mask, x = jnp.ones((tasks, 10), bool), x[..., None]
    return Episode(x[:, :10], y[:, :10], x[:, 10:], y[:, 10:], mask, mask)


@pytest.mark.slow
def test_focus_improves_the_loss_on_a_hard_minority():
    traces = []

    def sample(key, share):
        traces.append(None)
        return slow_and_fast(key, share)

    hard = slow_and_fast(jax.random.key(5), 1.0, tasks=32)
    params = NETWORK.init(jax.random.key(0), 1)

    def hard_loss(temperature):
        hyper = FocusHyper(MAMLHyper(jnp.asarray(0.05)), jnp.asarray(temperature))
        result = train(
            jax.random.key(1),
            params,
            jnp.asarray(0.1),
            slow_and_fast(jax.random.key(4), 0.1, tasks=32),
            hyper,
            learner=LEARNER,
            sample_tasks=sample,
            steps=300,
            evaluate_every=300,
            patience=1,
        )
        return jnp.mean(LEARNER.evaluate(result.params, hard, hyper))

    uniform, focus = hard_loss(np.inf), hard_loss(0.5)
    assert focus < 0.7 * uniform
    assert len(traces) == 1


@pytest.mark.slow
def test_conformance(sinusoids):
    network = Network((12,), activation="tanh")
    learner = maml(squared_error(network.apply), optax.adam(1e-2), inner_steps=2)
    check_meta_learner(
        focused(learner, tasks=4),
        network.init(jax.random.key(0), 1),
        FocusHyper(MAMLHyper(jnp.asarray(0.05)), jnp.asarray(1.0)),
        partial(sinusoids, sources=(0.5, 2.0), tasks=8),
        steps=200,
    )


def rows_at(targets):
    y = jnp.asarray(targets)[:, None]
    return Batch(y[..., None], y, jnp.ones(y.shape, bool))


def test_affinity_is_known_in_closed_form():
    targets, target, start = np.array([1.0, 4.0, -2.0]), 2.0, 0.5
    one = jax.tree.map(lambda leaf: leaf[0], rows_at([target]))
    found = jax.jit(partial(affinity, learner=QUADRATIC))(
        jnp.asarray(start), rows_at(targets), one, MAMLHyper(jnp.asarray(RATE))
    )
    adapted = start - RATE * 2 * (start - targets)
    expected = 1 - (adapted - target) ** 2 / (start - target) ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found[2] < 0


def whole_tasks(key, batch):
    return Episode(batch.x, batch.y, batch.x, batch.y, batch.mask, batch.mask)


def test_sources_are_drawn_by_weight():
    weights = np.array([0.5, 0.0, 0.2, 0.3])
    sources = WeightedSources(rows_at([0.0, 1.0, 2.0, 3.0]), jnp.log(3 * weights))
    episodes = weighted(whole_tasks, tasks=5000)(jax.random.key(0), sources)
    share = np.bincount(np.asarray(episodes.query_y[:, 0]).astype(int), minlength=4) / 5000
    np.testing.assert_allclose(share, weights, atol=0.03)
    assert share[1] == 0


SAMPLE = weighted(whole_tasks, tasks=8)


@pytest.mark.slow
def test_training_on_related_tasks_helps_the_target():
    sources, target = rows_at([-3.0, -2.5, -2.0, 2.0, 3.0, -4.0]), tasks_at([2.4])
    hyper = MAMLHyper(jnp.asarray(RATE))
    observed = Batch(target.support_x[0], target.support_y[0], target.support_mask[0])
    similar = affinity(jnp.zeros(()), sources, observed, hyper, learner=QUADRATIC)
    assert set(np.argsort(similar)[-2:].tolist()) == {3, 4}

    def loss(log_weights):
        result = train(
            jax.random.key(0),
            jnp.zeros(()),
            WeightedSources(sources, log_weights),
            target,
            hyper,
            learner=QUADRATIC,
            sample_tasks=SAMPLE,
            steps=200,
            evaluate_every=200,
            patience=1,
        )
        return QUADRATIC.evaluate(result.params, target, hyper)[0]

    assert loss(similar / 0.1) < 0.1 * loss(jnp.zeros_like(similar))
