"""Conversion to TensorFlow Probability and back, against SciPy's densities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from nmjax import stats
from nmjax.errors import NmjaxError
from nmjax.types import (
    Categorical,
    Dirichlet,
    Gaussian,
    Mixture,
    MultivariateGaussian,
    TruncatedGaussian,
)

MEAN = jnp.array([[0.5, -1.0], [2.0, 0.0], [0.1, 0.2]])
STD = jnp.array([[1.0, 0.5], [2.0, 0.1], [0.3, 1.5]])
POINT = np.array([0.3, -0.4])


@pytest.fixture(autouse=True)
def implicit_promotion():
    """TensorFlow Probability's own methods need it."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def independent():
    return Gaussian(MEAN, STD)


def joint():
    factor = jnp.array([[1.0, 0.0], [0.7, 0.4]])
    return MultivariateGaussian(MEAN, jnp.stack([factor, 2 * factor, 3 * factor]))


def truncated():
    return TruncatedGaussian(MEAN, STD, jnp.full((3, 2), -3.0), jnp.full((3, 2), 1.0))


def mixture():
    weights = jnp.log(jnp.array([0.2, 0.3, 0.5]))
    return Mixture(weights, independent())


def density(distribution):
    """Log-densities by SciPy."""
    if isinstance(distribution, Gaussian):
        return scipy.stats.norm(*distribution).logpdf(POINT).sum(-1)
    if isinstance(distribution, MultivariateGaussian):
        return [
            scipy.stats.multivariate_normal(mean, factor @ factor.T).logpdf(POINT)
            for mean, factor in zip(*map(np.asarray, distribution), strict=True)
        ]
    if isinstance(distribution, TruncatedGaussian):
        mean, std, low, high = map(np.asarray, distribution)
        law = scipy.stats.truncnorm((low - mean) / std, (high - mean) / std, mean, std)
        return law.logpdf(POINT).sum(-1)
    each = np.exp(density(distribution.components))
    return np.log(np.exp(distribution.log_weights) @ each)


@pytest.mark.parametrize("make", [independent, joint, truncated, mixture])
def test_densities_and_round_trip(make):
    ours = make()
    theirs = stats.to_distribution(ours)
    np.testing.assert_allclose(theirs.log_prob(POINT), density(ours), rtol=1e-4)
    back = stats.from_distribution(theirs)
    assert type(back) is type(ours)
    for leaf, expected in zip(jax.tree.leaves(back), jax.tree.leaves(ours), strict=True):
        np.testing.assert_allclose(leaf, expected, rtol=1e-6)


@pytest.mark.parametrize("ours", [Categorical(MEAN), Dirichlet(STD)])
def test_options_keep_their_parameters(ours):
    back = stats.from_distribution(stats.to_distribution(ours))
    assert type(back) is type(ours)
    np.testing.assert_allclose(back[0], ours[0], rtol=1e-6)


def test_a_prediction_becomes_a_distribution_under_jit():
    @jax.jit
    def log_prob(mean, std):
        return stats.to_distribution(Gaussian(mean, std)).log_prob(POINT)

    np.testing.assert_allclose(log_prob(MEAN, STD), density(independent()), rtol=1e-5)


def test_categorical_by_probabilities():
    tfd = stats.import_tfp().distributions
    logits = stats.from_distribution(tfd.Categorical(probs=jnp.array([0.2, 0.8]))).logits
    np.testing.assert_allclose(jax.nn.softmax(logits), [0.2, 0.8], rtol=1e-6)


def test_a_mixture_of_scalars():
    tfd = stats.import_tfp().distributions
    weights = tfd.Categorical(logits=jnp.array([1.0, 2.0]))
    theirs = tfd.MixtureSameFamily(weights, tfd.Normal(jnp.array([0.0, 1.0]), 2.0))
    ours = stats.from_distribution(theirs)
    np.testing.assert_allclose(jnp.sum(jnp.exp(ours.log_weights)), 1.0, rtol=1e-6)
    np.testing.assert_allclose(ours.components.mean, [[0.0], [1.0]])
    np.testing.assert_allclose(ours.components.std, [[2.0], [2.0]])


def test_unsupported_parts_are_refused():
    tfd = stats.import_tfp().distributions
    with pytest.raises(NmjaxError, match="Gamma"):
        stats.from_distribution(tfd.Gamma(1.0, 1.0))
    family = tfd.Independent(tfd.TruncatedNormal(MEAN, STD, -3.0, 3.0), 1)
    truncated_mixture = tfd.MixtureSameFamily(tfd.Categorical(jnp.zeros(3)), family)
    with pytest.raises(NmjaxError, match="mixture of Independent"):
        stats.from_distribution(truncated_mixture)
    with pytest.raises(NmjaxError, match="Cannot convert float"):
        stats.to_distribution(1.0)
    with pytest.raises(NmjaxError, match="Gaussian of scalars"):
        stats.to_distribution(Gaussian(jnp.array(0.0), jnp.array(1.0)))
