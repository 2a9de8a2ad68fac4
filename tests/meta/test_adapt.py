from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from nmjax.errors import NmjaxError
from nmjax.meta import PerStep, adapt

CURVATURE = np.array([0.5, 2.0], np.float32)


def quadratic(params, target):
    return 0.5 * jnp.sum(CURVATURE * (params["a"] - target) ** 2) + 0.5 * jnp.sum(params["b"] ** 2)


@pytest.fixture
def start():
    return {"a": jnp.array([1.0, -1.0]), "b": jnp.array(2.0)}


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_descent_on_a_quadratic_in_closed_form(start, wrap):
    target, rate, steps = jnp.array([3.0, 0.5]), 0.2, 4
    end = wrap(lambda p: adapt(p, target, rate, loss_fn=quadratic, steps=steps))(start)
    decay = (1 - rate * CURVATURE) ** np.arange(steps + 1)[:, None]
    path = target[None] + decay * (start["a"] - target)[None]
    b = 2.0 * (1 - rate) ** np.arange(steps + 1)
    losses = 0.5 * (CURVATURE[None] * (path - target[None]) ** 2).sum(1) + 0.5 * b**2
    np.testing.assert_allclose(end.params["a"], path[-1], rtol=1e-5)
    np.testing.assert_allclose(end.params["b"], b[-1], rtol=1e-5)
    np.testing.assert_allclose(end.losses, losses, rtol=1e-5)


def test_rates_and_masks_are_prefixes(start):
    target = jnp.zeros(2)
    rate = {"a": jnp.array([0.1, 0.3]), "b": jnp.array(0.5)}
    end = adapt(start, target, rate, loss_fn=quadratic, steps=1)
    expected = start["a"] * (1 - np.array([0.1, 0.3]) * CURVATURE)
    np.testing.assert_allclose(end.params["a"], expected, rtol=1e-6)
    np.testing.assert_allclose(end.params["b"], 1.0)
    masked = adapt(start, target, rate, loss_fn=quadratic, steps=1, mask={"a": False, "b": True})
    np.testing.assert_array_equal(masked.params["a"], start["a"])
    np.testing.assert_allclose(masked.params["b"], 1.0)


@pytest.mark.parametrize("remat", [False, True])
def test_rates_of_each_step_and_the_trace_of_steps(start, remat):
    target, steps = np.float32([3.0, 0.5]), 5
    rng = np.random.default_rng(0)
    rate_a, rate_b = rng.uniform(0.1, 0.6, (steps, 2)), rng.uniform(0.1, 0.9, steps)
    end = adapt(
        start,
        jnp.asarray(target),
        PerStep({"a": jnp.float32(rate_a), "b": jnp.float32(rate_b)}),
        loss_fn=quadratic,
        steps=steps,
        trace_fn=lambda params: params,
        remat=remat,
    )
    a = target + np.cumprod(1 - rate_a * CURVATURE, axis=0) * (np.asarray(start["a"]) - target)
    b = 2.0 * np.cumprod(1 - rate_b)
    np.testing.assert_allclose(end.trace["a"], a, rtol=1e-5)
    np.testing.assert_allclose(end.trace["b"], b, rtol=1e-5)
    np.testing.assert_allclose(end.params["a"], a[-1], rtol=1e-5)
    losses = 0.5 * (CURVATURE * (a - target) ** 2).sum(1) + 0.5 * b**2
    np.testing.assert_allclose(end.losses[1:], losses, rtol=1e-5)


def test_rates_of_another_number_of_steps_are_refused(start):
    with pytest.raises(NmjaxError, match="for 3 inner steps"):
        adapt(start, jnp.zeros(2), PerStep(jnp.ones(4)), loss_fn=quadratic, steps=3)


@pytest.mark.parametrize("steps", [0, 1, 9, 13])
def test_remat_changes_neither_values_nor_derivatives(small, steps):
    params, apply = small
    x = jnp.linspace(-1, 1, 5)[:, None]

    def loss(params, y):
        return jnp.mean((apply(params, x) - y) ** 2)

    @partial(jax.jit, static_argnames="remat")
    def adapted(params, y, rate, remat):
        def end(*given):
            done = adapt(*given, loss_fn=loss, steps=steps, remat=remat)
            return loss(done.params, jnp.ones(5)), done.losses

        return jax.grad(end, argnums=(0, 1, 2), has_aux=True)(params, y, rate)

    given = (params, jnp.sin(3 * x[:, 0]), jnp.asarray(0.1))
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6),
        adapted(*given, remat=True),
        adapted(*given, remat=False),
    )


