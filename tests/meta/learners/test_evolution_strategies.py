"""Estimated gradients against closed forms, and learning from losses that have none."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

from nmjax.errors import NmjaxError
from nmjax.meta import (
    ESHyper,
    MAMLHyper,
    es_maml,
    maml,
    smoothed_gradient,
    smoothed_steps,
    squared_error,
    support,
)
from nmjax.predictors import Network
from nmjax.tasks import Episode
from nmjax.testing import check_meta_learner

PAIRS = 40_000


@jax.jit
def estimate(params, width):
    """The gradients of a bowl, a wave and a step."""

    def function(p):
        wave = jnp.cos(jnp.sum(p["a"]))
        bowl = jnp.sum(jnp.array([1.0, 2.0, 3.0]) * p["a"] ** 2)
        return bowl, wave, jnp.where(p["b"] > 0, 1.0, 0.0)

    return [
        smoothed_gradient(
            jax.random.key(0), lambda p, i=i: function(p)[i], params, width, pairs=PAIRS
        )[0]
        for i in range(3)
    ]


def test_estimates_are_gradients_of_the_smoothed_function():
    a, b, width = np.array([0.5, -0.3, 0.4]), 0.2, 0.4
    bowl, wave, step = estimate({"a": jnp.asarray(a), "b": jnp.asarray(b)}, jnp.asarray(width))
    slopes = 2 * np.array([1.0, 2.0, 3.0]) * a
    # of (s.g) g the variance is |s|^2 + s_i^2
    noise = np.sqrt((slopes @ slopes + slopes**2) / PAIRS)
    assert (np.abs(bowl["a"] - slopes) < 4 * noise).all()
    shrunk = -np.sin(a.sum()) * np.exp(-(width**2) * 3 / 2)
    np.testing.assert_allclose(wave["a"], [shrunk] * 3, atol=0.02)
    np.testing.assert_allclose(step["b"], scipy.stats.norm.pdf(b, scale=width), atol=0.02)
    np.testing.assert_allclose(bowl["b"], 0, atol=4 * np.sqrt(slopes @ slopes / PAIRS))


def test_an_even_function_has_no_slope_at_zero():
    """However few the pairs, as they are antithetic."""
    gradient, values = smoothed_gradient(
        jax.random.key(0), lambda p: p**2 + 7.0, jnp.zeros(()), jnp.asarray(0.1), pairs=3
    )
    np.testing.assert_allclose(gradient, 0, atol=1e-5)
    assert values.shape == (2, 3)


def tasks_of(targets):
    """Tasks to come near to one target each, support and query the same."""
    blank, mask = jnp.zeros((*targets.shape, 1)), jnp.ones(targets.shape, bool)
    return Episode(blank, targets, blank, targets, mask, mask)


def test_meta_gradient_of_a_quadratic_in_closed_form():
    curvature, rate = np.array([0.5, 2.0]), 0.3
    targets = np.array([[1.0, -1.0], [3.0, 0.5]])

    def loss(params, batch):
        return 0.5 * jnp.sum(jnp.asarray(curvature, jnp.float32) * jnp.square(params - batch.y))

    learner = es_maml(loss, optax.sgd(1.0), inner_steps=2, pairs=PAIRS)
    start = np.array([0.2, -0.4])
    state = learner.init(jax.random.key(0), jnp.asarray(start))
    hyper = ESHyper(jnp.asarray(rate), jnp.asarray(0.5), jnp.asarray(0.1))
    episodes = tasks_of(jnp.asarray(targets))
    after, info = jax.jit(learner.update)(jax.random.key(1), state, episodes, hyper)
    decay = (1 - rate * curvature) ** 2
    expected = (curvature * decay**2 * (start - targets)).mean(0)
    np.testing.assert_allclose(start - after.params, expected, atol=0.02)
    # smoothing adds half the trace of the curvature to the value
    losses = 0.5 * (curvature * decay**2 * ((start - targets) ** 2 + 0.25)).sum(1)
    np.testing.assert_allclose(info.query_losses, losses, rtol=0.02)
    np.testing.assert_allclose(info.loss, losses.mean(), rtol=0.02)


def test_steps_within_a_task_descend_the_smoothed_loss():
    """On a quadratic the smoothed gradient is the gradient: mean descent in closed form."""
    curvature, rate, steps = 2.0, 0.2, 3

    def loss(params, batch):
        return 0.5 * curvature * jnp.sum(jnp.square(params - batch.y))

    batch = support(jax.tree.map(lambda leaf: leaf[0], tasks_of(jnp.asarray([[1.0, -1.0]]))))
    hyper = ESHyper(jnp.asarray(rate), jnp.asarray(0.1), jnp.asarray(0.1))
    adapted = jax.jit(smoothed_steps(loss, steps, pairs=20_000))(jnp.zeros(2), batch, hyper)
    away = (1 - rate * curvature) ** np.arange(steps + 1)
    np.testing.assert_allclose(adapted.params, np.array([1, -1]) * (1 - away[-1]), atol=0.02)
    np.testing.assert_allclose(adapted.losses, curvature * away**2, rtol=0.05)


def stairs(params, batch):
    """A loss that counts whole steps of distance: its derivative is 0 where it exists."""
    return jnp.mean(jnp.floor(4 * jnp.abs(params - batch.y)))


@pytest.mark.slow
def test_a_loss_without_gradient_is_learned_where_maml_does_not_move():
    hyper = ESHyper(jnp.asarray(0.02), jnp.asarray(0.3), jnp.asarray(0.3))
    es = es_maml(
        stairs,
        optax.adam(0.05),
        inner_steps=2,
        pairs=16,
        adaptation=partial(smoothed_steps, pairs=16),
    )
    plain = maml(stairs, optax.adam(0.05), inner_steps=2)
    center = jnp.array([2.0, -1.0])
    draws = center[None, None] + 0.2 * jax.random.normal(jax.random.key(1), (150, 4, 2))

    def trained(learner, hyper):
        def step(state, xs):
            return learner.update(xs[0], state, tasks_of(xs[1]), hyper)

        start = learner.init(jax.random.key(0), jnp.zeros(2))
        keys = jax.random.split(jax.random.key(2), 150)
        return jax.jit(lambda s: jax.lax.scan(step, s, (keys, draws)))(start)[0].params

    np.testing.assert_array_equal(trained(plain, MAMLHyper(jnp.asarray(0.02))), 0)
    np.testing.assert_allclose(trained(es, hyper), center, atol=0.15)


@pytest.mark.parametrize("sizes", [{"inner_steps": 0, "pairs": 4}, {"inner_steps": 1, "pairs": 0}])
def test_too_few_members_or_steps_are_refused(sizes):
    with pytest.raises(NmjaxError, match="at least 1 of each"):
        es_maml(stairs, optax.sgd(1.0), **sizes)


NETWORK = Network((8,), activation="tanh")
LOSS = squared_error(NETWORK.apply)


@pytest.mark.slow
@pytest.mark.parametrize("smoothed", [False, True])
def test_conformance(smoothed, sinusoids):
    options = {"adaptation": partial(smoothed_steps, pairs=4)} if smoothed else {}
    learner = es_maml(LOSS, optax.adam(3e-2), inner_steps=1, pairs=8, **options)
    check_meta_learner(
        learner,
        NETWORK.init(jax.random.key(0), 1),
        ESHyper(jnp.asarray(0.05), jnp.asarray(0.1), jnp.asarray(0.1)),
        partial(sinusoids, sources=(0.5, 2.0), tasks=4),
        steps=200,
    )
