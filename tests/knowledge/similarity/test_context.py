import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nmjax.knowledge import context_similarity, source_correlations
from nmjax.knowledge.features import predict_sources
from nmjax.knowledge.similarity.context import impute_context
from tests.related import plain_knowledge, with_ties

RNG = np.random.default_rng(0)


def worlds(number, sources, informative):
    """Contexts [W, S + 1, 2] of tasks and their correlations, which may depend on the contexts."""
    context = RNG.normal(size=(number, sources + 1, 2))
    felt = context if informative else RNG.normal(size=context.shape)
    squared = np.square(felt[:, :, None] - felt[:, None]).sum(-1)
    noise = RNG.normal(size=squared.shape)
    correlation = np.clip(np.exp(-0.3 * squared) + 0.05 * (noise + noise.swapaxes(1, 2)), -1, 1)
    return jnp.float32(context), jnp.float32(correlation)


@pytest.mark.parametrize("informative", [True, False])
def test_intervals_hold_the_truth_and_near_contexts_are_more_alike(informative):
    context, truth = worlds(100, 8, informative)
    keys = jax.random.split(jax.random.key(0), len(context))
    found = jax.jit(jax.vmap(context_similarity))(keys, context, truth[:, :-1, :-1])
    actual = np.asarray(truth[:, -1, :-1])
    assert np.mean((found.low <= actual) & (actual <= found.high)) > 0.93
    ranks = [stats.spearmanr(*pair).statistic for pair in zip(found.estimate, actual, strict=True)]
    assert (np.mean(ranks) > 0.7) == informative


def test_unknown_numbers_become_the_mean_of_the_known():
    known = jnp.array([[1.0, jnp.nan, jnp.nan], [4.0, 2.0, jnp.nan]])
    np.testing.assert_array_equal(impute_context(known, known), [[1, 2, 0], [4, 2, 0]])


@pytest.mark.slow
def test_few_sources_or_no_contexts_give_wide_intervals():
    context, truth = worlds(1, 30, True)
    few, many, none = (
        context_similarity(jax.random.key(0), context[0, :, :columns][-size - 1 :], known)
        for size, columns, known in (
            (3, 2, truth[0, -4:-1, -4:-1]),
            (30, 2, truth[0, :-1, :-1]),
            (30, 0, truth[0, :-1, :-1]),
        )
    )
    assert np.isfinite(
        context_similarity(
            jax.random.key(0), context[0, -4:].at[1, 0].set(jnp.nan), truth[0, -4:-1, -4:-1]
        ).estimate
    ).all()
    assert np.mean(few.high - few.low) > 1.2 > np.mean(many.high - many.low)
    assert np.ptp(none.estimate) < 0.15 < np.ptp(many.estimate)


@pytest.mark.slow
def test_known_correlations_are_those_of_predictions():
    sources = plain_knowledge(3).sources
    rows = sources.position.shape[1]
    predicted = predict_sources(sources, sources.position[:, :64].reshape(3 * rows, -1))
    expected = stats.spearmanr(predicted).statistic
    np.testing.assert_allclose(source_correlations(sources), expected, atol=1e-5)


@pytest.mark.slow
def test_the_evaluations_of_a_source_of_ties_count():
    sources = with_ties(plain_knowledge(3), 0).sources
    rows = sources.position[:, :64].reshape(-1, sources.position.shape[-1])
    expected = stats.spearmanr(predict_sources(sources, rows)[:, 1:]).statistic
    found = source_correlations(sources)
    np.testing.assert_allclose(found[1, 2], expected, atol=1e-5)
    np.testing.assert_array_equal(found[0], 0)
