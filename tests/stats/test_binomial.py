import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nmjax.errors import NmjaxError
from nmjax.stats import clopper_pearson


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_the_interval_is_scipys(level):
    number = np.array([1, 7, 7, 7, 40, 40, 1000])
    count = np.array([0, 0, 3, 7, 2, 40, 50])
    ours = clopper_pearson(count, number, level=level)
    tests = [stats.binomtest(int(k), int(n)) for k, n in zip(count, number, strict=True)]
    theirs = [test.proportion_ci(level, method="exact") for test in tests]
    np.testing.assert_allclose(ours.low, [t.low for t in theirs], atol=1e-5)
    np.testing.assert_allclose(ours.high, [t.high for t in theirs], atol=1e-5)
    np.testing.assert_allclose(ours.estimate, count / number, rtol=1e-6)


def test_none_of_n_is_the_closed_form():
    high = jax.vmap(lambda n: clopper_pearson(0, n).high)(jnp.array([1, 5, 19]))
    np.testing.assert_allclose(high, 1 - 0.025 ** (1 / np.array([1, 5, 19])), atol=1e-5)


def test_no_trial_gives_the_full_interval():
    nothing = clopper_pearson(0, 0)
    assert np.isnan(nothing.estimate)
    assert (float(nothing.low), float(nothing.high)) == (0, 1)


def test_levels_are_checked():
    with pytest.raises(NmjaxError, match="level=95"):
        clopper_pearson(1, 2, level=95)
