import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import integrate, stats

from nmjax.search import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LogProbabilityOfImprovement,
    NoisyExpectedImprovement,
    ProbabilityOfImprovement,
)
from nmjax.search.acquisitions import log_standard_improvement, most_improving
from nmjax.types import Gaussian
from tests.search.acquisitions.conftest import BEST, MEAN, NOISE, STD, WEIGHT


def key():
    return jax.random.key(0)


def test_expected_improvement_is_the_closed_form(float64, world):
    """Jones et al., 1998, equation 15, averaged over components."""
    u = (MEAN - BEST) / STD
    closed = WEIGHT @ (STD * (stats.norm.pdf(u) + u * stats.norm.cdf(u)))
    posterior, context = world.posterior(jnp.float64), world.context(dtype=jnp.float64)
    ours = ExpectedImprovement()(key(), posterior, context)
    np.testing.assert_allclose(ours, closed, rtol=1e-6)
    logs = LogExpectedImprovement()(key(), posterior, context)
    np.testing.assert_allclose(logs, np.log(closed), atol=1e-5)


def test_expected_improvement_is_an_expectation(world):
    draws, which = world.draw(200_000)
    noise = np.random.default_rng(1).normal(size=draws.shape) * np.sqrt(NOISE)[which, None]
    gains = np.maximum(draws + noise - BEST, 0)
    ours = ExpectedImprovement()(key(), world.posterior(), world.context())
    error = 5 * gains.std(0) / len(gains) ** 0.5 + 1e-6
    assert np.all(np.abs(ours - gains.mean(0)) < error)


def test_probability_of_improvement_is_a_probability(world):
    draws, which = world.draw(200_000)
    noise = np.random.default_rng(1).normal(size=draws.shape) * np.sqrt(NOISE)[which, None]
    share = np.mean(draws + noise > BEST, axis=0)
    ours = ProbabilityOfImprovement()(key(), world.posterior(), world.context())
    assert np.all(np.abs(ours - share) < 5 * np.sqrt(share * (1 - share) / len(draws)) + 1e-6)


def test_improbable_improvements_are_ranked_correctly(world):
    value = LogProbabilityOfImprovement()(key(), world.posterior(), world.context(best=60.0))
    u = (MEAN - 60) / STD
    theirs = np.logaddexp(*(np.log(WEIGHT)[:, None] + stats.norm.logcdf(u)))
    np.testing.assert_allclose(value, theirs, rtol=1e-4)


def test_noisy_improvement_is_on_the_best_that_succeeded(world):
    """The improvement is over noise-free draws of the successful rows, not the best score."""
    draws, _ = world.draw(200_000)
    gains = np.maximum(draws - draws[:, :2].max(1, keepdims=True), 0)
    acquire = NoisyExpectedImprovement(draws=20_000)
    ours = acquire(key(), world.posterior(), world.context())
    assert np.all(np.abs(ours - gains.mean(0)) < 6 * gains.std(0) / 20_000**0.5 + 1e-6)
    lucky = acquire(key(), world.posterior(), world.context(best=5.0))
    np.testing.assert_array_equal(ours, lucky)


U = np.array([8.0, 1.0, 0.0, -1.0, -3.0, -4.99, -5.01, -7.0, -9.99, -10.01, -15.0, -40.0, -100.0])


def far_tail(u):
    """log of the integral over t > 0 of t pdf(t - u), its leading factor pdf(u) taken out."""
    tilted = integrate.quad(lambda t: t * np.exp(u * t - t * t / 2), 0, np.inf, epsabs=0)[0]
    return np.log(tilted) - u * u / 2 - 0.5 * np.log(2 * np.pi)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit, jax.vmap])
def test_log_improvement_against_quadrature(wrap):
    ours = wrap(log_standard_improvement)(jnp.asarray(U, jnp.float32))
    theirs = [far_tail(u) for u in U.astype(np.float32).astype(float)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-3)


def test_log_improvement_against_quadrature_in_double_precision(float64):
    """Where single precision hides how well the tail is approximated."""
    ours = log_standard_improvement(jnp.asarray(U))
    np.testing.assert_allclose(ours, [far_tail(u) for u in U], rtol=0, atol=1e-7)


def test_log_improvement_is_increasing():
    """Across the joints too, as far as float32 can tell neighbors apart."""
    values = log_standard_improvement(jnp.linspace(-60, 10, 1401))
    assert np.all(np.diff(values) > 0)


@pytest.mark.parametrize("u", [3.0, -1.0, -4.9, -6.0, -9.0, -12.0, -50.0])
def test_log_improvement_has_gradients(float64, u):
    check_grads(
        jax.jit(log_standard_improvement), (jnp.asarray(u),), order=1, modes=["rev"], rtol=1e-3
    )


@pytest.mark.parametrize("u", [-4.0, -8.0, -20.0, -1000.0])
def test_log_improvement_has_gradients_in_single_precision(u):
    """The slope is the ratio of the normal's cdf to the improvement."""
    slope = jax.jit(jax.grad(log_standard_improvement))(jnp.float32(u))
    theirs = np.exp(stats.norm.logcdf(u) - far_tail(u)) if u > -30 else -u - 2 / u
    np.testing.assert_allclose(slope, theirs, rtol=2e-3)


def test_no_spread_is_finite(world):
    certain = world.posterior()
    certain = certain._replace(components=certain.components._replace(std=jnp.zeros_like(MEAN)))
    certain = jax.tree.map(jnp.float32, certain)
    value = ExpectedImprovement()(key(), certain, world.context())
    np.testing.assert_allclose(value, WEIGHT @ np.maximum(MEAN - BEST, 0), atol=1e-6)


def test_the_most_improving_row_has_the_largest_expected_improvement():
    mean, std = jnp.array([0.9, 0.2, 0.5, 3.0]), jnp.array([0.05, 2.0, 0.1, 1.0])
    evaluated, score = jnp.array([False, False, False, True]), jnp.array([1.0, jnp.nan, 0.3])
    row = jax.jit(most_improving)(Gaussian(mean, std), score, evaluated)
    u = (np.asarray(mean) - 1) / np.asarray(std)
    closed = np.asarray(std) * (stats.norm.pdf(u) + u * stats.norm.cdf(u))
    assert row == np.argmax(np.where(evaluated, -1, closed)) == 1
    assert most_improving(Gaussian(mean, std), jnp.full(3, jnp.nan), evaluated) == 0


def test_the_most_improving_row_where_some_are_certain():
    """This includes a certain row whose mean equals the incumbent: its improvement is 0."""
    mean, std = jnp.array([1.0, 0.5, 2.0, 3.0, 2.5]), jnp.array([0.0, 0.0, 0.0, 0.0, jnp.nan])
    evaluated = jnp.array([False, False, False, True, False])
    row = jax.jit(most_improving)(Gaussian(mean, std), jnp.array([1.0]), evaluated)
    assert row == 2


@pytest.mark.parametrize(
    "make",
    [
        ExpectedImprovement,
        LogExpectedImprovement,
        LogProbabilityOfImprovement,
        NoisyExpectedImprovement,
        ProbabilityOfImprovement,
    ],
)
def test_before_any_score_the_mean_decides(make, world):
    value = make()(key(), world.posterior(), world.context(best=-np.inf))
    np.testing.assert_allclose(value, WEIGHT @ MEAN, atol=1e-5)
