import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.errors import NmjaxError
from nmjax.meta import MAMLHyper, anil, fomaml, maml, query, squared_error, support

RATE = 0.1


@pytest.fixture
def episodes(sinusoids):
    return sinusoids(jax.random.key(1), (0.5, 2.0), tasks=3, size=4)


def meta_gradient(learner, params, episodes):
    """The gradient that an update follows: plain descent at rate 1 moves by it."""
    update = jax.jit(learner.update)
    state = learner.init(jax.random.key(0), params)
    after, info = update(jax.random.key(0), state, episodes, MAMLHyper(RATE))
    return jax.tree.map(lambda a, b: np.asarray(a) - np.asarray(b), params, after.params), info


def unrolled(params, episodes, apply, first_order):
    """Two inner steps and the mean query loss, spelled out."""

    def loss(params, x, y):
        return jnp.mean((apply(params, x) - y) ** 2)

    def of_task(i):
        x, y = episodes.support_x[i], episodes.support_y[i]
        p = params
        for _ in range(2):
            g = jax.grad(loss)(p, x, y)
            g = jax.lax.stop_gradient(g) if first_order else g
            p = {name: p[name] - RATE * g[name] for name in p}
        return loss(p, episodes.query_x[i], episodes.query_y[i])

    return (of_task(0) + of_task(1) + of_task(2)) / 3


@pytest.mark.parametrize("first_order", [False, True])
def test_meta_gradient_is_that_of_the_unrolled_loop(small, episodes, first_order):
    params, apply = small
    make = fomaml if first_order else maml
    learner = make(squared_error(apply), optax.sgd(1.0), inner_steps=2)
    gradient, info = meta_gradient(learner, params, episodes)
    by_hand = jax.jit(jax.value_and_grad(unrolled), static_argnums=(2, 3))
    loss, expected = by_hand(params, episodes, apply, first_order)
    np.testing.assert_allclose(info.loss, loss, rtol=1e-5)
    np.testing.assert_allclose(
        info.gradient_norm, np.linalg.norm(jax.flatten_util.ravel_pytree(expected)[0]), rtol=1e-4
    )
    for name in params:
        np.testing.assert_allclose(gradient[name], expected[name], rtol=1e-3, atol=1e-5)


def test_meta_gradient_is_that_of_finite_differences(small, episodes):
    with jax.enable_x64(True):
        params, wide = jax.tree.map(
            lambda v: jnp.asarray(v, jnp.float64) if v.dtype == jnp.float32 else v,
            (small[0], episodes),
        )
        learner = maml(squared_error(small[1]), optax.sgd(1.0), inner_steps=2)
        gradient, _ = meta_gradient(learner, params, wide)
        flat, unflatten = jax.flatten_util.ravel_pytree(params)
        assert flat.dtype == jnp.float64

        @jax.jit
        def objective(flat):
            return jnp.mean(learner.evaluate(unflatten(flat), wide, MAMLHyper(RATE)))

        moves = 1e-5 * np.eye(flat.size)
        central = [(objective(flat + d) - objective(flat - d)) / 2e-5 for d in moves]
        np.testing.assert_allclose(
            jax.flatten_util.ravel_pytree(gradient)[0], central, rtol=1e-6, atol=1e-9
        )


def test_first_order_is_another_gradient(small, episodes):
    params, apply = small
    both = [
        meta_gradient(make(squared_error(apply), optax.sgd(1.0), inner_steps=2), params, episodes)
        for make in (maml, fomaml)
    ]
    np.testing.assert_allclose(both[0][1].loss, both[1][1].loss, rtol=1e-6)
    assert np.abs(both[0][0]["body"] - both[1][0]["body"]).max() > 1e-2


@pytest.mark.slow
def test_vmapped_tasks_are_looped_tasks(small, episodes):
    params, apply = small
    learner = maml(squared_error(apply), optax.adam(1e-2), inner_steps=3)
    hyper = MAMLHyper(RATE)
    state = learner.init(jax.random.key(0), params)
    _, info = jax.jit(learner.update)(jax.random.key(0), state, episodes, hyper)
    evaluated = jax.jit(learner.evaluate)(params, episodes, hyper)
    assert info.support_losses.shape == (3, 4)
    adapt = jax.jit(learner.adapt)
    for i in range(3):
        episode = jax.tree.map(lambda leaf: leaf[i], episodes)  # noqa: B023
        adapted = adapt(params, support(episode), hyper)
        loss = squared_error(apply)(adapted.params, query(episode))
        np.testing.assert_allclose(info.query_losses[i], loss, rtol=1e-4)
        np.testing.assert_allclose(evaluated[i], loss, rtol=1e-4)
        np.testing.assert_allclose(info.support_losses[i], adapted.losses, rtol=1e-4)


