import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from nmjax import stats
from nmjax.types import Gaussian


def test_coverage_against_scipy_intervals():
    rng = np.random.default_rng(0)
    mean, y = rng.normal(size=(2, 3, 200)).astype(np.float32)
    std = rng.uniform(0.5, 2, (3, 200)).astype(np.float32)
    y[:, :50] = np.nan
    mask = rng.random((3, 200)) < 0.7
    kept = mask & ~np.isnan(y)
    levels = np.array([0.1, 0.5, 0.9], np.float32)
    expected = np.empty((3, 3))
    for i, level in enumerate(levels):
        low, high = scipy.stats.norm.interval(level, mean, std)
        expected[:, i] = ((low <= y) & (y <= high) & kept).sum(1) / kept.sum(1)
    coverage = jax.jit(stats.interval_coverage)(Gaussian(mean, std), y, levels, mask)
    np.testing.assert_allclose(coverage, expected, atol=1e-6)
    error = stats.calibration_error(Gaussian(mean, std), y, levels, mask)
    np.testing.assert_allclose(error, np.abs(expected - levels).mean(1), atol=1e-6)


def test_calibrated_predictions_pass_and_overconfident_ones_do_not():
    y = jax.random.normal(jax.random.key(0), (20_000,))
    right, sure = (Gaussian(jnp.zeros(()), jnp.asarray(std)) for std in (1.0, 0.5))
    assert stats.calibration_error(right, y) < 0.01
    levels = np.arange(0.05, 1, 0.05)
    covered = 2 * scipy.stats.norm.cdf(0.5 * scipy.stats.norm.ppf((1 + levels) / 2)) - 1
    expected = np.mean(levels - covered)
    np.testing.assert_allclose(stats.calibration_error(sure, y), expected, atol=0.01)


def test_no_score_is_nan():
    prediction = Gaussian(jnp.zeros(3), jnp.ones(3))
    assert np.isnan(stats.calibration_error(prediction, jnp.full(3, jnp.nan)))
