import jax
import jax.numpy as jnp
import pytest

from nmjax.analysis import count_flops
from nmjax.errors import NmjaxError


def descend(params, steps, *, unrolled):
    """A few gradient steps of a two-layer network, and the loss after them."""
    x, y = jnp.ones((20, 8)), jnp.ones((20, 1))

    def loss(params):
        return jnp.mean(jnp.square(jnp.tanh(x @ params[0]) @ params[1] - y))

    def step(params, _):
        gradient = jax.grad(loss)(params)
        return [p - 0.1 * g for p, g in zip(params, gradient, strict=True)], None

    if unrolled:
        for _ in range(steps):
            params, _ = step(params, None)
    else:
        params, _ = jax.lax.scan(step, params, None, length=steps)
    return loss(params)


@pytest.mark.parametrize("steps", [1, 6])
def test_a_scan_counts_as_xla_counts_the_unrolled_program(steps):
    params = [jnp.ones((8, 64)), jnp.ones((64, 1))]
    meta_gradient = jax.grad(lambda params: descend(params, steps, unrolled=False))
    spelled_out = jax.jit(jax.grad(lambda params: descend(params, steps, unrolled=True)))
    expected = spelled_out.lower(params).compile().cost_analysis()["flops"]
    assert count_flops(meta_gradient, params) == pytest.approx(expected, rel=0.05)


def test_products_and_sums_by_hand():
    a, b = jnp.ones((3, 4, 5)), jnp.ones((3, 5, 7))
    assert count_flops(lambda a, b: a @ b, a, b) == 2 * 3 * 4 * 5 * 7
    assert count_flops(lambda a: jnp.sum(a * a), a) == 60 + 60
    assert count_flops(lambda a: a.T.reshape(-1)[:4], a) == 0


def test_lanes_multiply():
    a, b = jnp.ones((4, 5)), jnp.ones((6, 5))
    assert count_flops(jax.vmap(lambda b: a @ b), b) == 6 * count_flops(lambda b: a @ b, b[0])


def test_of_branches_the_costliest_counts():
    def either(flag, a):
        return jax.lax.cond(flag, lambda a: a @ a, lambda a: a + a, a)

    a = jnp.ones((4, 4))
    assert count_flops(either, True, a) - count_flops(lambda a: a @ a, a) <= 1


def test_a_while_loop_counts_as_often_as_told():
    def doubled(a):
        return jax.lax.while_loop(lambda a: a[0] < 9, lambda a: a + a, a)

    a = jnp.ones(4)
    with pytest.raises(NmjaxError, match="while_trips"):
        count_flops(doubled, a)
    assert count_flops(doubled, a, while_trips=6) == 2 * count_flops(doubled, a, while_trips=3) > 0
