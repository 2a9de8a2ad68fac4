"""Predicted ends of learning curves against scikit-learn's ridge regression."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from nmjax import NmjaxError
from nmjax.predictors import fit_curves, predict_final
from nmjax.predictors.learning_curves import PENALTIES

TASKS, SIZE, EPOCHS, INPUTS = 3, 40, 4, 2


@pytest.fixture(scope="module")
def past():
    """Curves whose increase depends on the scores so far and on the architecture."""
    keys = jax.random.split(jax.random.key(0), 3)
    encoding = jax.random.normal(keys[0], (SIZE, INPUTS))
    start = jax.random.normal(keys[1], (TASKS, SIZE))
    steps = jnp.arange(EPOCHS, dtype=jnp.float32)[None, None, :]
    curve = start[..., None] * (1 + 0.3 * steps) + encoding[None, :, :1] * steps
    return curve + 0.1 * jax.random.normal(keys[2], curve.shape), encoding


def test_weights_are_those_of_ridge_regression(past):
    curve, encoding = past
    predictor = fit_curves(curve, encoding)
    unit = (np.asarray(curve) - predictor.location) / predictor.scale
    curve_penalty, encoding_penalty = PENALTIES[int(predictor.penalty)]
    scales = np.sqrt([curve_penalty] * 2 + [encoding_penalty] * INPUTS)
    x = np.concatenate([unit[..., :2], np.broadcast_to(encoding, (TASKS, SIZE, INPUTS))], -1)
    ridge = Ridge(alpha=TASKS * SIZE)
    ridge.fit((x / scales).reshape(-1, 4), (unit[..., -1] - unit[..., 1]).ravel())
    found = np.delete(np.asarray(predictor.weights[1]), [3, 4])
    np.testing.assert_allclose(found[1:], ridge.coef_ / scales, atol=2e-3)
    np.testing.assert_allclose(found[0], ridge.intercept_, atol=2e-3)
    np.testing.assert_array_equal(predictor.weights[1, 3:5], 0)


def test_variances_are_errors_on_tasks_left_out(past):
    curve, encoding = past
    predictor = fit_curves(curve, encoding)
    known = jnp.full(SIZE, 2, jnp.int32)
    errors = []
    for task in range(TASKS):
        others = fit_curves(jnp.delete(curve, task, axis=0), encoding)
        predicted = predict_final(others, curve[task], known, encoding).mean
        errors.append(jnp.mean(jnp.square(predicted - curve[task, :, -1])))
    np.testing.assert_allclose(predictor.variance[1], jnp.mean(jnp.stack(errors)), rtol=0.05)
    assert (jnp.diff(predictor.variance) < 0).all()


def test_scores_after_the_known_ones_are_not_read(past):
    curve, encoding = past
    predictor = fit_curves(curve, encoding)
    known = jnp.arange(SIZE, dtype=jnp.int32) % (EPOCHS + 1)
    hidden = jnp.where(jnp.arange(EPOCHS)[None, :] < known[:, None], curve[0], jnp.nan)
    found = predict_final(predictor, hidden, known, encoding)
    whole = predict_final(predictor, curve[0], known, encoding)
    np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(found.mean), known == 0)
    ended = np.asarray(known) == EPOCHS
    np.testing.assert_array_equal(found.mean[ended], curve[0, ended, -1])
    np.testing.assert_array_equal(found.std[ended], 0)


def test_failed_curves_are_left_out(past):
    curve, encoding = past
    failed = curve.at[:, ::7, 2:].set(jnp.nan)
    kept = np.arange(SIZE) % 7 != 0
    expected = fit_curves(curve[:, kept], encoding[kept])
    found = fit_curves(failed, encoding)
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-3)
    np.testing.assert_allclose(found.variance, expected.variance, rtol=1e-2)


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (jnp.ones((1, SIZE, EPOCHS)), "two tasks or more"),
        (jnp.ones((2, SIZE + 1, EPOCHS)), "two tasks or more"),
        (jnp.full((2, SIZE, EPOCHS), jnp.nan), "without a whole learning curve"),
    ],
)
def test_mistaken_curves_are_refused(curve, message):
    with pytest.raises(NmjaxError, match=message):
        fit_curves(curve, jnp.zeros((SIZE, INPUTS)))
