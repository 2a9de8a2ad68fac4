import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nmjax.stats import truncated_moments
from nmjax.types import TruncatedGaussian

MEAN, STD = np.array([0.0, 0.4, -3.0, 0.0, 1.0]), np.array([1.0, 0.1, 0.5, 100.0, 2.0])
LOW, HIGH = np.array([-np.inf, -1.0, -1.0, -1.0, 0.0]), np.array([np.inf, 1.0, 1.0, 1.0, np.inf])


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_moments_are_scipys(float64, wrap):
    theirs = stats.truncnorm((LOW - MEAN) / STD, (HIGH - MEAN) / STD, MEAN, STD)
    mean, variance = wrap(truncated_moments)(
        TruncatedGaussian(*map(jnp.asarray, (MEAN, STD, LOW, HIGH)))
    )
    np.testing.assert_allclose(mean, theirs.mean(), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(variance, theirs.var(), rtol=1e-6)
