import chex
import hypothesis
import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import strategies as st
from jax.test_util import check_grads

from nmjax.analysis import (
    evaluations_to_reach,
    evaluations_to_reach_interval,
    format_evaluations,
    incumbent,
    incumbent_position,
    normalized_regret,
    not_worse,
    pool_quantile,
    pool_summary,
)
from nmjax.errors import NmjaxError

NAN = np.nan
SCORES = hnp.arrays(
    np.float32, (3, 7), elements=st.floats(-100, 100, width=32) | st.just(float("nan"))
)
quickly = hypothesis.settings(deadline=None, max_examples=40, derandomize=True)
incumbent_jitted = jax.jit(incumbent)
pool_quantile_jitted = jax.jit(pool_quantile)


@quickly
@hypothesis.given(SCORES)
def test_incumbent_is_the_best_success_so_far(scores):
    expected = np.full(scores.shape, NAN, np.float32)
    for item, step in np.ndindex(scores.shape):
        successes = [s for s in scores[item, : step + 1] if not np.isnan(s)]
        if successes:
            expected[item, step] = max(successes)
    np.testing.assert_array_equal(incumbent(scores), expected)
    np.testing.assert_array_equal(incumbent_jitted(scores), expected)
    np.testing.assert_array_equal(jax.vmap(incumbent)(scores), expected)


@quickly
@hypothesis.given(SCORES)
def test_incumbent_position_is_that_of_the_first_best(scores):
    expected = np.full(scores.shape, -1)
    for item, step in np.ndindex(scores.shape):
        so_far = scores[item, : step + 1]
        if not np.isnan(so_far).all():
            expected[item, step] = np.nanargmax(so_far)
    np.testing.assert_array_equal(incumbent_position(scores), expected)


def test_incumbent_of_minus_infinity_is_a_success():
    np.testing.assert_array_equal(incumbent(jnp.array([NAN, -jnp.inf, 1.0])), [NAN, -np.inf, 1.0])


def test_incumbent_is_differentiable():
    scores = jnp.array([[0.3, 0.1, 0.9, 0.5], [0.2, 0.4, 0.3, 0.6]])
    check_grads(incumbent_jitted, (scores,), order=1, modes=["rev"], atol=1e-2, rtol=1e-2)


def test_regret_is_zero_at_the_best_and_one_at_the_median():
    pools = np.array([[0.0, 1.0, 2.0, NAN, 9.0, 4.0], [0.0, -3.0, 5.0, 1.0, NAN, NAN]], np.float32)
    summary = pool_summary(pools)
    np.testing.assert_allclose(summary.best, [9.0, 5.0])
    np.testing.assert_allclose(summary.median, [2.0, 0.5])
    curves = jnp.stack([jnp.array([[NAN, 2.0, 5.5, 9.0]]), jnp.array([[0.5, 0.5, 2.75, 5.0]])])
    expected = [[[NAN, 1.0, 0.5, 0.0]], [[1.0, 1.0, 0.5, 0.0]]]
    np.testing.assert_allclose(normalized_regret(curves, *summary), expected)
    np.testing.assert_allclose(jax.jit(normalized_regret)(curves, *summary), expected)
    np.testing.assert_allclose(normalized_regret(curves[0], 9.0, 2.0), expected[0])


def test_regret_is_differentiable():
    args = (jnp.array([0.2, 0.6, 0.7]), jnp.array(0.9), jnp.array(0.1))
    check_grads(jax.jit(normalized_regret), args, order=1, atol=1e-2, rtol=1e-2)


@quickly
@hypothesis.given(st.lists(st.integers(-5, 5), min_size=1, max_size=20))
def test_pool_quantile_matches_scipy(values):
    pool = np.array(values + [NAN] * (20 - len(values)), np.float32)
    asked = np.arange(-6, 7, dtype=np.float32)
    expected = scipy.stats.percentileofscore(values, asked, kind="weak") / 100
    np.testing.assert_allclose(pool_quantile_jitted(pool, asked), expected, atol=1e-6)


def test_pool_quantile_without_an_incumbent_is_nan():
    pool = jnp.array([1.0, NAN, 3.0])
    asked = jnp.array([[NAN, 1.0], [3.0, 0.0]])
    np.testing.assert_allclose(pool_quantile(pool, asked), [[NAN, 0.5], [1.0, 0.0]])
    np.testing.assert_allclose(jax.jit(pool_quantile)(pool, asked), [[NAN, 0.5], [1.0, 0.0]])


def test_evaluations_to_reach_counts_from_one_and_ties_count():
    curves = jnp.array([[0.9, 0.5, 0.5, 0.1], [NAN, 0.4, 0.2, 0.0], [0.9, 0.8, 0.7, 0.6]])
    expected = np.array([2, 2, 5])
    reached = evaluations_to_reach(curves, 0.5)
    np.testing.assert_array_equal(reached, expected)
    assert reached.dtype == jnp.int32
    np.testing.assert_array_equal(jax.jit(evaluations_to_reach)(curves, 0.5), expected)
    each = evaluations_to_reach(curves, jnp.array([0.9, 0.0, 0.65]))
    np.testing.assert_array_equal(each, [1, 4, 4])


@pytest.mark.parametrize(("below", "expected"), [(1e-6, 2), (1e-3, 3)])
def test_ties_survive_rounding_but_no_more(below, expected):
    curve = jnp.array([1.0, 0.3])
    assert evaluations_to_reach(curve, 0.3 * (1 - below)) == expected


