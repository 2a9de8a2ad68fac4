from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import optimize, special

from nmjax import relax, spaces

SPACE = spaces.get_space("nas-bench-graph-proteins")
MASK = np.asarray(spaces.option_mask(SPACE))
LOGITS = np.random.default_rng(0).normal(scale=2, size=MASK.shape).astype(np.float32)
WEIGHTS = np.random.default_rng(1).normal(size=MASK.shape).astype(np.float32)


def sparsemax_of(scaled):
    """Weights max(z - t, 0) that sum to 1, by root finding."""
    at = optimize.brentq(
        lambda t: np.maximum(scaled - t, 0).sum() - 1, scaled.min() - 1, scaled.max()
    )
    return np.maximum(scaled - at, 0)


def entmax_of(scaled):
    """Weights max(z / 2 - t, 0)^2 that sum to 1, by root finding."""
    half = scaled / 2
    at = optimize.brentq(
        lambda t: np.square(np.maximum(half - t, 0)).sum() - 1, half.min() - 1, half.max()
    )
    return np.square(np.maximum(half - at, 0))


def topk_of(scaled):
    """Sigmoids that sum to 2, by root finding; ones for two options or fewer."""
    if len(scaled) <= 2:
        return np.ones(len(scaled))
    at = optimize.brentq(lambda t: special.expit(scaled - t).sum() - 2, -300, 300, xtol=1e-13)
    return special.expit(scaled - at)


def smooth_top2(logits, temperature, mask):
    return relax.smooth_topk(logits, 2, temperature, mask)


MAPS = {
    "softmax": (relax.masked_softmax, special.softmax),
    "sparsemax": (relax.sparsemax, sparsemax_of),
    "entmax": (relax.entmax15, entmax_of),
    "gates": (relax.sigmoid_gates, special.expit),
    "topk": (smooth_top2, topk_of),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps_agree_with_root_finding_on_the_options_that_exist(name):
    relax_by, reference = MAPS[name]
    for temperature in (0.1, 1.0, 7.0):
        found = np.asarray(relax_by(LOGITS, temperature, MASK))
        for row, count in enumerate(SPACE.num_options):
            expected = reference(LOGITS[row, :count].astype(np.float64) / temperature)
            np.testing.assert_allclose(found[row, :count], expected, rtol=1e-4, atol=2e-6)
            np.testing.assert_array_equal(found[row, count:], 0)


@pytest.mark.parametrize("name", MAPS)
def test_gradients_agree_with_finite_differences(name):
    with jax.enable_x64(True):
        arguments = (jnp.asarray(LOGITS, jnp.float64), jnp.float64(0.8))
        check_grads(jax.jit(partial(MAPS[name][0], mask=MASK)), arguments, order=1, modes=["rev"])


@pytest.mark.parametrize("name", MAPS)
def test_a_logit_of_minus_infinity_bars_an_option(name):
    logits = LOGITS.copy()
    logits[0, 2] = -np.inf

    def score(logits, temperature):
        weights = MAPS[name][0](logits, temperature, MASK)
        return jnp.sum(WEIGHTS * weights), weights

    evaluate = jax.jit(jax.grad(score, argnums=(0, 1), has_aux=True))
    gradients, weights = evaluate(logits, 0.5)
    assert weights[0, 2] == 0
    assert gradients[0][0, 2] == 0
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_sparse_maps_give_equal_logits_equal_weights():
    logits = np.float32([[1.0, 1.0, 1.0, 0.5], [0.0, 0.0, 0.0, 0.0], [5.0, 5.0, -5.0, -5.0]])
    mask = np.ones(logits.shape, bool)
    for relax_by in (relax.sparsemax, relax.entmax15):
        weights = np.asarray(relax_by(logits, 1.0, mask))
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-6)
        np.testing.assert_allclose(weights[1], 0.25, rtol=1e-6)
        np.testing.assert_allclose(weights[2], [0.5, 0.5, 0, 0], atol=1e-6)
        assert weights[0, 0] == weights[0, 1] == weights[0, 2]
