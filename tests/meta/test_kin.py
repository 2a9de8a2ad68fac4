"""One conformance test over the gradient-based learners, and what each alone promises."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.errors import NmjaxError
from nmjax.meta import (
    Batch,
    ContextParams,
    MAMLHyper,
    RatedParams,
    anil,
    cavia,
    contextual,
    fomaml,
    maml,
    meta_sgd,
    query,
    reptile,
    squared_error,
    support,
    with_context,
    with_rates,
)
from nmjax.predictors import make_network
from nmjax.tasks import Episode
from nmjax.testing import check_meta_learner

NETWORK = make_network((24, 24), activation="tanh")
LOSS = squared_error(NETWORK.apply)
HYPER = MAMLHyper(jnp.asarray(0.05))
STEPS, META_STEPS = 3, 300


HEAD = {"hidden_0": False, "hidden_1": False, "head": True}


def plain():
    return NETWORK.init(jax.random.key(0), 1)


def in_context():
    return with_context(NETWORK.init(jax.random.key(0), 1 + 4), 4)


ADAM = optax.adam(3e-3)
LEARNERS = {
    "maml": (maml(LOSS, ADAM, inner_steps=STEPS), plain),
    "fomaml": (fomaml(LOSS, ADAM, inner_steps=STEPS), plain),
    "anil": (anil(LOSS, ADAM, head=HEAD, inner_steps=STEPS), plain),
    "meta_sgd": (
        meta_sgd(LOSS, ADAM, inner_steps=STEPS),
        lambda: with_rates(jax.random.key(1), plain()),
    ),
    "cavia": (
        cavia(squared_error(contextual(NETWORK.apply)), ADAM, inner_steps=STEPS),
        in_context,
    ),
    "reptile": (reptile(LOSS, ADAM, inner_steps=STEPS), plain),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
def test_conformance(name, sinusoids):
    learner, begin = LEARNERS[name]
    tasks = partial(sinusoids, sources=(0.5, 2.0))
    check_meta_learner(learner, begin(), HYPER, tasks, steps=META_STEPS)


@pytest.mark.parametrize("name", LEARNERS)
def test_evaluate_is_adapting_and_asking(name, sinusoids):
    learner, begin = LEARNERS[name]
    tasks = sinusoids(jax.random.key(3), (0.5, 2.0), tasks=2)
    one = jax.tree.map(lambda leaf: leaf[0], tasks)
    adapted = learner.adapt(begin(), support(one), HYPER)
    assert adapted.losses.shape == (STEPS + 1,)
    loss = squared_error(contextual(NETWORK.apply)) if name == "cavia" else LOSS
    evaluated = learner.evaluate(begin(), tasks, HYPER)
    np.testing.assert_allclose(loss(adapted.params, query(one)), evaluated[0], rtol=1e-3)


@pytest.fixture
def task(sinusoids):
    return jax.tree.map(lambda leaf: leaf[0], sinusoids(jax.random.key(1), (0.5, 2.0), tasks=1))


def test_anil_moves_the_head_alone(task):
    learner, begin = LEARNERS["anil"]
    params = begin()
    adapted = learner.adapt(params, support(task), HYPER).params
    moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), params, adapted)
    assert moved == jax.tree.broadcast(HEAD, params)


def test_anil_without_a_head_is_refused():
    with pytest.raises(NmjaxError, match="mark what the inner loop moves"):
        anil(LOSS, ADAM, head=False, inner_steps=1)


def test_meta_sgd_learns_each_rate():
    """On a quadratic whose best rate is one over each curvature; one step then solves any task."""
    curvature = jnp.array([0.5, 2.0])

    def loss(params, batch):
        return 0.5 * jnp.sum(curvature * jnp.square(params - batch.y))

    learner = meta_sgd(loss, optax.adam(0.03), inner_steps=1)

    def step(state, key):
        y = jax.random.normal(key, (8, 2))
        blank, mask = jnp.zeros((8, 2, 1)), jnp.ones((8, 2), bool)
        tasks = Episode(blank, y, blank, y, mask, mask)
        return learner.update(key, state, tasks, HYPER)[0], None

    params = RatedParams(jnp.zeros(2), jnp.full(2, 0.1))
    start = learner.init(jax.random.key(0), params)
    keys = jax.random.split(jax.random.key(1), 400)
    end, _ = jax.jit(lambda s, k: jax.lax.scan(step, s, k))(start, keys)
    np.testing.assert_allclose(end.params.rate, 1 / curvature, rtol=0.05)
    batch = Batch(jnp.zeros((2, 1)), jnp.array([3.0, -1.0]), jnp.ones(2, bool))
    adapted = learner.adapt(end.params, batch, HYPER).params
    np.testing.assert_allclose(adapted, batch.y, atol=0.2)


def test_rates_begin_in_their_range():
    rates = jax.tree.leaves(with_rates(jax.random.key(0), plain(), 0.01, 0.02).rate)
    flat = np.concatenate([np.ravel(leaf) for leaf in rates])
    assert flat.min() >= 0.01
    assert flat.max() <= 0.02
    assert len(np.unique(flat)) > 0.9 * flat.size


def test_cavia_moves_the_context_alone_and_from_zero(task):
    learner, begin = LEARNERS["cavia"]
    params = begin()
    adapted = learner.adapt(params, support(task), HYPER).params
    jax.tree.map(np.testing.assert_array_equal, adapted.shared, params.shared)
    assert np.all(adapted.context != 0)
    elsewhere = ContextParams(params.shared, jnp.full(4, 7.0))
    again = learner.adapt(elsewhere, support(task), HYPER).params
    np.testing.assert_array_equal(again.context, adapted.context)


def test_a_context_joins_every_row():
    seen = contextual(lambda shared, x: shared * x)
    out = seen(ContextParams(2.0, jnp.array([5.0])), jnp.array([[1.0], [3.0]]))
    np.testing.assert_array_equal(out, [[2.0, 10.0], [6.0, 10.0]])


def test_reptile_goes_where_training_on_all_data_leads(sinusoids):
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

    x = jnp.concatenate([tasks.support_x, tasks.query_x], axis=1)
    y = jnp.concatenate([tasks.support_y, tasks.query_y], axis=1)
    ends = [train(x[i], y[i]) for i in range(2)]
    mean = jax.tree.map(lambda a, b: (a + b) / 2, *ends)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), after.params, mean
    )
    assert info.support_losses.shape == (2, 3)


def test_reptile_with_one_step_is_refused():
    with pytest.raises(NmjaxError, match="jointly"):
        reptile(LOSS, ADAM, inner_steps=1)