@pytest.mark.slow
def test_remat_saves_memory_as_steps_grow(small):
    """By XLA's own account: four times the steps take twice the memory, not four times."""
    params, apply = small
    x = jnp.linspace(-1, 1, 200)[:, None]

    def loss(params, y):
        return jnp.mean((apply(params, x) - y) ** 2)

    def memory(steps, remat):
        def end(params, y):
            return loss(adapt(params, y, 0.1, loss_fn=loss, steps=steps, remat=remat).params, y)

        compiled = jax.jit(jax.grad(end)).lower(params, jnp.sin(3 * x[:, 0])).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    growth = {remat: memory(256, remat) / memory(64, remat) for remat in (False, True)}
    assert growth[False] > 3
    assert growth[True] < 2.5
    assert memory(256, True) < 0.3 * memory(256, False)


def test_derivatives_with_and_without_second_order(start):
    target, steps = jnp.array([3.0, 0.5]), 3

    def end(a, rate, first_order):
        params = start | {"a": a}
        done = adapt(params, target, rate, loss_fn=quadratic, steps=steps, first_order=first_order)
        return jnp.sum(done.params["a"])

    decay = (1 - 0.2 * CURVATURE) ** steps
    of_start = jax.jit(jax.grad(end), static_argnums=2)
    np.testing.assert_allclose(of_start(start["a"], 0.2, False), decay, rtol=1e-5)
    np.testing.assert_allclose(of_start(start["a"], 0.2, True), [1, 1])
    slope = np.sum(
        -steps * CURVATURE * (1 - 0.2 * CURVATURE) ** (steps - 1) * (start["a"] - target)
    )
    np.testing.assert_allclose(
        jax.jit(jax.grad(end, 1), static_argnums=2)(start["a"], 0.2, False), slope, rtol=1e-5
    )


def test_gradients_of_a_network(small):
    params, apply = small
    x = jnp.linspace(-1, 1, 5)[:, None]
    y = jnp.sin(3 * x[:, 0])

    def loss(params, data):
        return jnp.mean((apply(params, data[0]) - data[1]) ** 2)

    def adapted(params, y, rate):
        return loss(adapt(params, (x, y), rate, loss_fn=loss, steps=2).params, (x, y))

    check_grads(jax.jit(adapted), (params, y, 0.1), order=1, modes=["rev"], atol=2e-2, rtol=2e-2)


def test_no_steps_and_negative_steps(start):
    end = adapt(start, jnp.zeros(2), 0.1, loss_fn=quadratic, steps=0)
    np.testing.assert_array_equal(end.params["a"], start["a"])
    np.testing.assert_allclose(end.losses, [0.5 * CURVATURE.sum() + 2])
    with pytest.raises(NmjaxError, match="steps=-1"):
        adapt(start, jnp.zeros(2), 0.1, loss_fn=quadratic, steps=-1)


def test_one_trace_over_rates_and_targets(start):
    traces = []

    @jax.jit
    def run(target, rate):
        traces.append(None)
        return adapt(start, target, rate, loss_fn=quadratic, steps=2).losses[-1]

    assert run(jnp.zeros(2), 0.1) > run(jnp.zeros(2), 0.2)
    assert len(traces) == 1


def test_one_step_of_many_tasks_multiplies_by_shared_parameters_once():
    weight, x = jnp.ones((3, 2)), jnp.ones((7, 5, 3))

    def adapted(weight, x):
        return adapt(weight, x, 0.1, loss_fn=lambda w, x: jnp.sum(jnp.square(x @ w)), steps=1)

    program = jax.jit(jax.vmap(adapted, in_axes=(None, 0))).lower(weight, x).as_text()
    assert "tensor<7x5x3xf32>, tensor<3x2xf32>) -> tensor<7x5x2xf32>" in program
