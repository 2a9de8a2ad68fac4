import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from nmjax.knowledge.information_gain import (
    compute_information_gain,
    expected_information_gain,
    realized_information_gain,
)
from nmjax.stats import import_tfp
from nmjax.types import Gaussian, MultivariateGaussian

NOISE = 0.3


@pytest.fixture(scope="module")
def regression():
    """A Bayesian linear model's posteriors after each observation, in float64 NumPy."""
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(8, 3)), rng.normal(size=3)
    y = x @ weights + NOISE**0.5 * rng.normal(size=8)
    precision, shift = np.eye(3), np.zeros(3)
    posteriors = [(np.zeros(3), np.eye(3))]
    for row, score in zip(x, y, strict=True):
        precision = precision + np.outer(row, row) / NOISE
        shift = shift + row * score / NOISE
        posteriors.append((np.linalg.solve(precision, shift), np.linalg.inv(precision)))
    before = posteriors[:-1]
    variance = np.array([row @ s @ row for row, (_, s) in zip(x, before, strict=True)])
    error = np.array([y[i] - x[i] @ m for i, (m, _) in enumerate(before)])
    return x, posteriors, variance.astype(np.float32), error.astype(np.float32)


def as_gaussian(moments):
    mean, covariance = moments
    tril = np.linalg.cholesky(covariance)
    return MultivariateGaussian(jnp.asarray(mean, jnp.float32), jnp.asarray(tril, jnp.float32))


def kl_by_hand(posterior, prior):
    (m, a), (n, b) = posterior, prior
    logs = np.linalg.slogdet(b)[1] - np.linalg.slogdet(a)[1]
    return 0.5 * (np.trace(np.linalg.solve(b, a)) + (n - m) @ np.linalg.solve(b, n - m) - 3 + logs)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit, jax.vmap])
def test_expected_gains_add_up_to_the_mutual_information(regression, wrap):
    x, _, variance, _ = regression
    gains = wrap(expected_information_gain)(variance, np.full(8, NOISE, np.float32))
    mutual_information = 0.5 * np.linalg.slogdet(np.eye(8) + x @ x.T / NOISE)[1]
    np.testing.assert_allclose(gains.sum(), mutual_information, rtol=1e-5)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_realized_gains_are_divergences_between_posteriors(regression, wrap):
    _, posteriors, variance, error = regression
    gains = wrap(realized_information_gain)(variance, NOISE, error)
    pairs = list(itertools.pairwise(posteriors))
    by_hand = [kl_by_hand(after, before) for before, after in pairs]
    np.testing.assert_allclose(gains, by_hand, rtol=1e-4)
    by_tfp = [compute_information_gain(as_gaussian(a), as_gaussian(b)) for a, b in pairs]
    np.testing.assert_allclose(gains, by_tfp, rtol=1e-3)


def test_realized_gain_averages_to_the_expected_one():
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    variance, noise = np.float32(1.7), np.float32(NOISE)
    errors = (nodes * (variance + noise) ** 0.5).astype(np.float32)
    average = weights @ realized_information_gain(variance, noise, errors) / weights.sum()
    np.testing.assert_allclose(average, expected_information_gain(variance, noise), rtol=1e-5)


def test_the_prior_comes_first():
    prior, posterior = Gaussian(jnp.zeros(1), jnp.ones(1)), Gaussian(jnp.ones(1), jnp.full(1, 0.5))
    gain = compute_information_gain(prior, posterior)
    np.testing.assert_allclose(gain, 0.5 * (0.25 + 1 - 1 - np.log(0.25)), rtol=1e-6)


def test_gradients_and_one_trace():
    traces = []

    @jax.jit
    def gain(variance, noise, error):
        traces.append(None)
        return realized_information_gain(variance, noise, error)

    check_grads(gain, (jnp.array([0.5, 2.0]), 0.3, jnp.array([0.1, -1.0])), order=1, modes=["rev"])
    before = len(traces)
    gain(jnp.array([1.0, 3.0]), 0.3, jnp.array([0.0, 1.0]))
    assert len(traces) == before
    np.testing.assert_array_equal(expected_information_gain(jnp.zeros(2), 1.0), [0, 0])


def test_tfp_distributions_are_taken_beside_ours():
    tfd = import_tfp().distributions
    prior = Gaussian(jnp.zeros(2), jnp.ones(2))
    posterior = Gaussian(jnp.array([0.5, -1.0]), jnp.array([0.3, 0.8]))
    variance, mean = np.square(posterior.std), np.asarray(posterior.mean)
    expected = 0.5 * np.sum(variance + mean**2 - 1 - np.log(variance))
    for before in (prior, tfd.Normal(0.0, jnp.ones(2)), tfd.MultivariateNormalDiag(*prior)):
        gain = compute_information_gain(before, posterior)
        np.testing.assert_allclose(gain, expected, rtol=1e-6)
