import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.gaussian_process.kernels import Matern

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    MetaKnowledge,
    compute_task_similarity,
    distribution_similarity,
    evidence_similarity,
    rank_similarity,
    rgpe_similarity,
    single_source_priors,
)
from nmjax.knowledge.state import SourceModels
from nmjax.predictors import Pool, PoolPrior
from nmjax.spaces import encode
from tests.related import ROWS, SOURCES, SPACE, learn_related, related_history, related_tasks

RNG = np.random.default_rng(0)
NONE = np.full(20, np.nan, np.float32)


def test_rank_is_kendalls_where_there_are_many_evaluations():
    score = RNG.normal(size=100).astype(np.float32)
    predicted = (score[:, None] + RNG.normal(size=(100, 3)) * [0.5, 1, 9]).astype(np.float32)
    padded = np.append(score, np.full(20, np.nan, np.float32))
    rows = np.pad(predicted, ((0, 20), (0, 0)))
    ours = jax.jit(rank_similarity)(jax.random.key(0), rows, padded)
    theirs = [stats.kendalltau(column, score).statistic for column in predicted.T]
    np.testing.assert_allclose(ours.estimate, theirs, atol=0.03)
    width = np.asarray(ours.high - ours.low)
    assert np.all(width < 0.35)
    # The interval that SciPy's bootstrap gives Kendall's correlation of the noisiest source.
    bootstrap = stats.bootstrap(
        (predicted[:, 2], score),
        lambda a, b: stats.kendalltau(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=300,
        method="percentile",
        rng=1,
    ).confidence_interval
    np.testing.assert_allclose(width[2], bootstrap.high - bootstrap.low, rtol=0.25)


@pytest.mark.parametrize("number", [5, 10, 20])
def test_rank_intervals_hold_the_truth(number):
    """Of normal pairs, whose Kendall correlation is 2 / pi asin(r) of their correlation r."""
    repeats = 600
    correlation = RNG.uniform(-1, 1, size=repeats)
    a, b = RNG.normal(size=(2, repeats, 20))
    b = correlation[:, None] * a + np.sqrt(1 - correlation**2)[:, None] * b
    b[:, number:] = np.nan
    keys = jax.random.split(jax.random.key(0), repeats)
    found = jax.jit(jax.vmap(rank_similarity))(keys, jnp.float32(a)[..., None], jnp.float32(b))
    truth = 2 / np.pi * np.arcsin(correlation)
    held = (found.low[:, 0] <= truth) & (truth <= found.high[:, 0])
    assert 0.91 < np.mean(held) < 0.995


def test_without_evaluations_a_correlation_is_uniform():
    found = jax.jit(rank_similarity)(jax.random.key(0), jnp.ones((20, 3)), NONE)
    np.testing.assert_allclose(found.estimate, 0, atol=0.1)
    np.testing.assert_allclose(found.low, -0.95, atol=0.04)
    np.testing.assert_allclose(found.high, 0.95, atol=0.04)


def sources_alone():
    """Two sources, the first of which equals the target, and the flat prior."""
    features = np.concatenate([np.ones((8, 1)), RNG.normal(size=(8, 2))], axis=1)
    position = RNG.normal(size=(8, 1))
    score = features[:, 1] + 0.3 * RNG.normal(size=8)
    score[[2, 6]] = np.nan
    prior = PoolPrior(
        np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0.0]]),
        np.array([[1, 0.2, 0], [1, 0, 0.2], [1, 0, 0.0]]),
        np.array([0.4, 0.4, 0.9]),
        np.array([0.3, 0.3, 0.2]),
        np.full(3, 2.0),
        np.full(3, 2.0),
    )
    return features, position, score, prior


def test_evidence_is_that_of_multivariate_student_ts(float64):
    features, position, score, prior = sources_alone()
    kept = ~np.isnan(score)
    log = []
    for mean, variance, amplitude, noise, shape, rate in zip(*prior, strict=True):
        rows = features[kept]
        covariance = (rows * variance) @ rows.T + amplitude * Matern(nu=2.5)(position[kept])
        covariance += noise * np.eye(len(rows))
        student = stats.multivariate_t(rows @ mean, covariance * rate / shape, df=2 * shape)
        log.append(student.logpdf(score[kept]))
    expected = np.exp(log - np.logaddexp.reduce(log))
    pool = Pool(jnp.asarray(features), jnp.asarray(position))
    prior = PoolPrior(*map(jnp.asarray, prior))
    ours = jax.jit(evidence_similarity)(jax.random.key(0), prior, pool, jnp.asarray(score))
    np.testing.assert_allclose(ours.estimate, expected[:2], rtol=1e-6)
    assert ours.low[0] > ours.estimate[1]
    assert np.all((ours.low < ours.estimate) & (ours.estimate < ours.high))


def test_without_evaluations_weights_are_uniform_on_the_simplex(float64):
    """A weight is Beta(1, S) then."""
    features, position, score, prior = sources_alone()
    pool = Pool(jnp.asarray(features), jnp.asarray(position))
    prior = PoolPrior(*map(jnp.asarray, prior))
    none = jnp.full(len(score), jnp.nan)
    ours = jax.jit(evidence_similarity)(jax.random.key(1), prior, pool, none)
    np.testing.assert_allclose(ours.estimate, 1 / 3, rtol=1e-6)
    low, high = stats.beta(1, 2).ppf([0.025, 0.975])
    np.testing.assert_allclose(ours.low, low, atol=0.01)
    np.testing.assert_allclose(ours.high, high, atol=0.06)