@pytest.mark.parametrize(("evaluations", "text"), [(1, "1"), (100, "100"), (101, ">100")])
def test_format_evaluations(evaluations, text):
    assert format_evaluations(jnp.int32(evaluations), 100) == text


def falling(seed, *batch, budget=50, speed=0.1):
    """Regret curves whose speed differs between seeds."""
    rng = np.random.default_rng(seed)
    speeds = speed * rng.lognormal(0, 0.3, (*batch, 1))
    return np.exp(-speeds * np.arange(1, budget + 1)).astype(np.float32)


def reference_reach(ours, theirs):
    threshold = theirs[..., -1].mean()
    mean = ours.reshape(-1, ours.shape[-1]).mean(0)
    reached = np.flatnonzero(mean <= threshold)
    return reached[0] + 1 if reached.size else mean.size + 1


def test_interval_matches_scipys_paired_bootstrap_of_seeds():
    ours, theirs = falling(0, 30), falling(1, 30, speed=0.06)
    got = evaluations_to_reach_interval(jax.random.key(0), ours, theirs, resamples=1000)
    expected = scipy.stats.bootstrap(
        (np.arange(30),),
        lambda i: float(reference_reach(ours[i], theirs[i])),
        vectorized=False,
        n_resamples=1000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert got.estimate == reference_reach(ours, theirs)
    assert abs(float(got.low) - expected.low) <= 1
    assert abs(float(got.high) - expected.high) <= 1
    assert got.low <= got.estimate <= got.high


def test_interval_of_identical_seeds_spans_the_tasks():
    budget, starts = 20, [3, 15]
    ours = np.ones((2, 4, budget), np.float32)
    for task, start in enumerate(starts):
        ours[task, :, start - 1 :] = 0.0
    got = evaluations_to_reach_interval(jax.random.key(0), ours, np.zeros((2, 4, 1)))
    assert (int(got.low), int(got.estimate), int(got.high)) == (3, 15, 15)


def test_interval_of_never_is_the_sentinel():
    ours = falling(0, 3, 5)
    got = evaluations_to_reach_interval(jax.random.key(0), ours, ours - 1, resamples=200)
    assert [int(x) for x in got] == [51, 51, 51]


def test_a_method_reaches_itself_at_its_end_in_every_resample():
    ours = falling(0, 3, 5)
    got = evaluations_to_reach_interval(jax.random.key(0), ours, ours, resamples=200)
    assert [int(x) for x in got] == [50, 50, 50]


@pytest.mark.slow
def test_interval_is_traced_once_and_agrees_without_jit():
    ours, theirs = falling(0, 3, 5), falling(1, 3, 5)
    evaluations_to_reach_interval.clear_cache()
    for key in (jax.random.key(1), jax.random.key(3)):
        jitted = evaluations_to_reach_interval(key, ours, theirs, resamples=200)
    assert evaluations_to_reach_interval._cache_size() == 1
    plain = evaluations_to_reach_interval.__wrapped__(
        jax.random.key(3), ours, theirs, resamples=200
    )
    chex.assert_trees_all_equal(jitted, plain)


def test_bound_matches_the_t_test_for_many_normal_seeds():
    rng = np.random.default_rng(0)
    theirs = rng.uniform(0, 1, 400).astype(np.float32)
    ours = theirs + rng.normal(0.01, 0.05, 400).astype(np.float32)
    expected = scipy.stats.ttest_rel(ours, theirs, alternative="less").confidence_interval(0.95)
    got = not_worse(jax.random.key(0), ours, theirs)
    np.testing.assert_allclose(got.upper, expected.high, atol=5e-4)
    np.testing.assert_allclose(got.difference, (ours - theirs).mean(), atol=1e-6)


@pytest.mark.parametrize(("shift", "holds"), [(-0.1, True), (0.01, True), (0.02, False)])
def test_not_worse_is_paired_and_has_a_margin(shift, holds):
    theirs = falling(0, 8, 20)[..., 5]
    got = not_worse(jax.random.key(0), theirs + shift + 1e-4, theirs)
    np.testing.assert_allclose(got.upper, shift + 1e-4, atol=1e-5)
    assert bool(got.holds) is holds


@pytest.mark.slow
def test_bound_over_tasks_is_wider_than_over_as_many_seeds():
    difference = np.repeat(np.linspace(-0.5, 0.5, 4), 25).reshape(4, 25).astype(np.float32)
    over_tasks = not_worse(jax.random.key(0), difference, 0 * difference)
    over_seeds = not_worse(jax.random.key(0), difference.ravel(), 0 * difference.ravel())
    assert over_tasks.upper > 2 * over_seeds.upper > 0


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [((3, 5, 9), (3, 4, 9)), ((3, 5, 9), (5, 9)), ((9,), (9,)), ((0, 9), (0, 9)), ((2, 0), (2, 9))],
)
def test_unpaired_curves_are_refused(ours, theirs):
    with pytest.raises(NmjaxError, match="the same tasks and seeds"):
        evaluations_to_reach_interval(jax.random.key(0), np.zeros(ours), np.zeros(theirs))


def test_unpaired_regrets_are_refused():
    with pytest.raises(NmjaxError, match="the same tasks and seeds"):
        not_worse(jax.random.key(0), np.zeros((2, 5)), np.zeros((5, 2)))
