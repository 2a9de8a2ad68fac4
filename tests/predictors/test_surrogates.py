"""One conformance test over the family, and what it must catch."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.predictors import (
    KernelParams,
    LinearPrior,
    bayesian_linear,
    default_kernel,
    gaussian_process,
    kernel_noise,
)
from nmjax.predictors.linear import BayesianLinear
from nmjax.stats import gaussian_log_prob, student_t_log_prob
from nmjax.testing import check_surrogate

X = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
Y = np.sin(2 * X[:, 0]) + np.float32(0.3) * X[:, 1]


class Case(NamedTuple):
    surrogate: object
    hyper: object
    log_density: object
    unit: object


def linear_case(make=bayesian_linear):
    surrogate = make()
    prior = LinearPrior(
        jnp.array([0.5, 0.0, -0.2]), jnp.array([1.0, 0.4, 0.0]), *jnp.array([0.3, 2.0, 1.5])
    )

    def unit(state):
        return state.rate / state.shape

    def log_density(state, x, y):
        mean, std = surrogate.predict(state, x[None])
        spread = jnp.sqrt(std[0] ** 2 + prior.noise * unit(state))
        return student_t_log_prob(y, 2 * state.shape, mean[0], spread)

    return Case(surrogate, prior, log_density, unit)


def process_case():
    surrogate = gaussian_process(3, capacity=9)
    params = KernelParams(jnp.array([0.3, 0.3, -1.0]), *jnp.array([0.2, -0.5, -1.5]))

    def log_density(state, x, y):
        mean, std = surrogate.predict(state, x[None])
        return gaussian_log_prob(y, mean[0], jnp.sqrt(std[0] ** 2 + kernel_noise(params)))

    return Case(surrogate, params, log_density, lambda _: jnp.ones(()))


@pytest.mark.parametrize("case", [linear_case, process_case])
def test_conformance(case):
    surrogate, hyper, log_density, unit = case()
    check_surrogate(surrogate, hyper, X, Y, log_density=log_density, unit=unit)


class WrongEvidence(BayesianLinear):
    def log_evidence(self, state):
        return state.log_evidence * 1.01


class TooSure(BayesianLinear):
    def sample(self, key, state, pool):
        mean = self.predict(state, pool).mean
        return mean + 0.5 * (super().sample(key, state, pool) - mean)


class LearnsFromFailure(BayesianLinear):
    def update(self, state, x, y):
        return super().update(state, x, jnp.nan_to_num(y))


class ForgetsTheMean(BayesianLinear):
    def covariance(self, state, a, b):
        return super().covariance(state, a, b) * state.shape / (state.shape - 1)


class GrowsLessSure(BayesianLinear):
    def update(self, state, x, y):
        updated = super().update(state, x, y)
        return updated._replace(covariance=updated.covariance + 0.05 * jnp.eye(3))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (WrongEvidence, "evidence"),
        (TooSure, "covariance of draws"),
        (LearnsFromFailure, "failed evaluation"),
        (ForgetsTheMean, "diagonal"),
        (GrowsLessSure, "less sure|failed evaluation"),
    ],
)
def test_a_search_that_breaks_the_protocol_is_reported(kind, message):
    surrogate, hyper, log_density, unit = linear_case(kind)
    with pytest.raises(AssertionError, match=message):
        check_surrogate(surrogate, hyper, X, Y, log_density=log_density, unit=unit)


def test_more_than_the_capacity_is_not_kept():
    surrogate, params, *_ = process_case()
    small = gaussian_process(surrogate.size, capacity=2)
    state = small.init(params)
    for row, score in zip(X[:2], Y[:2], strict=True):
        state = small.update(state, row, score)
    full = small.update(state, X[2], Y[2])
    np.testing.assert_array_equal(full.white, state.white)
    assert full.number == 2


@pytest.mark.parametrize("case", [linear_case, process_case])
def test_shapes_that_would_broadcast_are_refused(case):
    surrogate, hyper, *_ = case()
    state = surrogate.init(hyper)
    with pytest.raises(NmjaxError, match="x of shape"):
        surrogate.update(state, jnp.zeros(1), jnp.zeros(()))
    with pytest.raises(NmjaxError, match="y of shape"):
        surrogate.update(state, jnp.zeros(3), jnp.zeros(1))
    with pytest.raises(NmjaxError, match="pool of shape"):
        surrogate.predict(state, jnp.zeros((5, 1)))


def test_relevances_of_another_number_are_refused():
    with pytest.raises(NmjaxError, match="relevances of shape"):
        gaussian_process(3, capacity=2).init(default_kernel(2))
