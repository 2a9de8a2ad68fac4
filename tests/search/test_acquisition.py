import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import integrate, stats

from nmjax.errors import NmjaxError
from nmjax.search import (
    AcquisitionContext,
    expected_improvement,
    get_acquisition,
    log_expected_improvement,
    upper_confidence_bound,
)
from nmjax.search.acquisition import log_standard_improvement
from nmjax.testing import check_acquisition
from nmjax.types import Gaussian, Mixture

MEAN = np.array([[0.2, -1.0, 0.5, -4.0], [0.0, 1.5, -2.0, -3.0]])
STD = np.array([[0.5, 1.0, 0.1, 0.3], [1.2, 0.3, 0.7, 1.0]])
WEIGHT = np.array([0.6, 0.4])
BEST = 0.4
NAMES = (
    "expected_improvement",
    "log_expected_improvement",
    "upper_confidence_bound",
    "thompson_sampling",
)


def posterior(dtype=None):
    mean, std, weight = (jnp.asarray(a, dtype) for a in (MEAN, STD, WEIGHT))
    return Mixture(jnp.log(weight), Gaussian(mean, std))


def context(best=BEST, exploration=1.5):
    def sample(key):
        return jax.random.normal(key, (4,))

    return AcquisitionContext(jnp.asarray(best), jnp.asarray(exploration), sample)


def improvement(best=BEST):
    """Closed form in float64 (Jones et al., 1998, equation 15), averaged over components."""
    u = (MEAN - best) / STD
    return WEIGHT @ (STD * (stats.norm.pdf(u) + u * stats.norm.cdf(u)))


@pytest.mark.parametrize("name", NAMES)
def test_conformance(name):
    check_acquisition(get_acquisition(name), posterior(jnp.float32), context())


class TestBroken:
    """What the conformance check must catch."""

    def check(self, acquire, message):
        with pytest.raises(AssertionError, match=message):
            check_acquisition(acquire, posterior(jnp.float32), context())

    def test_components_taken_apart(self):
        self.check(lambda key, p, c: jnp.max(p.components.mean, 0) + p.log_weights[0], "halves")

    def test_nothing_before_the_first_score(self):
        self.check(lambda key, p, c: p.components.mean[0] - c.best, "before any evaluation")

    def test_one_value_for_all(self):
        self.check(lambda key, p, c: jnp.mean(p.components.mean), "shape")


def test_expected_improvement_is_the_closed_form(float64):
    key = jax.random.key(0)
    np.testing.assert_allclose(
        expected_improvement()(key, posterior(), context()), improvement(), rtol=1e-6
    )
    logs = log_expected_improvement()(key, posterior(), context())
    np.testing.assert_allclose(logs, np.log(improvement()), atol=1e-5)


def test_expected_improvement_is_an_expectation():
    rng, number = np.random.default_rng(0), 200_000
    which = rng.choice(2, number, p=WEIGHT)
    draws = MEAN[which] + STD[which] * rng.normal(size=(number, 4))
    gains = np.maximum(draws - BEST, 0)
    ours = expected_improvement()(jax.random.key(0), posterior(jnp.float32), context())
    error = 5 * gains.std(0) / number**0.5 + 1e-6
    assert np.all(np.abs(ours - gains.mean(0)) < error)


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


def test_log_improvement_is_increasing():
    """Across the joints too, as far as float32 can tell neighbours apart."""
    values = log_standard_improvement(jnp.linspace(-60, 10, 1401))
    assert np.all(np.diff(values) > 0)


@pytest.mark.parametrize("u", [3.0, -1.0, -4.9, -6.0, -9.0, -12.0, -50.0])
def test_log_improvement_has_gradients(float64, u):
    check_grads(log_standard_improvement, (jnp.asarray(u),), order=1, modes=["rev"], rtol=1e-3)


@pytest.mark.parametrize("u", [-4.0, -8.0, -20.0, -1000.0])
def test_log_improvement_has_gradients_in_single_precision(u):
    """The slope is the ratio of the normal's cdf to the improvement."""
    slope = jax.grad(log_standard_improvement)(jnp.float32(u))
    theirs = np.exp(stats.norm.logcdf(u) - far_tail(u)) if u > -30 else -u - 2 / u
    np.testing.assert_allclose(slope, theirs, rtol=2e-3)


def test_no_spread_is_finite():
    certain = posterior(jnp.float32)
    certain = certain._replace(components=certain.components._replace(std=jnp.zeros((2, 4))))
    value = expected_improvement()(jax.random.key(0), certain, context())
    np.testing.assert_allclose(value, WEIGHT @ np.maximum(MEAN - BEST, 0), atol=1e-6)


def test_upper_confidence_bound(float64):
    ours = upper_confidence_bound()(jax.random.key(0), posterior(), context())
    mean = WEIGHT @ MEAN
    std = np.sqrt(WEIGHT @ (STD**2 + MEAN**2) - mean**2)
    np.testing.assert_allclose(ours, mean + 1.5 * std, rtol=1e-12)


def test_before_any_score_the_mean_decides():
    start = context(best=-np.inf)
    for name in ("expected_improvement", "log_expected_improvement"):
        value = get_acquisition(name)(jax.random.key(0), posterior(jnp.float32), start)
        np.testing.assert_allclose(value, WEIGHT @ MEAN, atol=1e-5)


def test_thompson_is_one_draw():
    value = get_acquisition("thompson_sampling")(
        jax.random.key(3), posterior(jnp.float32), context()
    )
    np.testing.assert_array_equal(value, context().sample(jax.random.key(3)))


def test_unknown_names_are_refused():
    with pytest.raises(NmjaxError, match="expected_improvement"):
        get_acquisition("expected improvement")