@pytest.mark.slow
def test_rgpe_weights_are_uniform_without_evaluations_and_find_the_best_source_with_many():
    score = jnp.asarray(RNG.normal(size=20), jnp.float32)
    sign = jnp.array([1.0, -1.0, -1.0])[None, :, None]
    sources = score[None, None] * sign + 0.1 * jax.random.normal(jax.random.key(0), (50, 3, 20))
    target = jax.random.normal(jax.random.key(1), (50, 20, 20))
    none = rgpe_similarity(jax.random.key(2), sources, target, NONE)
    np.testing.assert_allclose(none.estimate, 0.25)
    np.testing.assert_array_equal(none.low, 0)
    np.testing.assert_array_equal(none.high, 1)
    many = rgpe_similarity(jax.random.key(2), sources, target, score)
    np.testing.assert_array_equal(many.estimate, [1, 0, 0])
    assert many.low[0] == 1
    np.testing.assert_array_equal(many.high[1:], 0)


def test_distributions_are_compared_up_to_location_and_scale():
    sources = RNG.normal(size=(2, 200))
    sources[1] = np.exp(sources[1])
    sources[0, 150:] = np.nan
    score = np.append(40 * np.exp(RNG.normal(size=100)) - 7, [np.nan] * 5)
    kept = [values[~np.isnan(values)] for values in (*sources, score)]
    *alone, target = ((values - values.mean()) / values.std() for values in kept)
    expected = [np.exp(-stats.wasserstein_distance(source, target)) for source in alone]
    args = jnp.asarray(sources, jnp.float32), jnp.asarray(score, jnp.float32)
    compare = jax.jit(distribution_similarity)
    ours = compare(jax.random.key(0), *args)
    np.testing.assert_allclose(ours.estimate, expected, rtol=1e-4)
    assert np.all((ours.low < ours.high) & (ours.low[1] > ours.low[0]))
    one = compare(jax.random.key(0), args[0], args[1].at[1:].set(jnp.nan))
    np.testing.assert_array_equal(np.stack(one), [[0.5] * 2, [0] * 2, [1] * 2])


def mean_similarity(how, number, measure, repeats=8):
    """Similarities by number of random evaluations of the target, as means over repeats."""
    knowledge, _ = learn_related(how)
    tasks, past = related_tasks(), related_history(how).metrics["score"][:-1]
    encoding, score = encode(SPACE, jnp.asarray(tasks.pool)), jnp.asarray(tasks.scores[-1])
    traces = []

    def estimate(key, number):
        traces.append(None)
        row_key, key = jax.random.split(key)
        rows = jax.random.permutation(row_key, len(score))[:20]
        seen = jnp.where(jnp.arange(20) < number, score[rows], jnp.nan)
        return compute_task_similarity(key, knowledge, encoding[rows], seen, past, measure=measure)

    over_repeats = jax.jit(jax.vmap(estimate, in_axes=(0, None)))
    found = [
        over_repeats(jax.random.split(jax.random.key(0), repeats), jnp.asarray(n)) for n in number
    ]
    assert len(traces) == 1
    return [np.stack([leaf.mean(0) for leaf in one]) for one in found]


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["rank", "evidence", "rgpe", "embedding"])
def test_misleading_sources_get_low_similarity(measure):
    """Every other source is negated; intervals narrow with evaluations."""
    none, few, many = mean_similarity("half-negated", (0, 5, 20), measure)
    wrong = np.arange(SOURCES) % 2 == 0
    assert np.ptp(none[0]) < 0.15
    assert many[0, ~wrong].min() > many[0, wrong].max()
    width = [(found[2] - found[1])[wrong].mean() for found in (none, few, many)]
    assert width[2] < width[1] < width[0]


def test_priors_differ_in_which_source_they_follow():
    transferred, flat = np.arange(4.0), np.array([0.0, 0, 0, 0])
    mean = jnp.asarray(np.stack([transferred, flat]), jnp.float32)
    prior = PoolPrior(mean, mean + 1, *(jnp.array([9.0, 0.5]) for _ in range(4)))
    sources = SourceModels(None, None, jnp.zeros(2), None)
    ours = single_source_priors(MetaKnowledge(None, prior, sources, *(None,) * 5, space=None))
    np.testing.assert_array_equal(ours.mean, [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(ours.variance, np.ones((3, 4)))
    np.testing.assert_array_equal(ours.noise, [0.5] * 3)


@pytest.mark.slow
def test_mismatched_arguments_are_refused():
    knowledge, _ = learn_related()
    key, encoding = jax.random.key(0), jnp.zeros((20, 15))
    with pytest.raises(NmjaxError, match="rgpe"):
        compute_task_similarity(key, knowledge, encoding, NONE, measure="rgp")
    with pytest.raises(NmjaxError, match="float\\[n, D\\]"):
        compute_task_similarity(key, knowledge, encoding, NONE[:5])
    for past in (None, jnp.zeros((SOURCES - 1, ROWS))):
        with pytest.raises(NmjaxError, match=f"{SOURCES} sources"):
            compute_task_similarity(key, knowledge, encoding, NONE, past, measure="distribution")
    for context in (None, jnp.zeros((SOURCES, 2))):
        with pytest.raises(NmjaxError, match=f"float\\[{SOURCES + 1}, K\\]"):
            compute_task_similarity(
                key, knowledge, encoding, NONE, context=context, measure="context"
            )
