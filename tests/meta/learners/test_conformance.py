"""A conformance test of gradient-based learners, and properties of each."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.errors import NmjaxError
from nmjax.meta import (
    Batch,
    MAMLHyper,
    MultiStepHyper,
    anil,
    cavia,
    contextual,
    fomaml,
    init_context,
    init_learned_rates,
    init_step_rates,
    maml,
    maml_plus_plus,
    meta_sgd,
    query,
    reptile,
    squared_error,
    support,
)
from nmjax.predictors import Network
from nmjax.testing import check_meta_learner

NETWORK = Network((24, 24), activation="tanh")
LOSS = squared_error(NETWORK.apply)
HYPER = MAMLHyper(jnp.asarray(0.05))
STEPS, META_STEPS = 3, 300


HEAD = {"hidden_0": False, "hidden_1": False, "head": True}


def plain():
    return NETWORK.init(jax.random.key(0), 1)


def in_context():
    return init_context(NETWORK.init(jax.random.key(0), 1 + 4), 4)


ADAM = optax.adam(3e-3)
LEARNERS = {
    "maml": (maml(LOSS, ADAM, inner_steps=STEPS), plain),
    "fomaml": (fomaml(LOSS, ADAM, inner_steps=STEPS), plain),
    "anil": (anil(LOSS, ADAM, head=HEAD, inner_steps=STEPS), plain),
    "meta_sgd": (
        meta_sgd(LOSS, ADAM, inner_steps=STEPS),
        lambda: init_learned_rates(jax.random.key(1), plain()),
    ),
    "cavia": (
        cavia(squared_error(contextual(NETWORK.apply)), ADAM, inner_steps=STEPS),
        in_context,
    ),
    "maml_plus_plus": (
        maml_plus_plus(LOSS, ADAM, inner_steps=STEPS),
        lambda: init_step_rates(plain(), 0.05, inner_steps=STEPS),
    ),
    "reptile": (reptile(LOSS, ADAM, inner_steps=STEPS), plain),
}
HYPERS = {"maml_plus_plus": MultiStepHyper(jnp.asarray(100.0))}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
def test_conformance(name, sinusoids):
    learner, begin = LEARNERS[name]
    tasks = partial(sinusoids, sources=(0.5, 2.0))
    hyper = HYPERS.get(name, HYPER)
    check_meta_learner(learner, begin(), hyper, tasks, steps=META_STEPS)


@pytest.mark.slow
@pytest.mark.usefixtures("unoptimized")
@pytest.mark.parametrize("name", LEARNERS)
def test_evaluate_is_the_query_loss_after_adapting(name, sinusoids):
    learner, begin = LEARNERS[name]
    tasks = sinusoids(jax.random.key(3), (0.5, 2.0), tasks=2)
    one = jax.tree.map(lambda leaf: leaf[0], tasks)
    hyper = HYPERS.get(name, HYPER)
    loss = squared_error(contextual(NETWORK.apply)) if name == "cavia" else LOSS

    @jax.jit
    def adapt_and_ask(params):
        adapted = learner.adapt(params, support(one), hyper)
        return adapted.losses, loss(adapted.params, query(one))

    losses, asked = adapt_and_ask(begin())
    assert losses.shape == (STEPS + 1,)
    evaluated = jax.jit(learner.evaluate)(begin(), tasks, hyper)
    np.testing.assert_allclose(asked, evaluated[0], rtol=1e-3)


@pytest.fixture
def task(sinusoids):
    return jax.tree.map(lambda leaf: leaf[0], sinusoids(jax.random.key(1), (0.5, 2.0), tasks=1))


def test_anil_adapts_only_the_head(task):
    learner, begin = LEARNERS["anil"]
    params = begin()
    adapted = learner.adapt(params, support(task), HYPER).params
    moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), params, adapted)
    assert moved == jax.tree.broadcast(HEAD, params)


def test_anil_without_a_head_is_refused():
    with pytest.raises(NmjaxError, match="mark what the inner loop moves"):
        anil(LOSS, ADAM, head=False, inner_steps=1)


@pytest.mark.slow
def test_reptile_moves_toward_training_on_all_data(sinusoids):
    tasks = sinusoids(jax.random.key(1), (0.5, 2.0), tasks=2)
    learner = reptile(LOSS, optax.sgd(1.0), inner_steps=2)
    state = learner.init(jax.random.key(0), plain())
    after, info = jax.jit(learner.update)(jax.random.key(0), state, tasks, HYPER)

    @jax.jit
    def train(x, y):
        params = plain()
        for _ in range(2):
            gradient = jax.grad(lambda p: jnp.mean(jnp.square(NETWORK.apply(p, x) - y)))(params)
            params = jax.tree.map(lambda p, g: p - 0.05 * g, params, gradient)
        return params

    x = np.concatenate([tasks.support_x, tasks.query_x], axis=1)
    y = np.concatenate([tasks.support_y, tasks.query_y], axis=1)
    ends = [train(x[i], y[i]) for i in range(2)]
    mean = jax.tree.map(lambda a, b: (np.asarray(a) + np.asarray(b)) / 2, *ends)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), after.params, mean
    )
    assert info.support_losses.shape == (2, 3)


def test_reptile_with_one_step_is_refused():
    with pytest.raises(NmjaxError, match="jointly"):
        reptile(LOSS, ADAM, inner_steps=1)


def test_a_network_with_an_axis_too_many_is_refused():
    batch = Batch(jnp.zeros((4, 1)), jnp.zeros(4), jnp.ones(4, bool))
    with pytest.raises(NmjaxError, match="prediction of shape"):
        squared_error(lambda params, x: x)(None, batch)
