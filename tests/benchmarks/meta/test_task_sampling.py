"""Sampling of tasks: the data of a target that are visible, and the effect on training."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.meta import task_sampling
from benchmarks.meta.task_sampling import CHOICES, Sampling, Scores, World
from nmjax.meta import Batch
from nmjax.spaces import encode
from nmjax.tasks import Episode


@pytest.fixture(scope="module")
def worlds(related):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_sampling, "PAST", 50)
        return task_sampling.suite_worlds(related, 2), related


def rows_in(suite, x):
    """Which architectures encodings are of."""
    encoding = np.asarray(encode(suite.space, suite.pool))
    return np.array([np.flatnonzero((encoding == one).all(1)).item() for one in np.asarray(x)])


@pytest.mark.slow
def test_a_world_holds_one_task_out(worlds):
    found, suite = worlds
    table = suite.metrics[suite.score_metric]
    assert found.sources.y.shape == (6 * 2, 5, 50)
    for index, target in ((0, 0), (5, 2)):
        others = np.delete(table, target, axis=0)
        for source, x, y in zip(
            others, found.sources.x[index], found.sources.y[index], strict=True
        ):
            past = source[rows_in(suite, x)]
            assert len(set(rows_in(suite, x))) == 50
            expected = (past - np.nanmean(past)) / np.nanstd(past)
            np.testing.assert_allclose(y, expected, atol=1e-4)
        one = jax.tree.map(lambda leaf, index=index: leaf[index, 0], found.targets)
        seen, rest = rows_in(suite, one.support_x), rows_in(suite, one.query_x)
        assert len(seen) == 20
        assert sorted([*seen, *rest]) == list(range(len(suite.pool)))
        evaluated = table[target, seen]
        for rows, y in ((seen, one.support_y), (rest, one.query_y)):
            expected = (table[target, rows] - evaluated.mean()) / evaluated.std()
            np.testing.assert_allclose(y, expected, atol=1e-4)
    first, second = (found.targets.support_x[index] for index in (0, 1))
    assert not np.array_equal(first, second)


def test_rows_by_hand():
    uniform = np.arange(1.0, 13.0).reshape(3, 4)
    found = {
        "uniform": Scores(uniform, uniform / 20),
        "by affinity, 0.3": Scores(uniform - 0.5, uniform / 20 + 0.1),
    }
    plain, kin = task_sampling.rows_of("toy", found)
    assert (plain["mse"], plain["mse_minus_uniform"]) == (6.5, 0)
    assert (kin["n"], kin["affinity"], kin["difficulty"]) == (12, 0.3, np.inf)
    np.testing.assert_allclose(kin["mse_minus_uniform"], -0.5)
    np.testing.assert_allclose(kin["mse_minus_uniform_ci"], [-0.5, -0.5])
    np.testing.assert_allclose(kin["spearman_minus_uniform"], 0.1, rtol=1e-5)
    assert plain["mse_ci"][0] < 6.5 < plain["mse_ci"][1]
    assert plain["mse_of_hardest_tenth"] == 11.5  # Two of twelve.


def opposed_sources(key):
    """A world of targets sin(2 x), with six sources like them and ten of the opposite sign."""
    sign = jnp.where(jnp.arange(16) < 6, 1.0, -1.0)
    x = jax.random.uniform(key, (20, 40, 1), minval=-2, maxval=2)
    y = jnp.append(sign, jnp.ones(4))[:, None] * jnp.sin(2 * x[..., 0])
    mask = jnp.ones(y.shape, bool)
    sources = Batch(x[:16], y[:16], mask[:16])
    targets = Episode(
        x[16:, :10], y[16:, :10], x[16:, 10:], y[16:, 10:], mask[16:, :10], mask[16:, 10:]
    )
    return World(sources, targets)


@pytest.mark.slow
def test_choices_reach_the_training():
    worlds = jax.vmap(opposed_sources)(jax.random.split(jax.random.key(0), 2))
    choices = replace(CHOICES, updates=200)
    uniform, again, difficult, kin = (
        task_sampling.measure_scores(worlds, Sampling(*map(jnp.asarray, sampling)), choices)
        for sampling in ((np.inf, np.inf), (np.inf, 1e9), (0.3, np.inf), (np.inf, 0.01))
    )
    assert uniform.error.shape == (2, 4)
    np.testing.assert_allclose(uniform.error, again.error, rtol=1e-3)
    assert not np.allclose(uniform.error, difficult.error, rtol=0.05)
    assert kin.error.mean() < 0.9 * uniform.error.mean()
    assert uniform.spearman.mean() < 0 < kin.spearman.mean()
