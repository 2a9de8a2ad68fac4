import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from nmjax.meta import (
    Batch,
    DeepKernelParams,
    LastLayerParams,
    alpaca,
    deep_kernel,
    init_deep_kernel,
    init_last_layer,
)
from nmjax.predictors import KernelParams, Network, kernel_noise
from nmjax.tasks import Episode

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(2, 3))
X, Y = RNG.normal(size=(3, 9, 2)), RNG.normal(size=(3, 9))
POOL = RNG.normal(size=(6, 2))
LAST_LAYER = RNG.normal(size=4), RNG.normal(size=(4, 4)), -1.5
KERNEL = np.array([0.4]), 0.7, -0.3, -2.0
MEAN = 0.8


def features(weights, x):
    return jnp.tanh(x @ weights)


def last_layer():
    return LastLayerParams(*map(jnp.asarray, (WEIGHTS, *LAST_LAYER)))


def kernel():
    hyper = KernelParams(*map(jnp.asarray, KERNEL))
    return DeepKernelParams(jnp.asarray(WEIGHTS), jnp.asarray(MEAN), hyper)


def batch(failed=()):
    y = jnp.asarray(Y[0]).at[jnp.array(failed, int)].set(jnp.nan)
    return Batch(jnp.asarray(X[0]), y, jnp.ones(9, bool))


def episodes():
    x, y, mask = jnp.asarray(X), jnp.asarray(Y), jnp.ones((3, 9), bool)
    return Episode(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:], mask[:, :4], mask[:, 4:])


def test_alpaca_is_bayesian_linear_regression(float64):
    learner = alpaca(features, optax.sgd(1.0))
    adapted = jax.jit(learner.adapt)(last_layer(), batch(failed=[2]), None).params
    mean, std = learner.predict(adapted, jnp.asarray(POOL))

    def design(x):
        return np.column_stack([np.tanh(x @ WEIGHTS), np.ones(len(x))])

    whitened_mean, factor, log_noise = LAST_LAYER
    kept, noise = np.arange(9) != 2, np.exp(log_noise) + 1e-4
    inputs, scores = design(X[0][kept]), Y[0][kept]
    precision = np.linalg.inv(factor @ factor.T)
    covariance = np.linalg.inv(precision + inputs.T @ inputs / noise)
    prior = precision @ factor @ whitened_mean
    weights = covariance @ (prior + inputs.T @ scores / noise)
    np.testing.assert_allclose(mean, design(POOL) @ weights, rtol=1e-8)
    variance = np.diag(design(POOL) @ covariance @ design(POOL).T) + noise
    np.testing.assert_allclose(std**2, variance, rtol=1e-8)


def test_a_last_layer_begins_with_unit_variance():
    params = init_last_layer(jnp.eye(2), 2)
    learner = alpaca(lambda weights, x: x @ weights, optax.sgd(1.0))
    nothing = Batch(jnp.zeros((1, 2)), jnp.full((1,), jnp.nan), jnp.ones(1, bool))
    prior = jax.jit(learner.adapt)(params, nothing, None).params
    mean, std = learner.predict(prior, jnp.array([[0.6, 0.8]]))
    np.testing.assert_array_equal(mean, 0)
    np.testing.assert_allclose(std**2, 2 + np.exp(-2) + 1e-4, rtol=1e-5)


def process(x, y, mean, log_relevance, log_amplitude, log_intercept, log_noise):
    covariance = ConstantKernel(np.exp(log_amplitude)) * Matern(
        np.exp(-0.5 * log_relevance[0]), nu=2.5
    ) + ConstantKernel(np.exp(log_intercept))
    noise = np.exp(log_noise) + 1e-4 * (np.exp(log_amplitude) + np.exp(log_intercept))
    regressor = GaussianProcessRegressor(covariance, alpha=noise, optimizer=None)
    return regressor.fit(np.tanh(x @ WEIGHTS), y - mean)


def test_deep_kernel_conditions_a_process_on_features(float64):
    learner = deep_kernel(features, optax.sgd(1.0))
    adapted = jax.jit(learner.adapt)(kernel(), batch(failed=[2, 7]), None).params
    mean, std = learner.predict(adapted, jnp.asarray(POOL))
    kept = np.isin(np.arange(9), [2, 7], invert=True)
    theirs = process(X[0][kept], Y[0][kept], MEAN, *KERNEL)
    their_mean, their_std = theirs.predict(np.tanh(POOL @ WEIGHTS), return_std=True)
    np.testing.assert_allclose(mean, their_mean + MEAN, rtol=1e-6)
    noise = float(kernel_noise(kernel().kernel))
    np.testing.assert_allclose(std**2, their_std**2 + noise, rtol=1e-6)


@pytest.mark.slow
def test_deep_kernel_maximizes_the_marginal_likelihood_of_all_data(float64):
    learner = deep_kernel(features, optax.sgd(1.0))
    start = learner.init(jax.random.key(0), kernel())
    after, info = jax.jit(learner.update)(jax.random.key(0), start, episodes(), None)
    moved = jax.tree.map(lambda a, b: a - b, after.params, start.params)
    ours = np.concatenate([np.ravel(leaf) for leaf in (moved.mean, *moved.kernel)])

    def evidence(flat):
        hyper = flat[0], flat[1:2], *flat[2:]
        tasks = [process(x, y, *hyper) for x, y in zip(X, Y, strict=True)]
        return np.mean([task.log_marginal_likelihood_value_ for task in tasks]) / 9

    at = np.array([MEAN, *KERNEL[0], *KERNEL[1:]])
    central = [(evidence(at + d) - evidence(at - d)) / 2e-5 for d in 1e-5 * np.eye(5)]
    np.testing.assert_allclose(ours, central, rtol=1e-5, atol=1e-8)
    evaluated = jax.jit(learner.evaluate)(start.params, episodes(), None)
    np.testing.assert_allclose(info.query_losses, evaluated)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "begin"), [(alpaca, last_layer), (deep_kernel, kernel)], ids=["alpaca", "deep_kernel"]
)
def test_gradients_through_conditioning(float64, make, begin):
    learner = make(features, optax.sgd(1.0))

    @jax.jit
    def loss(params):
        return jnp.mean(learner.evaluate(params, episodes(), None))

    check_grads(loss, (begin(),), order=1, modes=["rev"], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "begin"), [(alpaca, init_last_layer), (deep_kernel, init_deep_kernel)]
)
def test_gradients_stay_finite_where_there_is_no_uncertainty(make, begin):
    """A prior of no variance: the square root's derivative there is infinite."""
    network = Network((8,), activation="tanh")
    params = begin(network.init(jax.random.key(0), 2), 8)
    if make is alpaca:
        params = params._replace(factor=jnp.zeros_like(params.factor))
    else:
        none = jnp.asarray(-200.0)
        kernel = params.kernel._replace(log_amplitude=none, log_intercept=none)
        params = params._replace(kernel=kernel)
    same = jax.tree.map(lambda leaf: jnp.full_like(leaf, 1), episodes())
    learner = make(network.features, optax.sgd(1.0))
    gradient = jax.jit(jax.grad(lambda p: jnp.mean(learner.evaluate(p, same, None))))(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
