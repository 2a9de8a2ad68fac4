"""Predictions of a new task by several methods, on small tasks that are related."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from benchmarks.knowledge.prediction_methods import (
    FLAT,
    NUMBERS,
    Quality,
    judge,
    mix,
    qualities,
    student_ts,
)
from benchmarks.knowledge.prediction_quality import (
    OTHERS,
    OURS,
    PASTS,
    mislead,
    summary_rows,
    targets,
)
from nmjax.experiments.results import is_met, json_ready
from nmjax.knowledge import pool_features
from nmjax.predictors import PoolPrior, PoolState
from nmjax.spaces import encode
from tests.related import SPACE, learn_related, related_tasks

RNG = np.random.default_rng(0)
SEEDS = 3


def test_mixtures_of_student_ts_are_scipys():
    shape, mean, variance = np.array([1.5, 4.5]), RNG.normal(size=(2, 4)), RNG.uniform(1, 2, (2, 4))
    rate, noise = np.array([2.0, 3.0]), np.array([0.1, 0.4])
    score, weights = RNG.normal(size=4), np.array([0.3, 0.7])
    theirs = stats.t(
        2 * shape[:, None], mean, np.sqrt((variance + noise[:, None]) * (rate / shape)[:, None])
    )
    as_jax = [jnp.float32(leaf) for leaf in (mean, variance, shape, rate, noise, score)]
    state = PoolState(*as_jax[:2], None, None, None, *as_jax[2:4], None)
    prior = PoolPrior(None, None, None, as_jax[4], None, None)
    counts = np.array([True, True, False, True])

    @jax.jit
    def predicted(state, prior, score):
        mixture = mix(jnp.log(jnp.float32(weights)), student_ts(state, prior, score))
        return mixture, judge(mixture, score, jnp.full(4, 0.5), jnp.asarray(counts))

    ours, quality = predicted(state, prior, as_jax[5])
    density = np.log(weights @ theirs.pdf(score))
    np.testing.assert_allclose(ours.mean, weights @ mean, rtol=1e-5)
    np.testing.assert_allclose(ours.log_density, density, rtol=1e-4)
    np.testing.assert_allclose(ours.cdf, weights @ theirs.cdf(score), rtol=1e-4)
    np.testing.assert_allclose(quality.nll, -density[counts].mean() - 0.5, rtol=1e-4)
    rank_correlation = stats.spearmanr((weights @ mean)[counts], score[counts]).statistic
    np.testing.assert_allclose(quality.spearman, rank_correlation, rtol=1e-5)


@pytest.mark.slow
def test_what_the_methods_predict():
    knowledge, _ = learn_related()
    tasks = related_tasks()
    encoding, score = encode(SPACE, jnp.asarray(tasks.pool)), jnp.asarray(tasks.scores[-1])
    keys = jax.random.split(jax.random.key(0), SEEDS)
    found = qualities(keys, knowledge, encoding, score)
    assert set(found) == {*OTHERS, *OURS, "transferred prior"}
    for quality in found.values():
        assert all(leaf.shape == (SEEDS, len(NUMBERS)) for leaf in quality)
        assert np.isfinite(jnp.stack(quality)).all()
    mean = {name: np.mean(quality.spearman, axis=0) for name, quality in found.items()}
    assert mean[FLAT][0] == 0
    past = stats.spearmanr(pool_features(knowledge, encoding).past_mean, score).statistic
    np.testing.assert_allclose(mean["mean of sources"], past, atol=0.06)
    assert mean["mixture"][0] > 0.4
    assert np.all(mean["mixture"][1:4] > mean[FLAT][1:4])
    nll = {name: np.mean(quality.nll, axis=0) for name, quality in found.items()}
    assert np.all(nll["mixture"][1:4] < nll[FLAT][1:4])


@pytest.mark.parametrize(("how", "changed"), [("negated", {0, 1, 2, 3}), ("half-permuted", {0, 2})])
def test_misleading_sources_are_negated_or_permuted(how, changed):
    score = RNG.normal(size=(4, 50)).astype(np.float32)
    ours = np.asarray(mislead(jax.random.key(0), jnp.asarray(score), how))
    assert set(np.flatnonzero(np.any(ours != score, axis=1))) == changed
    if how == "negated":
        np.testing.assert_array_equal(ours, -score)
    else:
        np.testing.assert_array_equal(np.sort(ours), np.sort(score))


def made_up(spearman, coverage=0.9):
    shape = (2, SEEDS, len(NUMBERS))
    return Quality(*(np.full(shape, v, np.float32) for v in (spearman, 1.0, coverage)))


@pytest.mark.slow
def test_targets_by_hand():
    honest = {FLAT: made_up(0.5), "mean of sources": made_up(0.2), "RGPE": made_up(0.6)}
    honest |= {"mixture": made_up(0.7, 0.93), "adapted mixture": made_up(0.55, 0.7)}
    misled = honest | {"mixture": made_up(0.49), "adapted mixture": made_up(0.4)}
    found = dict.fromkeys(PASTS, misled) | {"unmodified": honest}
    made = {target.name: target for target in targets("some", found)}
    assert len(made) == 2 * (2 + 4)
    ahead = made["some: Spearman after 20 evaluations, mixture minus RGPE"]
    np.testing.assert_allclose(ahead.value, 0.1, atol=1e-6)
    error = made["some: calibration error of 90% intervals after 20 evaluations, mixture"]
    np.testing.assert_allclose(error.value, 3, atol=1e-4)
    cost = made["some: cost of a negated past after 20 evaluations, mixture"]
    np.testing.assert_allclose(cost.value, 2, atol=1e-4)
    met = {name for name, target in made.items() if is_met(target)}
    assert met == {name for name in made if not name.endswith("adapted mixture")} - {
        name for name in made if ", adapted mixture minus" in name
    }
    rows = summary_rows(found)
    assert len(rows) == len(PASTS) * len(honest)
    first = json_ready(rows[0])
    assert first["spearman"] == [0.5] * len(NUMBERS)
    assert first["task"] == "all"
