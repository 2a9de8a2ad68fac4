import jax
import jax.numpy as jnp
import numpy as np
from scipy import integrate, stats

from nmjax.search import (
    InformationAboutAffinity,
    InformationAboutFunction,
    MaxValueEntropySearch,
)
from nmjax.types import Gaussian, Mixture
from tests.search.acquisitions.conftest import COVARIANCE, MEAN, NOISE, SIZE, STD, WEIGHT


def key():
    return jax.random.key(0)


def entropy(density):
    def integrand(y):
        p = density(y)
        return -p * np.log(p) if p > 0 else 0.0

    return integrate.quad(integrand, -30, 30, limit=500, points=[-4, -1, 0, 1, 2])[0]


def test_information_about_the_function(float64, world):
    """The entropy of a noisy evaluation less that of its noise, in each component."""
    posterior, context = world.posterior(jnp.float64), world.context(dtype=jnp.float64)
    ours = InformationAboutFunction()(key(), posterior, context)
    theirs = WEIGHT @ np.stack(
        [
            [stats.norm(scale=s).entropy() - stats.norm(scale=n).entropy() for s in row]
            for row, n in zip(STD, np.sqrt(NOISE), strict=True)
        ]
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_information_about_task_affinity(float64, world):
    """The entropy of the mixture less those of its components, by quadrature."""
    posterior, context = world.posterior(jnp.float64), world.context(dtype=jnp.float64)
    ours = InformationAboutAffinity()(key(), posterior, context)
    theirs = []
    for m, s in zip(MEAN.T, STD.T, strict=True):
        mixed = entropy(lambda y, m=m, s=s: WEIGHT @ stats.norm.pdf(y, m, s))
        theirs.append(mixed - WEIGHT @ stats.norm(m, s).entropy())
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    assert np.all(ours >= 0)
    assert np.all(ours <= stats.entropy(WEIGHT) + 1e-6)


def test_information_about_the_maximum(float64, world):
    """Of one component: the entropy of a score less that of it below each drawn best value."""
    one = Mixture(jnp.zeros((1,)), Gaussian(jnp.asarray(MEAN[:1]), jnp.asarray(STD[:1])))
    root = jnp.asarray(np.linalg.cholesky(COVARIANCE[0]))

    def sample(key):
        return MEAN[0] + root @ jax.random.normal(key, (SIZE,))

    context = world.context(dtype=jnp.float64)
    context = context._replace(noise=jnp.asarray(NOISE[:1]), sample=sample)
    ours = MaxValueEntropySearch(draws=20)(key(), one, context)
    std = np.sqrt(np.diag(COVARIANCE[0]))
    best = np.max([sample(key) for key in jax.random.split(key(), 20)], axis=1)
    theirs = [
        np.mean(
            [
                stats.norm(m, s).entropy()
                - stats.truncnorm(-12, (b - m) / s, loc=m, scale=s).entropy()
                for b in best
            ]
        )
        for m, s in zip(MEAN[0], std, strict=True)
    ]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
