import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    LearnConfig,
    config_for,
    learn_from_history,
    pool_features,
    transfer_weight,
)
from nmjax.predictors import init_pool, observe_pool, standardize
from nmjax.spaces import encode
from nmjax.tasks import select_tasks
from nmjax.types import History
from tests.related import (
    CONFIG,
    METRIC,
    ROWS,
    SOURCES,
    SPACE,
    learn_related,
    related_history,
    related_tasks,
)

FOLDS = np.arange(SOURCES) % 2


def learn(history, folds=FOLDS, key=0, config=CONFIG, **kwargs):
    return learn_from_history(
        jax.random.key(key), history, METRIC, folds, space=SPACE, config=config, **kwargs
    )


def sources(**kwargs):
    return select_tasks(related_history(**kwargs), np.arange(SOURCES))


@pytest.mark.slow
def test_shapes_are_the_documented_ones():
    knowledge, info = learn_related()
    features = 1 + SOURCES + 1 + 33
    assert knowledge.prior.mean.shape == knowledge.prior.variance.shape == (3, features)
    assert knowledge.sources.weights.shape == (SOURCES, ROWS)
    assert knowledge.sources.constant.shape == (SOURCES,)
    assert knowledge.sampling.logits.shape == (5, 3)
    assert knowledge.bounds.shape == (5, 2)
    np.testing.assert_allclose(np.exp(knowledge.log_weights).sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(np.exp(knowledge.sampling.logits).sum(-1), 1, rtol=1e-5)
    for leaf in (knowledge.prior.mean, knowledge.prior.variance):
        by_sources, by_network = leaf[:, 1 : 1 + SOURCES], leaf[:, 1 + SOURCES :]
        np.testing.assert_array_equal(np.any(by_sources != 0, axis=1), [True, False, False])
        np.testing.assert_array_equal(np.any(by_network != 0, axis=1), [False, True, False])
    np.testing.assert_allclose(knowledge.wins.sum(), SOURCES, rtol=1e-5)
    assert info.prior_evidence.shape == (3, CONFIG.prior_steps)
    assert np.all(info.prior_evidence[:, -1] > info.prior_evidence[:, 0])
    assert info.kernel_posterior[-1] > info.kernel_posterior[0]
    finite = knowledge.replace(log_weights=np.exp(knowledge.log_weights))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(finite))
    pool = pool_features(knowledge, encode(SPACE, related_tasks().pool)).pool
    assert pool.features.shape == (3**5, features)
    assert pool.position.shape == (3**5, knowledge.params.location.size)


@pytest.mark.slow
def test_only_the_key_and_the_sources_decide():
    """The same from the same key; the target's scores are never read; another key differs."""
    learned, _ = learn_related()
    again, _ = learn(sources(target_score=1e6))
    jax.tree.map(np.testing.assert_array_equal, again, learned)
    other, _ = learn(sources(), key=1)
    assert np.any(other.prior.mean != learned.prior.mean)


@pytest.mark.slow
def test_each_source_is_learned():
    knowledge, _ = learn_related()
    tasks = related_tasks()
    features = pool_features(knowledge, encode(SPACE, tasks.pool)).pool.features
    for source in range(SOURCES):
        assert spearmanr(features[:, 1 + source], tasks.scores[source]).statistic > 0.7


@pytest.mark.slow
def test_the_past_makes_a_related_task_easier():
    knowledge, _ = learn_related()
    tasks = related_tasks()
    pool = pool_features(knowledge, encode(SPACE, tasks.pool)).pool
    target = jnp.asarray(tasks.scores[-1])

    @jax.jit
    @jax.vmap
    def judge(key):
        rows = jax.random.permutation(key, len(tasks.pool))[:10].astype(jnp.int32)
        y = standardize(target[rows])

        def observe(state, t):
            seen = jnp.where(jnp.arange(10, dtype=jnp.int32) <= t, y, jnp.nan)
            return observe_pool(state, knowledge.prior, pool, rows, seen, t), None

        start = init_pool(knowledge.prior, pool, capacity=10)
        state, _ = jax.lax.scan(observe, start, jnp.arange(10, dtype=jnp.int32))
        return state.mean, state.log_evidence

    mean, evidence = judge(jax.random.split(jax.random.key(0), 16))
    correlation = np.array([[spearmanr(m, target).statistic for m in means] for means in mean])
    transferred, network, flat = correlation.mean(0)
    assert min(transferred, network) > flat + 0.1
    assert min(np.mean(evidence[:, 0]), np.mean(evidence[:, 1])) > np.mean(evidence[:, 2])


