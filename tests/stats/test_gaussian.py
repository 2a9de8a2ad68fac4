import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from nmjax import stats
from nmjax.types import Gaussian, Mixture, MultivariateGaussian


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def covariance_of(rng, *shape):
    a = rng.normal(size=(*shape, shape[-1]))
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


def test_covariance_round_trip(rng):
    covariance = covariance_of(rng, 2, 4)
    joint = stats.from_covariance(jnp.zeros((2, 4)), jnp.asarray(covariance, jnp.float32))
    np.testing.assert_allclose(stats.to_covariance(joint), covariance, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(joint.scale_tril, np.tril(joint.scale_tril))


def test_indefinite_covariance_is_nan():
    joint = stats.from_covariance(jnp.zeros(2), jnp.array([[1.0, 2.0], [2.0, 1.0]]))
    assert np.isnan(joint.scale_tril).any()


def test_roots_of_negative_variances_have_zero_gradient():
    root, slope = jax.jit(jax.vmap(jax.value_and_grad(stats.positive_root)))(
        jnp.array([4.0, 0.0, -1e-7])
    )
    np.testing.assert_allclose(root, [2, 0, 0], atol=1e-18)
    assert (root > 0).all()
    np.testing.assert_array_equal(slope, [0.25, 0, 0])


def test_marginals_as_a_joint(rng):
    std = rng.uniform(0.5, 2, (3, 4)).astype(np.float32)
    marginals = Gaussian(jnp.zeros(4), jnp.asarray(std))
    expected = np.stack([np.diag(row**2) for row in std])
    np.testing.assert_allclose(stats.to_covariance(marginals), expected, rtol=1e-6)
    joint = stats.to_multivariate(marginals)
    assert joint.mean.shape == (3, 4)
    np.testing.assert_allclose(stats.to_covariance(joint), expected, rtol=1e-6)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_log_probs_against_scipy(rng, wrap):
    x, mean = rng.normal(size=(2, 5, 4)).astype(np.float32)
    std = rng.uniform(0.3, 3, 4).astype(np.float32)
    np.testing.assert_allclose(
        wrap(stats.gaussian_log_prob)(x, mean, std),
        scipy.stats.norm.logpdf(x, mean, std),
        rtol=1e-4,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        wrap(stats.student_t_log_prob)(x, 2.5, mean, std),
        scipy.stats.t.logpdf(x, 2.5, mean, std),
        rtol=1e-4,
        atol=1e-5,
    )
    covariance = covariance_of(rng, 4)
    joint = stats.from_covariance(jnp.zeros(4), jnp.asarray(covariance, jnp.float32))
    np.testing.assert_allclose(
        wrap(stats.multivariate_gaussian_log_prob)(x, *joint),
        scipy.stats.multivariate_normal.logpdf(x, np.zeros(4), covariance),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize(("df", "error"), [(0.7, 1e-5), (3.0, 1e-5), (80.0, 1e-5), (1e6, 2e-4)])
def test_the_distribution_function_of_a_student_t_against_scipy(df, error):
    x = np.linspace(-9, 9, 101, dtype=np.float32)
    theirs = scipy.stats.t.cdf(x, df, 0.5, 1.7)
    np.testing.assert_allclose(jax.jit(stats.student_t_cdf)(x, df, 0.5, 1.7), theirs, atol=error)


def test_log_prob_gradients():
    x = jnp.array([0.3, -1.2])
    scale_tril = jnp.array([[1.0, 0.0], [0.4, 0.8]])
    check_grads(jax.jit(stats.gaussian_log_prob), (x, 0.5 * x, 1 + x**2), order=1)
    check_grads(jax.jit(stats.student_t_log_prob), (x, 3 + x, 0.5 * x, 1 + x**2), order=1)
    check_grads(jax.jit(stats.multivariate_gaussian_log_prob), (x, 0.5 * x, scale_tril), order=1)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**16), st.integers(1, 5))
def test_mixture_moments_are_those_of_the_density(seed, size):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(size))
    mean, std = rng.normal(size=(size, 1)), rng.uniform(0.5, 2, (size, 1))
    grid = np.linspace(-20, 20, 4001)
    density = weights @ scipy.stats.norm.pdf(grid, mean, std)
    expected = np.trapezoid(grid * density, grid)
    variance = np.trapezoid((grid - expected) ** 2 * density, grid)
    components = Gaussian(jnp.asarray(mean, jnp.float32), jnp.asarray(std, jnp.float32))
    moments = stats.mixture_moments(Mixture(jnp.log(jnp.asarray(weights)), components))
    np.testing.assert_allclose(moments.mean, [expected], atol=1e-5)
    np.testing.assert_allclose(moments.std, [variance**0.5], rtol=1e-5)


def test_mixture_moments_broadcast_shared_weights(rng):
    log_weights = jnp.log(jnp.array([0.3, 0.7]))
    mean, std = jnp.asarray(rng.uniform(1, 2, (2, 3, 2, 5)), jnp.float32)
    batched = stats.mixture_moments(Mixture(log_weights, Gaussian(mean, std)))
    mapped = jax.vmap(lambda c: stats.mixture_moments(Mixture(log_weights, c)))(Gaussian(mean, std))
    assert batched.mean.shape == (3, 5)
    np.testing.assert_allclose(batched.std, mapped.std, rtol=1e-6)
    np.testing.assert_allclose(batched.mean, 0.3 * mean[:, 0] + 0.7 * mean[:, 1], rtol=1e-6)


def test_log_prob_is_traced_once_for_a_shape():
    traces = []

    @jax.jit
    def log_prob(x, joint):
        traces.append(None)
        return stats.multivariate_gaussian_log_prob(x, *joint)

    joint = MultivariateGaussian(jnp.zeros(3), jnp.eye(3))
    assert log_prob(jnp.zeros(3), joint) > log_prob(jnp.ones(3), joint)
    assert len(traces) == 1
