import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from nmjax.errors import NmjaxError
from nmjax.predictors import get_outcome_transform, log_lower_tail, standardize

NAMES = ("identity", "standardize", "log_lower_tail", "normal_scores")
SIZE = 9
OUTCOME_TRANSFORMS = {name: jax.jit(get_outcome_transform(name)) for name in NAMES}
FINITE = st.integers(-50, 50).map(lambda i: i / 8)
SCORES = arrays(np.float32, SIZE, elements=FINITE)
FAILURES = arrays(bool, SIZE)
TIED_AT_THE_TOP = np.array([-40, -3, 2, 2, 2, 2, 2, 2, 2], np.float32)


def with_failures(scores, failed):
    return jnp.where(failed, jnp.nan, scores)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=40, database=None, derandomize=True)
@given(scores=SCORES, failed=FAILURES)
def test_order_and_failures_are_kept(name, scores, failed):
    transformed = np.asarray(OUTCOME_TRANSFORMS[name](with_failures(scores, failed)))
    np.testing.assert_array_equal(np.isnan(transformed), failed)
    order = np.argsort(scores[~failed], kind="stable")
    steps = np.diff(transformed[~failed][order])
    assert np.all(steps >= -1e-6)
    gaps = np.diff(scores[~failed][order])
    assert np.all(np.abs(steps[gaps == 0]) < 1e-5)
    assert np.all(steps[gaps > 0] > 0)


@pytest.mark.parametrize("name", NAMES[1:])
@settings(deadline=None, max_examples=40, database=None, derandomize=True)
@given(scores=SCORES, failed=FAILURES, factor=st.sampled_from([0.25, 2.0, 8.0]), shift=FINITE)
@example(scores=TIED_AT_THE_TOP, failed=np.zeros(SIZE, bool), factor=8.0, shift=1.0)
def test_location_and_scale_do_not_matter(name, scores, failed, factor, shift):
    """Powers of two and eighths, so that no order is lost by rounding."""
    base = OUTCOME_TRANSFORMS[name](with_failures(scores, failed))
    moved = OUTCOME_TRANSFORMS[name](
        with_failures(np.float32(factor) * scores + np.float32(shift), failed)
    )
    np.testing.assert_allclose(moved, base, atol=2e-3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scores", [np.full(SIZE, np.nan), np.full(SIZE, 3.0), [np.nan, 2.0]])
def test_nothing_to_compare_stays_finite(name, scores):
    transformed = OUTCOME_TRANSFORMS[name](jnp.asarray(scores, jnp.float32))
    np.testing.assert_array_equal(np.isfinite(transformed), np.isfinite(scores))
    if name != "identity":
        np.testing.assert_allclose(transformed[~np.isnan(transformed)], 0, atol=1e-6)


@pytest.mark.parametrize("name", NAMES[1:])
def test_gradients_are_finite(name):
    scores = jnp.array([1.0, jnp.nan, -2.0, 0.5])
    slope = jax.jit(jax.grad(lambda s: jnp.nansum(get_outcome_transform(name)(s) ** 2)))(scores)
    assert np.isfinite(slope).all()


def test_normal_scores_are_van_der_waerdens():
    scores = np.array([0.3, 0.1, 0.3, np.nan, 7.0, -1.0], np.float32)
    kept = ~np.isnan(scores)
    expected = stats.norm.ppf((stats.rankdata(scores[kept]) - 0.5) / kept.sum())
    ours = np.asarray(OUTCOME_TRANSFORMS["normal_scores"](scores))
    np.testing.assert_allclose(ours[kept], expected, rtol=1e-5)


def test_standardize_is_the_z_score():
    scores = np.array([0.3, 0.1, np.nan, 7.0, -1.0], np.float32)
    expected = stats.zscore(scores, nan_policy="omit")
    np.testing.assert_allclose(OUTCOME_TRANSFORMS["standardize"](scores), expected, rtol=1e-5)


def test_log_lower_tail_limits_a_single_failure():
    scores = jnp.array([0.0, 1.0, 2.0, 3.0, 4.0])
    worse = scores.at[0].set(-1e4)
    gap = {
        name: np.diff(OUTCOME_TRANSFORMS[name](worse))[-1]
        for name in ("standardize", "log_lower_tail")
    }
    assert gap["log_lower_tail"] > 100 * gap["standardize"]


@pytest.mark.parametrize("outcome_transform", [standardize, log_lower_tail])
def test_the_map_of_a_reference_is_its_own_at_its_scores(outcome_transform):
    """The transform extrapolates monotonically; values outside the reference do not change it."""
    reference = np.array([0.0, 3.0, np.nan, 1.0, 7.0], np.float32)
    others = np.array([-50.0, 0.0, 1.0, 2.0, np.nan, 3.0, 7.0, 9.0], np.float32)
    ours, own = (
        np.asarray(jax.jit(outcome_transform)(others, reference)),
        np.asarray(outcome_transform(reference)),
    )
    np.testing.assert_allclose(ours[[1, 5, 2, 6]], own[[0, 1, 3, 4]])
    assert np.all(np.diff(ours[~np.isnan(others)]) > 0)
    slope = jax.jit(jax.grad(lambda s: jnp.nansum(outcome_transform(s, reference))))(others)
    assert np.all(np.asarray(slope)[~np.isnan(others)] > 0)


def test_standardize_by_a_reference_is_the_z_map():
    reference = np.array([0.3, 0.1, np.nan, 7.0, -1.0], np.float32)
    scores = np.array([4.0, -3.0], np.float32)
    expected = stats.zmap(scores, reference, nan_policy="omit")
    np.testing.assert_allclose(
        standardize(jnp.asarray(scores), jnp.asarray(reference)), expected, rtol=1e-5
    )


def test_unknown_names_are_refused():
    with pytest.raises(NmjaxError, match="standardize"):
        get_outcome_transform("standardise")