@pytest.mark.slow
def test_the_initial_weight_is_half_for_a_related_past_and_less_for_a_permuted_one():
    honest, _ = learn_related()
    permuted, _ = learn_related("permuted")
    np.testing.assert_allclose(transfer_weight(honest.log_weights, honest.prior), 0.5, rtol=1e-5)
    assert transfer_weight(permuted.log_weights, permuted.prior) < 0.3
    assert honest.wins[-1] < permuted.wins[-1]


@pytest.mark.slow
def test_the_portfolio_pays_for_a_related_past_only():
    honest, _ = learn_related()
    permuted, _ = learn_related("permuted")
    assert honest.portfolio_gain > permuted.portfolio_gain
    assert honest.portfolio_gain > 1


@pytest.mark.slow
def test_the_best_options_are_the_likeliest():
    knowledge, _ = learn_related()
    tasks = related_tasks()
    average = tasks.scores[:-1].mean(0)
    for choice in range(5):
        means = [average[tasks.pool[:, choice] == option].mean() for option in range(3)]
        if np.ptp(means) > 0.8:
            logits = knowledge.sampling.logits[choice]
            assert int(np.argmax(logits)) == int(np.argmax(means))
    low, high = np.asarray(knowledge.bounds).T
    assert np.all((low >= 0) & (low <= high) & (high < 3))


@pytest.mark.slow
def test_stages_are_reported():
    stages = []
    learn(sources(), on_stage=stages.append)
    assert len(stages) == len(set(stages)) == 4


@pytest.mark.parametrize("evaluations", [0, 20, 50, 60, 300])
def test_settings_fit_small_pasts(evaluations):
    score = jnp.where(jnp.arange(400)[None] < jnp.array([[400], [evaluations]]), 0.0, jnp.nan)
    mask = jnp.ones((2, 400), bool)
    config = config_for(History(None, None, {"score": score}, None, mask), METRIC)
    counted = evaluations or 400  # a task without success is not learned from
    assert config.replay_size <= counted
    assert (config == LearnConfig()) == (counted >= 60)


@pytest.mark.slow
def test_small_pasts_are_learned_from_without_settings():
    knowledge, _ = learn_from_history(jax.random.key(0), few_scores(), METRIC, space=SPACE)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(knowledge))
    assert knowledge.params.network is None


def few_scores():
    history = sources()
    score = history.metrics["score"].at[2, 20:].set(jnp.nan)
    return history._replace(metrics={"score": score})


def repeated():
    """The first source, which is held out, equals the last one."""
    return select_tasks(sources(), np.array([*range(SOURCES - 1), 0]))


@pytest.mark.parametrize(
    ("history", "folds", "message"),
    [
        (sources(), np.zeros(SOURCES, int), "Got one fold of 5 past tasks; give at least two"),
        (sources(), None, "Got one fold of 5 past tasks; give at least two"),
        (sources(), np.arange(3), "one integer each"),
        (few_scores(), FOLDS, "Past task 2 has 20 successful evaluations; a replay needs 24"),
        (repeated(), np.arange(SOURCES) == 0, f"0 and {SOURCES - 1}"),
    ],
    ids=["one fold", "no folds", "length", "few scores", "repeated"],
)
def test_pasts_that_cannot_be_learned_from_are_refused(history, folds, message):
    with pytest.raises(NmjaxError, match=message):
        learn(history, folds)


def test_an_unknown_outcome_transform_is_refused():
    with pytest.raises(NmjaxError, match="outcome transform"):
        LearnConfig(outcome_transform="standardise")


@pytest.mark.parametrize(
    "setting",
    [
        {"network": "no"},
        {"kernel_steps": 2.5},
        {"meta_rows": "9"},
        {"meta_tasks": True},
        {"meta_rate": -1.0},
    ],
)
def test_settings_of_another_type_or_sign_are_refused(setting):
    ((name, value),) = setting.items()
    with pytest.raises(NmjaxError, match=f"Got {name}={value!r} in LearnConfig; give"):
        LearnConfig(**setting)


def test_a_number_of_updates_that_is_no_multiple_of_the_evaluations_is_refused():
    with pytest.raises(NmjaxError, match="multiple of evaluate_every=20"):
        LearnConfig(meta_steps=50)
