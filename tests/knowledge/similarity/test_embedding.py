import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.knowledge import embedding_similarity, task_embedding
from nmjax.knowledge.features import network_features, predictor_network
from nmjax.meta import init_last_layer

RNG = np.random.default_rng(0)
NETWORK = init_last_layer(predictor_network().init(jax.random.key(0), 3), size=32, scale=0.5)
X = jnp.asarray(RNG.normal(size=(12, 3)), jnp.float32)


def test_an_embedding_is_the_posterior_mean_of_a_bayesian_regression():
    """A weight of 2 equals evaluating twice."""
    y, weights, twice = np.array([1.0, -2.0]), np.array([2.0, 1.0]), np.array([0, 0, 1])
    loading = np.asarray(network_features(NETWORK, X[twice]), float)[:, 1:]
    noise = np.exp(-2.0) + 1e-6
    gram = loading @ loading.T + noise * np.eye(3)
    expected = loading.T @ np.linalg.solve(gram, y[twice])
    ours = task_embedding(NETWORK, X[:2], jnp.float32(y), jnp.float32(weights))
    np.testing.assert_allclose(ours, expected, atol=1e-3)


@pytest.mark.slow
def test_a_task_is_similar_to_itself_and_not_to_its_opposite():
    score = jnp.asarray(RNG.normal(size=12), jnp.float32)
    other = jnp.asarray(RNG.normal(size=12), jnp.float32)
    predicted = jnp.stack([score, 3 * score + 1, -score, other], axis=-1)
    compare = jax.jit(embedding_similarity)
    found = compare(jax.random.key(0), NETWORK, X, predicted, score)
    same, scaled, opposite, unlike = found.estimate
    np.testing.assert_allclose(same, scaled, atol=0.1)
    assert same > 0.75
    assert opposite < -0.6
    assert opposite < unlike < same
    assert found.high[2] < found.low[0]
    none = compare(jax.random.key(0), NETWORK, X, predicted, jnp.full(12, jnp.nan))
    np.testing.assert_allclose(none.estimate, 0, atol=0.2)
    np.testing.assert_allclose(none.low, -0.95, atol=0.08)
    np.testing.assert_allclose(none.high, 0.95, atol=0.08)
