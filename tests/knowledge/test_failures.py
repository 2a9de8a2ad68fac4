"""What past failures tell about a new task."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.knowledge.failures import learn_failure_rates, learn_failures
from nmjax.knowledge.standardized_past import standardize_past
from nmjax.predictors import (
    flat_component,
    initial_failure_model,
    log_success_probability,
)
from nmjax.spaces import Space
from nmjax.tasks import make_history
from nmjax.types import Metric
from tests.failing_parts import after, every_architecture


@pytest.fixture(scope="module")
def pool():
    return every_architecture()


@jax.jit
def learned(parts, failed):
    return learn_failure_rates(parts, failed, jnp.ones(len(parts), bool), tasks=6)


def test_a_past_without_failures_discounts_nothing(pool):
    _, parts = pool
    nothing = np.zeros(81, bool)
    assert np.all(after(learned(parts, nothing), parts, nothing, 40) == 1)


def test_the_past_tells_before_the_first_failure(pool):
    rows, parts = pool
    failed = rows[:, 1] == 2
    past = learned(parts, failed)
    found, without = (
        np.exp(log_success_probability(initial_failure_model(rates, 12), parts))
        for rates in (past, flat_component(past))
    )
    assert found[failed].max() < 0.3
    assert found[~failed].min() > 0.9
    assert np.all(without == 1)


def test_a_past_that_failed_elsewhere_is_corrected(pool):
    rows, parts = pool
    past_failed, failed = rows[:, 1] == 2, rows[:, 0] == 0
    past = learned(parts, past_failed)
    found = after(past, parts, failed, 40)
    assert found[failed].max() < 0.2
    assert found[~failed].min() > 0.8


def test_a_past_without_failures_is_the_same_traced_or_not():
    space = Space(a=["x", "y"], b=["x", "y"])
    history = make_history([[[0, 1], [1, 1]]], {"score": [[0.2, 0.3]]})
    past = standardize_past(history, space=space, metric=Metric("score"))
    eager = learn_failures(past, space=space)
    traced = jax.jit(lambda past: learn_failures(past, space=space))(past)
    assert not eager.informed
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6), eager, traced)
