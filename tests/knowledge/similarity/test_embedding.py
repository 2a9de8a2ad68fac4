import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.knowledge import LearnConfig, embedding_similarity, task_embedding
from nmjax.knowledge.features import predictor_network

RNG = np.random.default_rng(0)
# So small that the inner loop does not overshoot, as meta-training makes it.
NETWORK = jax.tree.map(lambda leaf: 0.5 * leaf, predictor_network().init(jax.random.key(0), 3))
X = jnp.asarray(RNG.normal(size=(12, 3)), jnp.float32)


def test_an_embedding_is_what_gradient_descent_changes():
    """Weights of two thirds and one third equal two evaluations and one."""
    y = jnp.float32([1.0, -2.0])
    weights = jnp.float32([2 / 3, 1 / 3])
    ours = task_embedding(NETWORK, X[:2], y, weights)
    params, twice = NETWORK, jnp.array([0, 0, 1])

    def loss(params):
        return jnp.mean(jnp.square(predictor_network().apply(params, X[twice]) - y[twice]))

    for _ in range(LearnConfig.inner_steps):
        gradient = jax.grad(loss)(params)
        params = jax.tree.map(lambda p, g: p - LearnConfig.inner_rate * g, params, gradient)
    theirs = jax.tree.map(lambda after, before: after - before, params, NETWORK)
    np.testing.assert_allclose(ours, jax.flatten_util.ravel_pytree(theirs)[0], atol=1e-5)


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
