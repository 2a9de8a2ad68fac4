"""Failure rates against quadrature and closed forms, and what they must learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from nmjax.predictors import (
    flat_failure_rates,
)
from nmjax.predictors.feasibility import PAIR_SHAPE, PART_SHAPE, RATE
from tests.failing_parts import after, every_architecture, probability


@pytest.fixture(scope="module")
def pool():
    return every_architecture()


def test_nothing_is_discounted_before_a_failure(pool):
    _, parts = pool
    assert np.all(after(flat_failure_rates(12), parts, np.zeros(len(parts), bool), 40) == 1)


def test_padding_is_not_read(pool):
    _, parts = pool
    seen, failed = parts[:16], jnp.arange(16) % 5 == 0
    counted = jnp.arange(16) < 8
    garbage = jnp.where(counted[:, None], seen, 1.0)
    prior = flat_failure_rates(12)
    np.testing.assert_array_equal(
        probability(prior, seen, failed, counted, parts),
        probability(prior, garbage, failed | ~counted, counted, parts),
    )


def test_rates_of_parts_without_failures_have_their_closed_form():
    """One part failed elsewhere; successes of the others update their gamma distributions."""
    seen = jnp.eye(3)[jnp.array([0, 1, 1, 1])]
    failed = jnp.array([True, False, False, False])
    found = probability(flat_failure_rates(3), seen, failed, jnp.ones(4, bool), jnp.eye(3))
    successes = np.array([3, 0])
    expected = (1 + 1 / (RATE + successes)) ** -PART_SHAPE
    np.testing.assert_allclose(found[1:], expected, rtol=1e-5)


@pytest.mark.parametrize(("failures", "successes"), [(1, 0), (4, 0), (16, 0), (8, 4), (2, 12)])
def test_one_cause_agrees_with_quadrature(failures, successes):
    number = failures + successes
    failed = jnp.arange(number) < failures
    prior = flat_failure_rates(1)._replace(shape=jnp.full((1, 1), 0.5), rate=jnp.full((1, 1), 0.5))
    one = jnp.ones((1, 1))
    found = probability(prior, jnp.ones((number, 1)), failed, jnp.ones(number, bool), one)

    def density(w, more):
        return (
            gamma.pdf(w, 0.5, scale=2)
            * (-np.expm1(-w)) ** failures
            * np.exp(-w * (successes + more))
        )

    mass, other = (quad(density, 0, np.inf, args=(more,))[0] for more in (0, 1))
    assert abs(float(found[0]) - other / mass) < 0.06


def test_an_option_that_always_fails_is_found(pool):
    rows, parts = pool
    failed = rows[:, 1] == 2
    found = after(flat_failure_rates(12), parts, failed, 40)
    assert found[failed].max() < 0.1
    assert found[~failed].min() > 0.9


def test_two_options_that_fail_together_are_found(pool):
    rows, parts = pool
    failed = (rows[:, 1] == 2) & (rows[:, 3] == 0)
    found = after(flat_failure_rates(12), parts, failed, 40)
    assert found[failed].max() < 0.1
    assert found[~failed].min() > 0.9


def test_the_order_of_evaluations_does_not_matter(pool):
    rows, parts = pool
    order = np.random.default_rng(0).permutation(81)[:24]
    failed = jnp.asarray(rows[:, 1] == 2)
    prior, counted = flat_failure_rates(12), jnp.ones(24, bool)
    there, back = (
        probability(prior, parts[rows], failed[rows], counted, parts)
        for rows in (order, order[::-1])
    )
    np.testing.assert_allclose(there, back, rtol=1e-4)


def test_many_parts_have_no_pairs():
    assert flat_failure_rates(300).shape.shape == (1, 300)
    assert np.unique(flat_failure_rates(3).shape).tolist() == pytest.approx(
        [PAIR_SHAPE, PART_SHAPE]
    )
