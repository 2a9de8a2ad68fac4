from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
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


def test_a_batch_multiplies_the_count():
    a, b = jnp.ones((4, 5)), jnp.ones((6, 5))
    assert count_flops(jax.vmap(lambda b: a @ b), b) == 6 * count_flops(lambda b: a @ b, b[0])


def test_the_most_expensive_branch_counts():
    def either(flag, a):
        return jax.lax.cond(flag, lambda a: a @ a, lambda a: a + a, a)

    a = jnp.ones((4, 4))
    assert count_flops(either, True, a) - count_flops(lambda a: a @ a, a) <= 1


def test_a_while_loop_counts_its_given_trips():
    def doubled(a):
        return jax.lax.while_loop(lambda a: a[0] < 9, lambda a: a + a, a)

    a = jnp.ones(4)
    with pytest.raises(NmjaxError, match="while_trips"):
        count_flops(doubled, a)
    fewer, more = (count_flops(doubled, a, while_trips=trips) for trips in (3, 6))
    assert (fewer, more) == (3 * 4 + 4 * 1, 6 * 4 + 7 * 1)


def test_an_unused_custom_derivative_does_not_count():
    @jax.custom_vjp
    def squared(a):
        return a * a

    squared.defvjp(lambda a: (a * a, a + a), lambda twice, cotangent: (twice * cotangent,))
    a = jnp.ones((3, 4))
    assert count_flops(squared, a) == 12
    assert count_flops(jax.vmap(squared), a) == 12
    assert count_flops(jax.nn.relu, a) == 12


def shapes(*sizes):
    return [jax.ShapeDtypeStruct(size, jnp.float32) for size in sizes]


@pytest.mark.parametrize(
    ("combine", "each"),
    [
        (jax.lax.scatter, 0),
        (jax.lax.scatter_add, 1),
        (jax.lax.scatter_sub, 1),
        (jax.lax.scatter_mul, 1),
        (jax.lax.scatter_min, 1),
        (jax.lax.scatter_max, 1),
    ],
)
def test_a_scatter_counts_its_updates(combine, each):
    """Rows of 7 numbers at 5 places of 100."""
    numbers = jax.lax.ScatterDimensionNumbers((1,), (0,), (0,))
    places = jnp.zeros((5, 1), jnp.int32)

    def scattered(into, rows):
        return combine(into, places, rows, numbers)

    assert count_flops(scattered, *shapes((100, 7), (5, 7))) == each * 5 * 7
    batch = shapes((3, 100, 7), (3, 5, 7))
    assert count_flops(jax.vmap(scattered), *batch) == each * 3 * 5 * 7


@pytest.mark.parametrize(
    ("reduced", "expected"),
    [
        (lambda a: jnp.max(a, axis=1), 30),
        (lambda a: jnp.argmin(a, axis=1), 30),
        (lambda a: jnp.cumsum(a, axis=1), 30),
        (lambda a: jax.lax.top_k(a, 2), 30),
        (lambda a: jax.lax.reduce(a, 1.0, lambda x, y: x + y * y, (1,)), 2 * 30),
        (lambda a: jax.lax.reduce_window(a, 0.0, jax.lax.add, (1, 4), (1, 1), "VALID"), 4 * 21),
        (
            lambda a: jax.lax.reduce_window(
                a, 0.0, lambda x, y: x + y * y, (1, 4), (1, 1), "VALID"
            ),
            2 * 4 * 21,
        ),
    ],
)
def test_a_reduction_counts_its_inputs(reduced, expected):
    assert count_flops(reduced, *shapes((3, 10))) == expected


def test_a_sort_counts_comparisons():
    assert count_flops(lambda a: jnp.sort(a, axis=1), *shapes((3, 16))) == 3 * 16 * 4
    assert count_flops(lambda a: jnp.argsort(a, axis=0), *shapes((16, 3))) == 3 * 16 * 4


def eliminated(m, n):
    """Operations of Gaussian elimination: a column's multipliers, then what is left."""
    left = np.arange(min(m, n)) + 1.0
    return np.sum((m - left) + 2 * (m - left) * (n - left))


def halved(n):
    """Operations of Cholesky's elimination: that of a symmetric matrix, whose half is computed."""
    left = n - np.arange(n) - 1.0
    return np.sum(1 + left + left * (left + 1))


def substituted(n):
    """Operations of a substitution: the i-th unknown less i products, divided."""
    return np.sum(2 * np.arange(n) + 1.0)


SOLVE = jax.lax.linalg.triangular_solve
SVD = jax.lax.linalg.svd
N, M, K = 600, 900, 50


@pytest.mark.parametrize(
    ("function", "sizes", "expected"),
    [
        (partial(jax.lax.linalg.cholesky, symmetrize_input=False), [(N, N)], halved(N)),
        (partial(SOLVE, left_side=True), [(N, N), (N, K)], K * substituted(N)),
        (partial(SOLVE, left_side=False), [(N, N), (K, N)], K * substituted(N)),
        (jax.lax.linalg.lu, [(N, N)], 2 / 3 * N**3),
        (jax.lax.linalg.lu, [(N, N)], eliminated(N, N)),
        (jax.lax.linalg.lu, [(M, N)], eliminated(M, N)),
        (jax.lax.linalg.lu, [(N, M)], eliminated(N, M)),
        (partial(jax.lax.linalg.eigh, symmetrize_input=False), [(N, N)], 9 * N**3),
        (partial(SVD, compute_uv=False), [(N, N)], 8 / 3 * N**3),
        (partial(SVD, compute_uv=False), [(2 * N, N)], 20 / 3 * N**3),
        (partial(SVD, full_matrices=False), [(N, N)], 22 * N**3),
        (partial(SVD, full_matrices=False), [(2 * N, N)], 36 * N**3),
        (partial(SVD, full_matrices=False), [(N, 2 * N)], 36 * N**3),
        (partial(SVD, full_matrices=True), [(N, N)], 21 * N**3),
        (partial(SVD, full_matrices=True), [(N, 2 * N)], 41 * N**3),
    ],
)
def test_linear_algebra_counts_as_in_the_books(function, sizes, expected):
    """To leading order; what JAX does around it is of lower order."""
    assert count_flops(function, *shapes(*sizes)) == pytest.approx(expected, rel=0.02)
    batch = shapes(*[(2, 3, *size) for size in sizes])
    assert count_flops(function, *batch) == pytest.approx(6 * expected, rel=0.02)


def test_only_the_solve_of_a_linear_solve_counts():
    """LU and two substitutions, without the product and the transposed solve beside them."""
    expected = eliminated(N, N) + 2 * K * substituted(N)
    found = count_flops(jnp.linalg.solve, *shapes((N, N), (N, K)))
    assert found == pytest.approx(expected, rel=0.02)
