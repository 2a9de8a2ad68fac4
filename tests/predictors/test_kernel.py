import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats
from sklearn.gaussian_process.kernels import Matern

from nmjax.predictors import (
    KernelParams,
    default_kernel,
    kernel_covariance,
    kernel_noise,
    kernel_variance,
    log_marginal_likelihood,
    matern,
    noisy_covariance,
    noisy_factor,
    spectral_features,
)

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(7, 3)), RNG.normal(size=(5, 3))
RELEVANCE = np.array([0.4, -0.9, 0.2])
PARAMS = (0.7, -0.3, -1.2)


def params(dtype=None):
    return KernelParams(jnp.asarray(RELEVANCE, dtype), *(jnp.asarray(p, dtype) for p in PARAMS))


def reference(a, b):
    return np.exp(PARAMS[0]) * Matern(length_scale=np.exp(-0.5 * RELEVANCE), nu=2.5)(a, b)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_scikit_learn(float64, wrap):
    ours = wrap(matern)(params(), jnp.asarray(A), jnp.asarray(B))
    np.testing.assert_allclose(ours, reference(A, B), rtol=1e-8)


def test_a_constant_adds_to_variances_and_covariances_alike(float64):
    ours = jax.jit(kernel_covariance)(params(), jnp.asarray(A), jnp.asarray(A))
    np.testing.assert_allclose(ours, reference(A, A) + np.exp(PARAMS[1]), rtol=1e-8)
    np.testing.assert_allclose(np.diagonal(ours), kernel_variance(params()), rtol=1e-8)


def test_single_precision_is_near():
    ours = matern(params(), jnp.asarray(A, jnp.float32), jnp.asarray(A, jnp.float32))
    np.testing.assert_allclose(ours, reference(A, A), atol=2e-5)


def test_one_relevance_is_that_of_every_feature():
    one, three = (default_kernel(size, num_groups=3) for size in (1, 3))
    a = jnp.asarray(A, jnp.float32)
    np.testing.assert_allclose(matern(one, a, a), matern(three, a, a), rtol=1e-6)


def test_default_kernel_has_unit_variance_and_unit_spread():
    kernel = default_kernel(3, num_groups=2)
    unit = matern(kernel, jnp.zeros((1, 3)), jnp.zeros((1, 3)))
    np.testing.assert_allclose(unit, 1, rtol=1e-5)
    one_each = jnp.array([[1.0, 1.0, 0.0]])
    expected = Matern(nu=2.5)([[0.0]], [[1.0]])
    np.testing.assert_allclose(matern(kernel, jnp.zeros((1, 3)), one_each), expected, rtol=1e-5)


@pytest.mark.parametrize("failed", [(), (1, 4)])
def test_marginal_likelihood(float64, failed):
    y = RNG.normal(size=7)
    y[list(failed)] = np.nan
    kept = ~np.isnan(y)
    covariance = reference(A[kept], A[kept]) + np.exp(PARAMS[1])
    covariance += float(kernel_noise(params())) * np.eye(kept.sum())
    theirs = stats.multivariate_normal(np.zeros(kept.sum()), covariance).logpdf(y[kept])
    ours = jax.jit(log_marginal_likelihood)(params(), jnp.asarray(A), jnp.asarray(y))
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)


@pytest.mark.parametrize("failed", [(), (1, 4)])
def test_marginal_likelihood_has_gradients(float64, failed):
    y = np.sin(A[:, 0])
    y[list(failed)] = np.nan
    check_grads(
        jax.jit(lambda p: log_marginal_likelihood(p, jnp.asarray(A), jnp.asarray(y))),
        (params(),),
        order=1,
        modes=["rev"],
    )


def test_spectral_features_are_the_correlations_on_average(float64):
    keys = jax.random.split(jax.random.key(0), 400)
    draw = jax.vmap(lambda key: spectral_features(key, jnp.asarray(A), number=64))
    drawn = jax.jit(draw)(keys)
    inner = np.einsum("rnm,rlm->rnl", drawn, drawn)
    tolerance = 5 * inner.std(0).max() / len(keys) ** 0.5
    np.testing.assert_allclose(inner.mean(0), Matern(nu=2.5)(A), atol=tolerance)
    assert tolerance < 0.05


def test_repeated_observations_without_noise_are_factorized_with_the_noise_floor():
    noiseless = params(jnp.float32)._replace(log_noise=jnp.float32(-jnp.inf))
    x, counts = jnp.zeros((64, 3)), jnp.ones(64, bool)
    factor, covariance = jax.jit(
        lambda kernel: (noisy_factor(kernel, x, counts), noisy_covariance(kernel, x))
    )(noiseless)
    floor = float(kernel_noise(noiseless))
    assert 0 < floor < 1e-2 * float(kernel_variance(noiseless))
    np.testing.assert_allclose(np.float64(factor) @ np.float64(factor).T, covariance, rtol=1e-5)
    pivots = np.square(np.diagonal(factor))
    np.testing.assert_allclose(pivots[1:], floor, rtol=1)


def test_a_covariance_that_cannot_be_factorized_shows_in_the_likelihood():
    x = jnp.array([[0.0], [jnp.nan], [1.0]])
    likelihood = log_marginal_likelihood(default_kernel(1), x, jnp.arange(3.0))
    assert jnp.isnan(likelihood)
