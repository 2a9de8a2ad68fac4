import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from nmjax.errors import NmjaxError
from nmjax.predictors import KernelParams, gaussian_process, kernel_noise

RNG = np.random.default_rng(0)
X, POOL = RNG.normal(size=(10, 3)), RNG.normal(size=(6, 3))
Y = np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] + 0.1 * RNG.normal(size=10)
RELEVANCE, AMPLITUDE, INTERCEPT, NOISE = np.array([0.4, -0.9, 0.2]), 0.7, -0.3, -2.0


def params():
    return KernelParams(*map(jnp.asarray, (RELEVANCE, AMPLITUDE, INTERCEPT, NOISE)))


def fit(hyper, x, y, *, capacity=12):
    surrogate = gaussian_process(3, capacity=capacity)

    def body(state, observation):
        return surrogate.update(state, *observation), None

    return jax.lax.scan(body, surrogate.init(hyper), (jnp.asarray(x), jnp.asarray(y)))[0]


def reference(x, y):
    lengths = np.exp(-0.5 * RELEVANCE)
    kernel = ConstantKernel(np.exp(AMPLITUDE)) * Matern(length_scale=lengths, nu=2.5)
    kernel += ConstantKernel(np.exp(INTERCEPT))
    noise = float(kernel_noise(params()))
    return GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(x, y)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_scikit_learn(float64, wrap):
    surrogate = gaussian_process(3, capacity=12)
    state, theirs = wrap(fit)(params(), X, Y), reference(X, Y)
    mean, std = surrogate.predict(state, jnp.asarray(POOL))
    their_mean, their_covariance = theirs.predict(POOL, return_cov=True)
    np.testing.assert_allclose(mean, their_mean, rtol=1e-6)
    np.testing.assert_allclose(std**2, np.diag(their_covariance), rtol=1e-6)
    covariance = surrogate.covariance(state, jnp.asarray(POOL), jnp.asarray(POOL))
    np.testing.assert_allclose(covariance, their_covariance, atol=1e-7)
    evidence = theirs.log_marginal_likelihood_value_
    np.testing.assert_allclose(surrogate.log_evidence(state), evidence, rtol=1e-7)


def test_failures_are_left_out(float64):
    y = np.where(np.arange(10) % 3 == 1, np.nan, Y)
    kept = ~np.isnan(y)
    state, theirs = jax.jit(fit)(params(), X, y), reference(X[kept], Y[kept])
    assert int(state.number) == kept.sum()
    mean, std = gaussian_process(3, capacity=12).predict(state, jnp.asarray(POOL))
    their_mean, their_std = theirs.predict(POOL, return_std=True)
    np.testing.assert_allclose(mean, their_mean, rtol=1e-6)
    np.testing.assert_allclose(std, their_std, rtol=1e-6)


def test_conditioning_at_once_equals_one_by_one(float64):
    y = np.append(np.where(np.arange(10) % 3 == 1, np.nan, Y), [np.nan, np.nan])
    x = np.append(X, X[:2], axis=0)
    surrogate = gaussian_process(3, capacity=12)
    state = jax.jit(surrogate.condition)(params(), jnp.asarray(x), jnp.asarray(y))
    stepwise = jax.jit(fit)(params(), x, y)
    np.testing.assert_allclose(state.log_evidence, stepwise.log_evidence, rtol=1e-9)
    for found, expected in zip(
        *(surrogate.predict(s, jnp.asarray(POOL)) for s in (state, stepwise)), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_the_same_point_again_and_again_stays_finite():
    x = np.repeat(X[:1], 12, axis=0).astype(np.float32)
    quiet = params()._replace(log_noise=jnp.asarray(-20.0))
    state = jax.jit(fit)(jax.tree.map(jnp.float32, quiet), x, np.full(12, 1.5, np.float32))
    mean, std = gaussian_process(3, capacity=12).predict(state, jnp.asarray(x[:1]))
    np.testing.assert_allclose(mean, 1.5, atol=1e-2)
    assert np.isfinite(state.log_evidence)
    assert 0 <= std[0] < 0.05


def test_evidence_has_gradients(float64):
    check_grads(jax.jit(lambda p: fit(p, X, Y).log_evidence), (params(),), order=1, modes=["rev"])


def test_capacity_is_checked():
    with pytest.raises(NmjaxError, match="capacity=0"):
        gaussian_process(3, capacity=0)


def test_single_precision_suffices_for_smooth_curves_without_noise():
    """Twenty points of a sine under a process with large variance and almost no noise."""
    hyper = KernelParams(*(jnp.float32(v) for v in ([-3.0], 6.0, 6.0, -30.0)))
    surrogate = gaussian_process(1, capacity=20)
    x = np.random.default_rng(0).uniform(-5, 5, (20, 1)).astype(np.float32)
    observe = jax.jit(lambda state, xy: (surrogate.update(state, *xy), None))
    state, _ = jax.lax.scan(observe, surrogate.init(hyper), (jnp.asarray(x), np.sin(x[:, 0])))
    grid = np.linspace(-4.5, 4.5, 50, dtype=np.float32)[:, None]
    mean, _ = surrogate.predict(state, jnp.asarray(grid))
    np.testing.assert_allclose(mean, np.sin(grid[:, 0]), atol=0.1)


@pytest.mark.parametrize("log_variance", [-8.0, 6.0])
def test_draws_at_many_close_points_are_finite_whatever_the_variance(log_variance):
    """And of the same size in units of the standard deviation."""
    hyper = KernelParams(*(jnp.float32(v) for v in ([-2.0], log_variance, log_variance, -20.0)))
    surrogate = gaussian_process(1, capacity=2)
    state, pool = surrogate.init(hyper), jnp.linspace(-3, 3, 128, dtype=jnp.float32)[:, None]
    keys = jax.random.split(jax.random.key(0), 2000)
    drawn = jax.jit(jax.vmap(lambda key: surrogate.sample(key, state, pool)))(keys)
    spread = np.std(drawn, axis=0) / np.sqrt(2 * np.exp(log_variance))
    np.testing.assert_allclose(spread, 1, atol=5 / 4000**0.5)
