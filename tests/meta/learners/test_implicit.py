from functools import partial

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.errors import NmjaxError
from nmjax.meta import ImplicitHyper, implicit_maml, squared_error, support
from nmjax.predictors import Network
from nmjax.tasks import Episode
from nmjax.testing import check_meta_learner

CURVATURE, PROXIMITY = np.array([0.5, 2.0]), 0.7
NETWORK = Network((32,), activation="tanh")
LOSS = squared_error(NETWORK.apply)
SINUSOIDS = ImplicitHyper(jnp.asarray(0.02), jnp.asarray(0.5), jnp.asarray(10.0))


def bowl(params, batch):
    return 0.5 * jnp.sum(jnp.asarray(CURVATURE, jnp.float32) * jnp.square(params - batch.y))


def bowls():
    """Tasks, and the minima near a start of ones, in closed form."""
    rng = np.random.default_rng(0)
    support_y, query_y = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    blank, mask = jnp.zeros((3, 2, 1)), jnp.ones((3, 2), bool)
    tasks = Episode(blank, jnp.float32(support_y), blank, jnp.float32(query_y), mask, mask)
    return tasks, (CURVATURE * support_y + PROXIMITY) / (CURVATURE + PROXIMITY), query_y


def hyper(proximity=PROXIMITY, damping=0.0):
    return ImplicitHyper(*map(jnp.asarray, (0.3, proximity, damping)))


@pytest.mark.parametrize("damping", [0.0, 1.5])
def test_the_meta_gradient_is_that_of_the_minimum(damping):
    tasks, minimum, query_y = bowls()
    learner = implicit_maml(bowl, optax.sgd(1.0), inner_steps=200, solver_steps=4)
    state = learner.init(jax.random.key(0), jnp.ones(2))
    update = jax.jit(learner.update)
    after, info = update(jax.random.key(0), state, tasks, hyper(damping=damping))
    moves = PROXIMITY / (CURVATURE + PROXIMITY + damping)
    gradient = np.mean(moves * CURVATURE * (minimum - query_y), axis=0)
    np.testing.assert_allclose(1 - after.params, gradient, rtol=1e-4)
    losses = 0.5 * np.sum(CURVATURE * (minimum - query_y) ** 2, axis=1)
    np.testing.assert_allclose(info.query_losses, losses, rtol=1e-4)


def test_proximity_may_be_learned():
    tasks, minimum, query_y = bowls()
    learner = implicit_maml(bowl, optax.sgd(1.0), inner_steps=200, solver_steps=4)

    @jax.jit
    @jax.grad
    def slope(proximity):
        return jnp.mean(learner.evaluate(jnp.ones(2), tasks, hyper(proximity)))

    moves = (1 - minimum) / (CURVATURE + PROXIMITY)
    expected = np.mean(np.sum(moves * CURVATURE * (minimum - query_y), axis=1))
    np.testing.assert_allclose(slope(PROXIMITY), expected, rtol=1e-4)


def test_memory_does_not_grow_with_inner_steps():
    tasks = bowls()[0]

    def memory(inner_steps):
        learner = implicit_maml(bowl, optax.sgd(1.0), inner_steps=inner_steps)
        state = learner.init(jax.random.key(0), jnp.ones(2))
        update = jax.jit(partial(learner.update, jax.random.key(0)))
        return update.lower(state, tasks, hyper()).compile().memory_analysis().temp_size_in_bytes

    losses_kept = 3 * 4 * (256 - 64)
    assert memory(256) - memory(64) < 3 * losses_kept


@pytest.mark.slow
def test_conformance(sinusoids):
    tasks = partial(sinusoids, sources=(0.5, 2.0))
    learner = implicit_maml(LOSS, optax.adam(3e-3), inner_steps=16)
    params = NETWORK.init(jax.random.key(0), 1)
    check_meta_learner(learner, params, SINUSOIDS, tasks, steps=200)


@pytest.mark.slow
def test_the_settings_for_sinusoids_suit_their_curvature(sinusoids):
    """Descent is stable and the damped curvature positive.

    At a rate of 0.05, which suits MAML, the inner loop would diverge, and without damping the
    matrix would not be positive.
    """
    flat, unflatten = jax.flatten_util.ravel_pytree(NETWORK.init(jax.random.key(0), 1))
    tasks = support(sinusoids(jax.random.key(0), (0.5, 2.0), tasks=4))

    @jax.jit
    def curvature(batch):
        return jax.hessian(lambda flat: LOSS(unflatten(flat), batch))(flat)

    spectra = np.concatenate(
        [np.linalg.eigvalsh(curvature(jax.tree.map(lambda leaf: leaf[i], tasks))) for i in range(4)]  # noqa: B023
    )
    rate, proximity, damping = map(float, SINUSOIDS)
    assert rate * (spectra.max() + proximity) < 2 < 0.05 * (spectra.max() + proximity)
    assert proximity < -spectra.min() < proximity + damping


@pytest.mark.parametrize("counts", [{"inner_steps": 0}, {"inner_steps": 1, "solver_steps": 0}])
def test_counts_of_no_steps_are_refused(counts):
    with pytest.raises(NmjaxError, match="expected at least 1"):
        implicit_maml(bowl, optax.sgd(1.0), **counts)
