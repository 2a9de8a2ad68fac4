import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats
from sklearn.linear_model import BayesianRidge

from nmjax.errors import NmjaxError
from nmjax.predictors import LinearPrior, bayesian_linear

SURROGATE = bayesian_linear()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4))
Y = X @ RNG.normal(size=4) + 0.4 * RNG.normal(size=12)
POOL = RNG.normal(size=(6, 4))
MEAN, VARIANCE = np.array([0.5, -1.0, 0.0, 0.2]), np.array([2.0, 0.5, 1.0, 0.3])
NOISE, SHAPE, RATE = 0.4, 2.5, 1.7


def prior(variance=VARIANCE):
    return LinearPrior(*map(jnp.asarray, (MEAN, variance, NOISE, SHAPE, RATE)))


def fit(hyper, x, y):
    def body(state, observation):
        return SURROGATE.update(state, *observation), None

    return jax.lax.scan(body, SURROGATE.init(hyper), (jnp.asarray(x), jnp.asarray(y)))[0]


fit_jitted = jax.jit(fit)


@pytest.mark.parametrize("fit", [fit, fit_jitted], ids=["plain", "jitted"])
def test_closed_form(float64, fit):
    state = fit(prior(), X, Y)
    precision = np.diag(1 / VARIANCE) + X.T @ X / NOISE
    covariance = np.linalg.inv(precision)
    weights = covariance @ (MEAN / VARIANCE + X.T @ Y / NOISE)
    joint = X @ np.diag(VARIANCE) @ X.T + NOISE * np.eye(12)
    residual = Y - X @ MEAN
    shape, rate = SHAPE + 6, RATE + 0.5 * residual @ np.linalg.solve(joint, residual)
    np.testing.assert_allclose([state.shape, state.rate], [shape, rate], rtol=1e-10)
    mean, std = SURROGATE.predict(state, jnp.asarray(POOL))
    np.testing.assert_allclose(mean, POOL @ weights, rtol=1e-9)
    variance = np.diag(POOL @ covariance @ POOL.T) * rate / shape
    np.testing.assert_allclose(std**2, variance, rtol=1e-9)
    student = stats.multivariate_t(X @ MEAN, joint * RATE / SHAPE, df=2 * SHAPE)
    np.testing.assert_allclose(SURROGATE.log_evidence(state), student.logpdf(Y), rtol=1e-10)


def test_scikit_learn(float64):
    ridge = BayesianRidge(
        fit_intercept=False, alpha_init=1 / NOISE, lambda_init=1 / 1.5, max_iter=1, tol=1e9
    ).fit(X, Y)
    hyper = LinearPrior(
        jnp.zeros(4),
        jnp.full(4, ridge.alpha_ / ridge.lambda_),
        jnp.ones(()),
        jnp.asarray(1e12),
        jnp.asarray(1e12) / ridge.alpha_,
    )
    state = fit_jitted(hyper, X, Y)
    mean, std = SURROGATE.predict(state, jnp.asarray(POOL))
    theirs, their_std = ridge.predict(POOL, return_std=True)
    np.testing.assert_allclose(mean, theirs, rtol=1e-6)
    np.testing.assert_allclose(std**2, their_std**2 - 1 / ridge.alpha_, rtol=1e-6)


def test_zero_prior_variance_excludes_a_feature(float64):
    barred = VARIANCE * np.array([1, 1, 0, 1])
    state = fit_jitted(prior(barred), X, Y)
    changed = POOL + np.array([0, 0, 7.0, 0])
    for ours, theirs in zip(
        SURROGATE.predict(state, jnp.asarray(changed)),
        SURROGATE.predict(state, jnp.asarray(POOL)),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    without = LinearPrior(
        *(np.delete(leaf, 2) if np.ndim(leaf) else leaf for leaf in prior(barred))
    )
    small = fit_jitted(LinearPrior(*map(jnp.asarray, without)), np.delete(X, 2, axis=1), Y)
    np.testing.assert_allclose(state.log_evidence, small.log_evidence, rtol=1e-12)


def test_order_does_not_matter(float64):
    forth, back = fit_jitted(prior(), X, Y), fit_jitted(prior(), X[::-1], Y[::-1])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10), forth, back)


def test_evidence_has_gradients(float64):
    def evidence(variance, noise, shape):
        return fit(prior(variance)._replace(noise=noise, shape=shape), X, Y).log_evidence

    check_grads(jax.jit(evidence), (jnp.asarray(VARIANCE), 0.4, 2.5), order=1, modes=["rev"])


def test_a_batch_is_one_trace():
    traces = []

    @jax.jit
    @jax.vmap
    def evidence(hyper):
        traces.append(None)
        return fit(hyper, X.astype(np.float32), Y.astype(np.float32)).log_evidence

    hypers = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), prior())
    first = evidence(hypers)
    second = evidence(jax.tree.map(lambda leaf: leaf[::-1], hypers))
    assert len(traces) == 1
    np.testing.assert_allclose(first, second[::-1], rtol=1e-6)
    assert first[0] != first[1]


@pytest.mark.parametrize(
    "broken",
    [
        {"mean": jnp.zeros(3)},
        {"variance": jnp.ones(())},
        {"mean": jnp.zeros(()), "variance": 1.0},
        {"mean": jnp.zeros((2, 4)), "variance": jnp.ones((2, 4))},
        {"noise": jnp.ones(4)},
        {"shape": jnp.ones(1)},
        {"rate": jnp.ones((2, 1))},
    ],
)
def test_shapes_are_checked(broken):
    with pytest.raises(NmjaxError, match="mean and variance"):
        SURROGATE.init(prior()._replace(**broken))
