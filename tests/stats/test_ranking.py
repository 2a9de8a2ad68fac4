import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nmjax import stats
from nmjax.errors import NmjaxError

PAIRS = {
    "spearman": (stats.spearman, scipy.stats.spearmanr),
    "kendall": (stats.kendall, scipy.stats.kendalltau),
}
JITTED = {name: jax.jit(ours) for name, (ours, _) in PAIRS.items()}
tied = hnp.arrays(np.float32, (2, 12), elements=st.integers(-3, 3).map(float))


@settings(deadline=None, max_examples=30)
@given(tied)
def test_rank_against_scipy(x):
    np.testing.assert_array_equal(jax.jit(stats.rank)(x), scipy.stats.rankdata(x, axis=-1))


@pytest.mark.parametrize("name", PAIRS)
@settings(deadline=None, max_examples=30)
@given(tied, hnp.arrays(bool, 12))
def test_correlation_against_scipy(name, pair, mask):
    _, theirs = PAIRS[name]
    kept = pair[:, mask]
    constant = mask.sum() < 2 or (np.ptp(kept, axis=1) == 0).any()
    expected = np.nan if constant else theirs(*kept).statistic
    np.testing.assert_allclose(JITTED[name](*pair, mask), expected, atol=1e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_failed_evaluations_are_left_out(name):
    ours, theirs = PAIRS[name]
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40)).astype(np.float32)
    expected = theirs(a[10:], b[10:]).statistic
    a[:5], b[5:10] = np.nan, np.nan
    np.testing.assert_allclose(jax.jit(ours)(a, b), expected, atol=1e-5)


def test_rank_of_infinities_and_masked_rows():
    x = jnp.array([jnp.inf, 1.0, jnp.nan, jnp.inf, -jnp.inf, 0.0])
    mask = jnp.array([True, True, True, True, True, False])
    np.testing.assert_array_equal(stats.rank(x, mask), [3.5, 2, np.nan, 3.5, 1, np.nan])
    np.testing.assert_array_equal(stats.rank(jnp.array([7, 3, 3])), [3, 1.5, 1.5])


@pytest.mark.parametrize("name", PAIRS)
def test_batches_and_one_trace(name):
    ours, theirs = PAIRS[name]
    traces = []

    @jax.jit
    def correlate(a, b):
        traces.append(None)
        return ours(a, b)

    rng = np.random.default_rng(1)
    for _ in range(2):
        a, b = rng.normal(size=(3, 50)).astype(np.float32), rng.normal(size=50).astype(np.float32)
        expected = [theirs(row, b).statistic for row in a]
        np.testing.assert_allclose(correlate(a, b), expected, atol=1e-5)
    assert len(traces) == 1


def test_a_large_pool_keeps_precision():
    rng = np.random.default_rng(2)
    a = rng.normal(size=26_206).astype(np.float32)
    b = (a + 0.05 * rng.normal(size=a.size)).astype(np.float32)
    np.testing.assert_allclose(
        JITTED["spearman"](a, b), scipy.stats.spearmanr(a, b).statistic, atol=2e-6
    )


@pytest.mark.parametrize("correlation", [stats.spearman, stats.kendall])
def test_sides_of_different_sizes_are_refused(correlation):
    with pytest.raises(NmjaxError, match="same last axis"):
        correlation(jnp.zeros(4), jnp.zeros(1))
