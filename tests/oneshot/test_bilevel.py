"""Bilevel gradients against closed forms and finite differences, in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import NmjaxError
from nmjax.oneshot import BilevelHyper, FirstOrder, Implicit, Unrolled

pytestmark = pytest.mark.usefixtures("float64")
RATE = 0.1


def quadratic(seed=0):
    """Inner: w'Hw / 2 - w'Ba; outer: |w - t|^2 / 2 + |a|^2."""
    draw = np.random.default_rng(seed)
    root = draw.normal(size=(4, 4))
    hessian, mixed = root @ root.T / 4 + np.eye(4), draw.normal(size=(4, 3))
    target, weights, strengths = (draw.normal(size=size) for size in (4, 4, 3))

    def inner(w, a):
        return 0.5 * w @ (jnp.asarray(hessian) @ w) - w @ (jnp.asarray(mixed) @ a)

    def outer(w, a):
        return 0.5 * jnp.sum(jnp.square(w - jnp.asarray(target))) + jnp.sum(jnp.square(a))

    return inner, outer, hessian, mixed, target, weights, strengths


def neumann(matrix, vector, rate, terms):
    series = sum(
        np.linalg.matrix_power(np.eye(4) - rate * matrix, k) @ vector for k in range(terms)
    )
    return rate * series


def test_gradients_of_a_quadratic_problem_are_the_closed_forms():
    inner, outer, hessian, mixed, target, weights, strengths = quadratic()
    damped = hessian + 0.3 * np.eye(4)
    direct, in_weights = 2 * strengths, weights - target
    shrink = np.eye(4) - RATE * hessian
    after, reach = weights, np.zeros((4, 3))
    for _ in range(3):
        after, reach = shrink @ after + RATE * mixed @ strengths, shrink @ reach + RATE * mixed
    expected = {
        FirstOrder(): direct,
        Unrolled(): direct
        + RATE * mixed.T @ (shrink @ weights + RATE * mixed @ strengths - target),
        Unrolled(steps=3): direct + reach.T @ (after - target),
        Implicit(iterations=8): direct + mixed.T @ np.linalg.solve(damped, in_weights),
        Implicit("neumann", 2): direct + mixed.T @ neumann(damped, in_weights, RATE, 3),
        Implicit("neumann", 400): direct + mixed.T @ np.linalg.solve(damped, in_weights),
    }

    @jax.jit
    def every(weights, strengths, hyper):
        return [g.value_and_grad(inner, outer, weights, strengths, hyper) for g in expected]

    found = every(jnp.asarray(weights), jnp.asarray(strengths), BilevelHyper(RATE, 0.3))
    for gradient, (value, slope) in zip(expected, found, strict=True):
        np.testing.assert_allclose(slope, expected[gradient], atol=1e-8, err_msg=str(gradient))
        reached = {1: shrink @ weights + RATE * mixed @ strengths, 3: after}
        at = reached[gradient.steps] if isinstance(gradient, Unrolled) else weights
        goal = 0.5 * np.sum((at - target) ** 2) + np.sum(strengths**2)
        np.testing.assert_allclose(value, goal, atol=1e-8)


def test_gradients_of_a_network_agree_with_finite_differences():
    """Unrolled: of the loss after the step. Implicit: that at the minimum, by Newton's method."""
    draw = np.random.default_rng(1)
    x, y, other = (jnp.asarray(draw.normal(size=size)) for size in ((6, 3), 6, 6))

    def predict(w, a):
        return jnp.tanh(x @ (w * jax.nn.softmax(a)))

    def inner(w, a):
        return jnp.sum(jnp.square(predict(w, a) - y)) + jnp.sum(jnp.square(w))

    def outer(w, a):
        return jnp.sum(jnp.square(predict(w, a) - other))

    @jax.jit
    def solve(a):
        def newton(w, _):
            return w - jnp.linalg.solve(jax.hessian(inner)(w, a), jax.grad(inner)(w, a)), None

        return jax.lax.scan(newton, jnp.zeros(3), length=20)[0]

    start = jnp.asarray(draw.normal(size=3))
    strengths = draw.normal(size=3)

    @jax.jit
    def after_a_step(a):
        return outer(start - RATE * jax.grad(inner)(start, a), a)

    at_minimum = jax.jit(lambda a: outer(solve(a), a))
    hyper = BilevelHyper(RATE, 0.0)
    cases = [
        (Unrolled(), start, after_a_step),
        (Implicit(iterations=6), solve(strengths), at_minimum),
    ]
    for gradient, weights, of_strengths in cases:
        _, slope = gradient.value_and_grad(inner, outer, weights, jnp.asarray(strengths), hyper)
        steps = 1e-5 * np.eye(3)
        differences = [
            (of_strengths(strengths + step) - of_strengths(strengths - step)) / 2e-5
            for step in steps
        ]
        np.testing.assert_allclose(slope, differences, atol=1e-6)


def test_settings_are_checked():
    with pytest.raises(NmjaxError, match="did you mean 'neumann'"):
        Implicit("neuman")
    with pytest.raises(NmjaxError, match="iterations=0"):
        Implicit(iterations=0)
    with pytest.raises(NmjaxError, match="steps=0"):
        Unrolled(steps=0)
