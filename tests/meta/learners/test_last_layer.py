import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads
from scipy.stats import multivariate_normal

from nmjax.meta import Batch, LastLayerParams, last_layer_evidence, last_layer_features

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=6)
SCORES = np.append(Y, [np.nan, 2.0])
BATCH = Batch(
    jnp.asarray(np.concatenate([X, RNG.normal(size=(2, 3))]), jnp.float32),
    jnp.asarray(SCORES, jnp.float32),
    jnp.arange(8) != 7,
)
PARAMS = LastLayerParams(
    None,
    *(jnp.asarray(RNG.normal(size=shape), jnp.float32) for shape in ((4,), (4, 4))),
    jnp.asarray(-1.0),
)
EVIDENCE = last_layer_evidence(lambda params, x: x)


def test_the_evidence_is_a_normal_density_of_the_known_scores():
    embedded = np.column_stack([X, np.ones(6)]) @ np.asarray(PARAMS.factor, float)
    covariance = embedded @ embedded.T + np.exp(-1) * np.eye(6)
    expected = multivariate_normal(embedded @ np.asarray(PARAMS.mean), covariance).logpdf(Y)
    np.testing.assert_allclose(jax.jit(EVIDENCE)(PARAMS, BATCH), expected, rtol=1e-4)


def test_the_evidence_is_differentiable():
    check_grads(
        lambda params: EVIDENCE(params, BATCH), (PARAMS,), order=1, modes=["rev"], rtol=2e-2
    )


def test_features_are_those_of_standard_normal_weights():
    """Draws of the function around its mean have the covariance of the features."""
    embedded = np.asarray(last_layer_features(lambda params, x: x)(PARAMS, BATCH.x))
    weights = RNG.normal(size=(20_000, 4)) @ np.asarray(PARAMS.factor).T
    draws = weights @ np.column_stack([np.asarray(BATCH.x), np.ones(8)]).T
    np.testing.assert_allclose(np.cov(draws.T), embedded @ embedded.T, rtol=0.1, atol=0.3)
