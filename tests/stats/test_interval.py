import jax
import numpy as np
import pytest

from nmjax import stats
from nmjax.errors import NmjaxError

DRAWS = np.random.default_rng(0).normal(size=(200, 3, 2)).astype(np.float32)


def test_ends_are_numpys_quantiles():
    ours = jax.jit(lambda draws: stats.central_range(draws, level=0.8))(DRAWS)
    np.testing.assert_allclose(ours, np.quantile(DRAWS, [0.1, 0.9], axis=0), atol=1e-6)


def test_each_leaf_has_its_mean_between_its_ends():
    ours = stats.draws_interval({"a": DRAWS, "b": DRAWS[:, 0]})
    np.testing.assert_allclose(ours["a"].estimate, DRAWS.mean(0), atol=1e-6)
    np.testing.assert_allclose(ours["b"].high, np.quantile(DRAWS[:, 0], 0.975, 0), atol=1e-6)


def test_a_level_is_a_probability():
    with pytest.raises(NmjaxError, match="level=95"):
        stats.draws_interval(DRAWS, level=95)