@pytest.mark.slow
def test_inner_rates_may_be_swept_and_learned(small, episodes):
    params, apply = small
    learner = maml(squared_error(apply), optax.sgd(1.0), inner_steps=2)

    @jax.jit
    def loss(rate):
        return jnp.mean(learner.evaluate(params, episodes, MAMLHyper(rate)))

    rates = jnp.array([0.0, 0.05, 0.1])
    swept = jax.vmap(loss)(rates)
    np.testing.assert_allclose(swept[2], loss(0.1), rtol=1e-5)
    assert len(np.unique(swept)) == 3
    per_weight = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.1), params)
    np.testing.assert_allclose(loss(per_weight), swept[2], rtol=1e-5)
    assert (jax.grad(loss)(per_weight)["body"] != 0).all()


def test_failed_and_padded_rows_do_not_count(small, episodes):
    params, apply = small
    learner = maml(squared_error(apply), optax.sgd(1.0), inner_steps=2)
    spoiled = episodes._replace(
        support_y=episodes.support_y.at[:, 0].set(jnp.nan),
        query_y=episodes.query_y.at[:, 1].set(1e6),
        query_mask=episodes.query_mask.at[:, 1].set(False),
    )
    kept = episodes._replace(
        support_x=episodes.support_x[:, 1:],
        support_y=episodes.support_y[:, 1:],
        support_mask=episodes.support_mask[:, 1:],
        query_x=np.delete(episodes.query_x, 1, axis=1),
        query_y=np.delete(episodes.query_y, 1, axis=1),
        query_mask=np.delete(episodes.query_mask, 1, axis=1),
    )
    ours, expected = (meta_gradient(learner, params, e)[0] for e in (spoiled, kept))
    np.testing.assert_allclose(ours["body"], expected["body"], rtol=1e-4, atol=1e-6)


def test_update_is_traced_once(small, episodes):
    params, apply = small
    learner = maml(squared_error(apply), optax.adam(1e-2), inner_steps=1)
    traces = []

    @jax.jit
    def update(state, rate):
        traces.append(None)
        return learner.update(jax.random.key(0), state, episodes, MAMLHyper(rate))

    state = learner.init(jax.random.key(0), params)
    for rate in (0.1, 0.2, 0.3):
        state, _ = update(state, rate)
    assert len(traces) == 1
    assert state.step == 3


def test_no_inner_step_is_refused(small):
    with pytest.raises(NmjaxError, match="inner_steps=0"):
        maml(squared_error(small[1]), optax.sgd(1.0), inner_steps=0)


@pytest.mark.parametrize("first_order", [False, True])
def test_anil_follows_the_gradient_of_maml_with_a_fixed_body(small, episodes, first_order):
    """By hand, the inner loop moving the head alone."""
    params, apply = small
    learner = anil(
        squared_error(apply),
        optax.sgd(1.0),
        head={"body": False, "head": True},
        inner_steps=2,
        first_order=first_order,
    )

    def loss(p, x, y):
        return jnp.mean((apply(p, x) - y) ** 2)

    @jax.jit
    @jax.grad
    def expected(params):
        total = 0.0
        for i in range(3):
            p = params
            for _ in range(2):
                g = jax.grad(loss)(p, episodes.support_x[i], episodes.support_y[i])["head"]
                g = jax.lax.stop_gradient(g) if first_order else g
                p = p | {"head": p["head"] - RATE * g}
            total += loss(p, episodes.query_x[i], episodes.query_y[i]) / 3
        return total

    gradient, _ = meta_gradient(learner, params, episodes)
    by_hand = expected(params)
    for name in params:
        np.testing.assert_allclose(gradient[name], by_hand[name], rtol=1e-3, atol=1e-5)
