import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    context_weights,
    fit_context,
    weight_sources,
    with_capacity,
    zero_shot_prior,
)
from nmjax.predictors import PoolPrior
from nmjax.tasks import make_history
from tests.related import METRIC, SPACE, plain_knowledge, related_tasks

TASKS, ROWS = 8, 60


def cross_predictions(seed, kinds=2):
    """Tasks of several kinds, each of which predicts tasks of its own kind."""
    rng = np.random.default_rng(seed)
    kind = np.arange(TASKS) % kinds
    functions = rng.normal(size=(kinds, TASKS, ROWS))
    predicted = functions[kind].transpose(1, 2, 0) + 0.3 * rng.normal(size=(TASKS, ROWS, TASKS))
    score = functions[kind, np.arange(TASKS)] + 0.5 * rng.normal(size=(TASKS, ROWS))
    score[0, :5] = np.nan
    return kind, jnp.asarray(predicted, jnp.float32), jnp.asarray(score, jnp.float32)


def test_weights_are_a_kernels():
    rng = np.random.default_rng(0)
    sources, target = rng.normal(size=(5, 3)).astype(np.float32), np.float32([0.1, 0.2, 0.3])
    distance = (((sources - target) / sources.std(0)) ** 2).sum(-1)
    expected = np.exp(-0.5 * distance / 0.7**2)
    ours = jax.jit(context_weights)(sources, target, 0.7)
    np.testing.assert_allclose(ours, expected / expected.sum(), rtol=1e-4)
    np.testing.assert_allclose(context_weights(sources, target, jnp.inf), 0.2, rtol=1e-6)
    nothing = context_weights(sources[:, :0], target[:0], 0.7)
    np.testing.assert_allclose(nothing, 0.2, rtol=1e-6)


def test_informative_contexts_are_used():
    kind, predicted, score = cross_predictions(0)
    rng = np.random.default_rng(1)
    context = jnp.asarray(kind[:, None] + 0.1 * rng.normal(size=(TASKS, 1)), jnp.float32)
    fit = fit_context(context, predicted, score)
    assert np.isfinite(fit.length)
    assert fit.gain > 3 * fit.error
    weights = context_weights(context, jnp.array([1.0]), fit.length)
    assert float(jnp.sum(weights[kind == 1])) > 0.8


def test_the_gain_is_information():
    """That of Gaussian variables with the rank correlations that SciPy finds."""
    kind, predicted, score = cross_predictions(2)
    context = jnp.asarray(kind[:, None], jnp.float32)
    fit = fit_context(context, predicted, score)
    totals = []
    for weight in (lambda t: kind == kind[t], lambda t: np.ones(TASKS)):
        nats = []
        for task in range(TASKS):
            others = weight(task) * (np.arange(TASKS) != task)
            known = ~np.isnan(score[task])
            mean = np.asarray(predicted[task])[known] @ others
            r = spearmanr(mean, np.asarray(score[task])[known]).statistic
            nats.append(-0.5 * np.log(1 - r**2))
        totals.append(nats)
    gains = np.array(totals[0]) - np.array(totals[1])
    np.testing.assert_allclose(fit.gain, gains.mean(), rtol=1e-2)
    np.testing.assert_allclose(fit.error, gains.std(ddof=1) / np.sqrt(TASKS), rtol=5e-2)


def test_uninformative_contexts_are_ignored():
    """For tasks of one kind, in most of 20 populations with random contexts."""
    used = []
    for seed in range(20):
        _, predicted, score = cross_predictions(seed, kinds=1)
        context = np.random.default_rng(100 + seed).normal(size=(TASKS, 2))
        used.append(
            np.isfinite(fit_context(jnp.asarray(context, jnp.float32), predicted, score).length)
        )
    assert np.mean(used) <= 0.2


def test_without_contexts_weights_are_equal():
    _, predicted, score = cross_predictions(0)
    fit = fit_context(jnp.zeros((TASKS, 0)), predicted, score)
    assert np.isinf(fit.length)
    assert fit.gain == 0


def test_shares_keep_the_sums():
    rng = np.random.default_rng(3)
    wide = rng.uniform(size=(2, 2, 7)).astype(np.float32)
    wide[:, 1, 1:5] = 0
    prior = PoolPrior(*map(jnp.asarray, wide), *(jnp.ones(2) for _ in range(4)))
    ours = weight_sources(prior, jnp.array([0.1, 0.2, 0.3, 0.4]))
    for before, after in zip(prior[:2], ours[:2], strict=True):
        np.testing.assert_allclose(after[0, 2] / after[0, 1], 2, rtol=1e-5)
        np.testing.assert_allclose(jnp.sum(after, -1), jnp.sum(before, -1), rtol=1e-5)
        np.testing.assert_array_equal(after[:, 5:], before[:, 5:])
        np.testing.assert_array_equal(after[1], before[1])


@pytest.mark.slow
def test_a_prior_of_a_new_task():
    tasks = related_tasks()
    rows, context = tasks.rows[:5], np.arange(5.0)[:, None]
    score = np.take_along_axis(tasks.scores[:5], rows, axis=1)
    history = make_history(tasks.pool[rows], {"score": score}, context)
    knowledge = plain_knowledge(5)
    prior, fit = zero_shot_prior(knowledge, history, METRIC, jnp.array([4.0]), space=SPACE)
    weights = context_weights(history.context, jnp.array([4.0]), fit.length)
    np.testing.assert_allclose(prior.mean[0, 1:6], weights, rtol=1e-4)
    empty = history._replace(context=jnp.zeros((5, 0)))
    prior, _ = zero_shot_prior(knowledge, empty, METRIC, jnp.zeros(0), space=SPACE)
    np.testing.assert_allclose(prior.mean, knowledge.prior.mean, rtol=1e-5)
    with pytest.raises(NmjaxError, match="give float"):
        zero_shot_prior(knowledge, history, METRIC, jnp.zeros(2), space=SPACE)
    with pytest.raises(NmjaxError, match="infinite"):
        zero_shot_prior(knowledge, history, METRIC, jnp.array([jnp.inf]), space=SPACE)
    unknown, _ = zero_shot_prior(knowledge, history, METRIC, jnp.array([jnp.nan]), space=SPACE)
    assert np.isfinite(unknown.mean).all()
    with pytest.raises(NmjaxError, match="6 sources"):
        zero_shot_prior(with_capacity(knowledge, 6), history, METRIC, jnp.zeros(1), space=SPACE)
