import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from nmjax import stats
from nmjax.errors import NmjaxError


def batch(tasks, seeds, key=0):
    rng = np.random.default_rng(key)
    means = 3 * rng.normal(size=(tasks, 1))
    return (means + rng.normal(size=(tasks, seeds))).astype(np.float32)


def test_seeds_of_one_task_against_scipy():
    values = batch(1, 40)
    ours = stats.mean_interval(jax.random.key(0), values, resamples=8000)
    theirs = scipy.stats.bootstrap(
        (values[0],), np.mean, n_resamples=8000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    width = theirs.high - theirs.low
    np.testing.assert_allclose(ours.estimate, values.mean(), rtol=1e-5)
    np.testing.assert_allclose([ours.low, ours.high], list(theirs), atol=0.05 * width)


def test_tasks_then_seeds_have_the_hierarchical_variance():
    values = batch(12, 5)
    level = scipy.stats.norm.cdf(1) - scipy.stats.norm.cdf(-1)
    interval = stats.mean_interval(jax.random.key(1), values, resamples=8000, level=level)
    # Law of total variance, given the drawn tasks.
    variance = (values.mean(1).var() + (values.var(1) / 5).mean()) / 12
    np.testing.assert_allclose((interval.high - interval.low) / 2, variance**0.5, rtol=0.05)


def test_pairing_removes_shared_variation():
    theirs = batch(8, 6)
    ours = theirs - 0.5
    interval = stats.paired_bootstrap(jax.random.key(2), ours, theirs, jnp.mean, resamples=500)
    np.testing.assert_allclose(list(interval), -0.5, atol=1e-5)
    alone = stats.mean_interval(jax.random.key(2), ours, resamples=500)
    assert alone.high - alone.low > 1


def test_curves_and_pytrees():
    curves = np.stack([batch(4, 3, key) for key in range(5)], axis=-1)
    interval = jax.jit(stats.mean_interval)(jax.random.key(3), curves)
    assert interval.low.shape == interval.high.shape == (5,)
    assert (interval.low < interval.estimate).all()
    assert (interval.estimate < interval.high).all()
    both = {"a": curves, "b": 2 * curves}
    doubled = stats.bootstrap_interval(
        jax.random.key(3), both, lambda v: jnp.mean(v["b"] - v["a"], axis=(0, 1))
    )
    np.testing.assert_allclose(doubled.low, interval.low, atol=1e-5)


def test_leaves_of_fewer_seeds_are_resampled_by_themselves_and_by_the_same_tasks():
    many, few = batch(12, 9), batch(12, 4)[:, :, None]
    both = {"many": many, "few": few, "again": few}
    interval = stats.bootstrap_interval(
        jax.random.key(3), both, lambda v: jnp.mean(v["few"]) - jnp.mean(v["again"])
    )
    np.testing.assert_allclose(interval, 0, atol=1e-6)
    task = 5 * np.random.default_rng(0).normal(size=(12, 1)).astype(np.float32)
    both = {"many": many + task, "few": few[..., 0] + task}
    interval = stats.bootstrap_interval(
        jax.random.key(3), both, lambda v: jnp.mean(v["few"]) - jnp.mean(v["many"]), level=0.68
    )
    apart = many.mean(1) - few[..., 0].mean(1)
    within = many.var(1).mean() / 9 + few.var(1).mean() / 4
    expected = ((apart.var() + within) / 12) ** 0.5
    np.testing.assert_allclose((interval.high - interval.low) / 2, expected, rtol=0.1)


def test_same_key_same_interval():
    values = batch(3, 3)
    one, same, other = (
        stats.mean_interval(jax.random.key(seed), values, resamples=300) for seed in (4, 4, 5)
    )
    assert one == same
    assert one.low != other.low


@pytest.mark.parametrize(
    ("values", "options", "match"),
    [
        (np.zeros(3), {}, r"\(3,\)"),
        (np.zeros((3, 0)), {}, r"\(3, 0\)"),
        (np.zeros((3, 3)), {"level": 95}, "level=95"),
        (np.zeros((3, 3)), {"resamples": 0}, "resamples=0"),
    ],
)
def test_invalid_arguments_are_refused(values, options, match):
    with pytest.raises(NmjaxError, match=match):
        stats.mean_interval(jax.random.key(0), values, **options)


def test_unpaired_sides_are_refused():
    with pytest.raises(NmjaxError, match="same T tasks"):
        stats.paired_bootstrap(jax.random.key(0), np.zeros((2, 3)), np.zeros((2, 4)), jnp.mean)
