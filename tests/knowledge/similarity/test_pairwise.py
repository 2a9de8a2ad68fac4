import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nmjax.errors import NmjaxError
from nmjax.knowledge import function_similarity, pairwise_similarity
from nmjax.knowledge.similarity.pairwise import _draw_pool
from nmjax.predictors import default_kernel
from nmjax.spaces import Choice, RealChoice, Space
from nmjax.tasks import select_tasks
from tests.related import METRIC, SPACE, related_history, related_tasks

RNG = np.random.default_rng(0)


@pytest.mark.slow
def test_without_evaluations_correlations_are_uniform():
    y = jnp.full((3, 8), jnp.nan).at[0].set(jnp.asarray(RNG.normal(size=8), jnp.float32))
    x, at = (jnp.asarray(RNG.normal(size=shape), jnp.float32) for shape in ((3, 8, 2), (40, 2)))
    found = function_similarity(jax.random.key(0), default_kernel(1), x, y, at)
    np.testing.assert_allclose(np.asarray(found.estimate)[np.triu_indices(3, 1)], 0, atol=0.25)
    assert np.asarray(found.low)[np.triu_indices(3, 1)].max() < -0.6
    assert np.asarray(found.high)[np.triu_indices(3, 1)].min() > 0.6


def with_empty_tasks():
    """The related tasks, one that always failed and one that is constant."""
    history = select_tasks(related_history(), np.array([*range(6), 0, 0]))
    score = history.metrics["score"].at[6].set(jnp.nan).at[7].set(1.0)
    return history._replace(metrics={"score": score})


def test_real_valued_choices_are_drawn_too():
    space = Space.build("mixed", [Choice("a", "xyz")], [RealChoice("x", 0.1, 4.0, "log")])
    options, position = np.split(np.asarray(_draw_pool(jax.random.key(0), space)), [3], axis=-1)
    assert (options.sum(-1) == 1).all()
    assert stats.kstest(position[:, 0], stats.uniform(-1, 2).cdf).pvalue > 0.01


@pytest.mark.slow
def test_intervals_hold_the_correlations_of_the_tables():
    found = pairwise_similarity(jax.random.key(0), with_empty_tasks(), METRIC, space=SPACE)
    truth = stats.spearmanr(related_tasks().scores, axis=1).statistic
    pairs = np.triu_indices(6, 1)
    low, high = (np.asarray(end)[pairs] for end in found[1:])
    assert np.mean((low <= truth[pairs]) & (truth[pairs] <= high)) >= 0.8
    assert np.abs(np.asarray(found.estimate)[pairs] - truth[pairs]).mean() < 0.15
    for end in found:
        np.testing.assert_allclose(end, end.T, atol=1e-5)
        np.testing.assert_allclose(np.diagonal(end), 1, atol=1e-5)
    # Nothing is known of the two that say nothing.
    assert np.all((found.low[6:, :6] < 0) & (found.high[6:, :6] > 0))
    assert (found.high - found.low)[6:, :6].min() > 2 * (high - low).max()


@pytest.mark.slow
def test_distributions_are_compared_both_ways():
    history = with_empty_tasks()
    found = pairwise_similarity(
        jax.random.key(0), history, METRIC, space=SPACE, measure="distribution"
    )
    score = np.asarray(history.metrics["score"], float)[:2]
    unit = [(values - values.mean()) / values.std() for values in score]
    expected = np.exp(-stats.wasserstein_distance(*unit))
    np.testing.assert_allclose([found.estimate[0, 1], found.estimate[1, 0]], expected, rtol=1e-4)
    assert found.low[0, 1] < expected < found.high[0, 1] + 0.05
    np.testing.assert_array_equal(np.stack(found)[:, 6, 0], [0.5, 0, 1])
    np.testing.assert_array_equal(np.diagonal(found.low), 1)


def test_invalid_arguments_are_refused():
    key, history = jax.random.key(0), related_history()
    with pytest.raises(NmjaxError, match="did you mean 'rank'"):
        pairwise_similarity(key, history, METRIC, space=SPACE, measure="ranks")
    with pytest.raises(NmjaxError, match="at least two"):
        pairwise_similarity(key, select_tasks(history, np.array([0])), METRIC, space=SPACE)
