import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import softmax

from nmjax.meta import Batch, init_process, neural_process

RNG = np.random.default_rng(0)
ENCODER, DECODER, ATTENTION = (RNG.normal(size=shape) for shape in ((3, 4), (6, 5), (2, 3)))
X, Y, POOL = RNG.normal(size=(6, 2)), RNG.normal(size=6), RNG.normal(size=(7, 2))


def features(weights, x):
    return jnp.tanh(x @ weights)


def begin(attention=None):
    networks = map(jnp.asarray, (ENCODER, DECODER))
    return init_process(jax.random.key(0), *networks, 5, attention)


def predict(params, attend=None, *, mask=True):
    learner = neural_process(features, features, optax.sgd(1.0), attend=attend)
    y = np.where(np.arange(6) == 1, np.nan, Y)
    batch = Batch(jnp.asarray(X), jnp.asarray(y), jnp.asarray(np.full(6, mask)))

    @jax.jit
    def adapt_and_predict(params, batch):
        return learner.predict(learner.adapt(params, batch, None).params, jnp.asarray(POOL))

    return adapt_and_predict(params, batch)


def by_hand(params, weights):
    kept = np.arange(6) != 1
    values = np.tanh(np.column_stack([X, Y])[kept] @ ENCODER)
    decoded = np.tanh(np.column_stack([POOL, weights @ values]) @ DECODER)
    mean, spread = (decoded @ np.asarray(params.weight) + np.asarray(params.bias)).T
    return mean, 0.01 + np.log1p(np.exp(spread))


@pytest.mark.slow
def test_a_process_decodes_the_mean_of_what_it_encodes(float64):
    expected = by_hand(begin(), np.full((7, 5), 1 / 5))
    for ours, theirs in zip(predict(begin()), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_attention_weights_similar_points(float64):
    params = begin(jnp.asarray(ATTENTION))
    queries, keys = np.tanh(POOL @ ATTENTION), np.tanh(np.delete(X, 1, axis=0) @ ATTENTION)
    expected = by_hand(params, softmax(queries @ keys.T / np.sqrt(3), axis=-1))
    for ours, theirs in zip(predict(params, features), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_without_evaluations_the_summary_is_zero(float64):
    params = begin(jnp.asarray(ATTENTION))
    expected = by_hand(params, np.zeros((7, 5)))
    for ours, theirs in zip(predict(params, features, mask=False), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
