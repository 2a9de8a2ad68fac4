import jax
import numpy as np

from nmjax.search import KnowledgeGradient
from tests.search.acquisitions.conftest import COVARIANCE, MEAN, NOISE, SIZE, STD, WEIGHT


def key():
    return jax.random.key(0)


def brute_force(alternatives):
    """Posteriors after many drawn evaluations of each row, within each component."""
    z = np.random.default_rng(0).normal(size=100_000)
    rows = np.argsort(-(WEIGHT @ MEAN))[:alternatives]
    gain = np.zeros(SIZE)
    for mean, covariance, noise, weight in zip(MEAN, COVARIANCE, NOISE, WEIGHT, strict=True):
        for x in range(SIZE):
            able = np.union1d(rows, x)
            y = mean[x] + np.sqrt(covariance[x, x] + noise) * z
            kalman = covariance[able, x] / (covariance[x, x] + noise)
            after = mean[able] + kalman * (y - mean[x])[:, None]
            gain[x] += weight * (after.max(1).mean() - mean[able].max())
    return gain


def test_knowledge_gradient_is_the_rise_of_the_best_mean(world):
    ours = KnowledgeGradient()(key(), world.posterior(), world.context())
    np.testing.assert_allclose(ours, brute_force(SIZE), rtol=0.02, atol=2e-3)


def test_few_alternatives(world):
    ours = KnowledgeGradient(alternatives=2)(key(), world.posterior(), world.context())
    np.testing.assert_allclose(ours, brute_force(2), rtol=0.02, atol=2e-3)
    assert np.any(np.abs(brute_force(SIZE) - brute_force(2)) > 0.01)


def test_known_values_have_no_knowledge_gradient(world):
    """An evaluation of pure noise has none either."""
    context = world.context()
    certain = context._replace(
        noise=np.float32(STD[:, 0] ** 2),
        covariance=lambda rows: np.zeros((2, len(rows), SIZE), np.float32),
    )
    posterior = world.posterior()
    flat = posterior.components._replace(std=np.float32(np.tile(STD[:, :1], (1, SIZE))))
    value = KnowledgeGradient()(key(), posterior._replace(components=flat), certain)
    np.testing.assert_allclose(value, 0, atol=1e-6)
