import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    learn_from_history,
    num_sources,
    pool_features,
    update,
    weight_sources,
    with_capacity,
)
from nmjax.knowledge.prior_fitting import log_evidence, replay
from nmjax.knowledge.transfer.continual import _append_all
from nmjax.predictors import PoolPrior, init_pool
from nmjax.spaces import encode
from nmjax.tasks import encode_history, select_tasks
from tests.related import (
    CONFIG,
    METRIC,
    SOURCES,
    SPACE,
    plain_knowledge,
    related_history,
    related_tasks,
)
from tests.serial import concurrent_algebra

CAPACITY, SIZE = 6, 16


def tasks(*which, how="unmodified"):
    return select_tasks(related_history(how), np.array(which))


def take_in(knowledge, *which, how="unmodified"):
    return update(
        jax.random.key(0),
        knowledge,
        tasks(*which, how=how),
        METRIC,
        space=SPACE,
        replay_size=SIZE,
    )


def assert_close(ours, theirs, **kwargs):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **kwargs), ours, theirs)


@pytest.fixture(scope="module")
def one_by_one():
    knowledge = with_capacity(plain_knowledge(2), CAPACITY)
    for task in range(2, 5):
        knowledge = take_in(knowledge, task)
    return knowledge


@pytest.mark.slow
def test_one_by_one_is_what_is_learned_at_once(one_by_one):
    ours, theirs = with_capacity(one_by_one, 5), plain_knowledge(5)
    assert int(num_sources(one_by_one)) == 5
    assert_close(ours.sources, theirs.sources, rtol=1e-3, atol=1e-4)
    assert_close(ours.prior, theirs.prior, rtol=1e-5, atol=1e-7)
    assert_close(ours.sampling, theirs.sampling, rtol=1e-4)
    np.testing.assert_array_equal(ours.bounds, theirs.bounds)
    assert_close(ours.params, theirs.params)


@pytest.mark.slow
def test_room_for_more_changes_no_model():
    knowledge = plain_knowledge(3)
    encoding = encode(SPACE, related_tasks().pool)
    states = []
    for known in (knowledge, with_capacity(knowledge, CAPACITY)):
        pool = pool_features(known, encoding).pool
        states.append(init_pool(known.prior, pool, capacity=1))
    assert_close(states[1].mean, states[0].mean, rtol=1e-5, atol=1e-6)
    assert_close(states[1].variance, states[0].variance, rtol=1e-5)
    assert_close(with_capacity(with_capacity(knowledge, CAPACITY), 3), knowledge)


def without_the_last(number):
    """Knowledge of sources, the last of which gets no weight from the target's context."""
    knowledge = plain_knowledge(number)
    share = jnp.ones(number).at[-1].set(0) / (number - 1)
    return knowledge.replace(prior=weight_sources(knowledge.prior, share))


def test_a_source_without_weight_is_one():
    knowledge = without_the_last(3)
    assert int(num_sources(knowledge)) == 3
    assert_close(with_capacity(with_capacity(knowledge, CAPACITY), 3), knowledge)


@pytest.mark.slow
def test_a_source_without_weight_is_not_overwritten():
    ours = take_in(with_capacity(without_the_last(3), CAPACITY), 3)
    theirs = take_in(with_capacity(plain_knowledge(3), CAPACITY), 3)
    assert int(num_sources(ours)) == 4
    assert_close(ours.sources, theirs.sources, rtol=1e-5)
    assert_close(ours.prior, theirs.prior, rtol=1e-5)


@pytest.mark.slow
def test_the_order_of_tasks_does_not_matter(one_by_one):
    other = with_capacity(plain_knowledge(2), CAPACITY)
    for task in (4, 2, 3):
        other = take_in(other, task)
    order = np.array([0, 1, 4, 2, 3])
    assert_close(
        other.sources,
        jax.tree.map(lambda leaf: leaf[np.append(order, 5)], one_by_one.sources),
        rtol=1e-4,
        atol=1e-5,
    )
    assert_close(other.sampling, one_by_one.sampling, rtol=1e-5)
    np.testing.assert_array_equal(other.bounds, one_by_one.bounds)
    assert_close(other.prior, one_by_one.prior, rtol=1e-6)


@pytest.mark.slow
def test_several_at_a_time_are_one_by_one(one_by_one):
    together = take_in(with_capacity(plain_knowledge(2), CAPACITY), 2, 3, 4)
    assert_close(together, one_by_one, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_adding_a_task_costs_the_same_after_any_number_of_tasks():
    """All updates share one compiled program."""
    take_in(with_capacity(plain_knowledge(2), CAPACITY), 4)
    programs = _append_all._cache_size()
    knowledge = with_capacity(plain_knowledge(2), CAPACITY)
    for task in (3, 4, 2, 1):
        knowledge = take_in(knowledge, task)
    assert _append_all._cache_size() == programs
    assert int(num_sources(knowledge)) == CAPACITY


@pytest.mark.slow
def test_a_past_without_wins_can_win_later():
    before = plain_knowledge(3, 0.0)
    after = take_in(with_capacity(before, CAPACITY), 3)
    assert before.wins[0] == 0
    assert after.wins[0] > 0.6


@pytest.mark.slow
def test_wins_count_the_replays_that_the_transferred_prior_wins():
    """Against the evidence of replays by the knowledge before the update."""
    for how in ("unmodified", "permuted"):
        before = plain_knowledge(3, 1.9)
        after = take_in(with_capacity(before, CAPACITY), 3, how=how)
        history = tasks(3, how=how)
        pool = pool_features(before, encode(SPACE, history.architecture[0])).pool
        predicted = jnp.mean(pool.features[:, 1:4], -1)
        drawn = replay(
            jax.random.fold_in(jax.random.key(0), 3),
            jax.tree.map(lambda leaf: leaf[None], pool),
            predicted[None],
            history.metrics["score"],
            size=SIZE,
            outcome_transform="log_lower_tail",
        )
        priors = [PoolPrior(*leaves) for leaves in zip(*before.prior, strict=True)]
        replays = list(zip(*(leaf[0] for leaf in drawn), strict=True))
        evidence = np.array([[log_evidence(prior, *one) for one in replays] for prior in priors])
        win = np.mean(1 / (1 + np.exp(evidence[1] - evidence[0])))
        np.testing.assert_allclose(after.wins, [1.9 + win, 2.1 - win], rtol=1e-3)
        transferred = max((2 * (1.9 + win) - 4) / 6, 1 / 6)
        np.testing.assert_allclose(
            np.exp(after.log_weights), [transferred, 1 - transferred], rtol=1e-3
        )
        assert (win > 0.6) == (how == "unmodified")


@pytest.mark.slow
def test_shorter_tasks_fit_in():
    history = tasks(2)
    short = history._replace(
        architecture=history.architecture[:, :40],
        continuous=history.continuous[:, :40],
        metrics={"score": history.metrics["score"][:, :40]},
        mask=history.mask[:, :40],
    )
    failed = history._replace(
        metrics={"score": history.metrics["score"].at[:, 40:].set(jnp.nan)},
    )
    start = with_capacity(plain_knowledge(2), CAPACITY)
    ours, theirs = (
        update(jax.random.key(0), start, given, METRIC, space=SPACE, replay_size=SIZE)
        for given in (short, failed)
    )
    encoding = encode(SPACE, related_tasks().pool)
    assert_close(
        pool_features(ours, encoding).past_mean,
        pool_features(theirs, encoding).past_mean,
        rtol=1e-3,
        atol=1e-4,
    )
    assert_close(ours.sampling, theirs.sampling, rtol=1e-5)


@pytest.mark.slow
def test_no_solves_can_deadlock():
    history = tasks(2)

    def program(knowledge, architecture, encoding, score):
        return _append_all(
            jax.random.key(0),
            knowledge,
            architecture,
            encoding,
            score,
            size=SIZE,
        )

    start = with_capacity(plain_knowledge(2), CAPACITY)
    encoding = encode_history(SPACE, history)
    arguments = start, history.architecture, encoding, history.metrics["score"]
    assert not concurrent_algebra(program, *arguments)


@pytest.mark.slow
def test_updating_is_close_to_learning_from_all_tasks():
    """Learned from three sources and updated by two, against learned from all five."""
    history = related_history()
    learned = {}
    for number in (3, 5):
        past = select_tasks(history, np.arange(number))
        learned[number], _ = learn_from_history(
            jax.random.key(0), past, METRIC, np.arange(number) % 2, space=SPACE, config=CONFIG
        )
    updated = update(
        jax.random.key(0),
        with_capacity(learned[3], SOURCES),
        select_tasks(history, np.arange(3, SOURCES)),
        METRIC,
        space=SPACE,
        replay_size=CONFIG.replay_size,
    )
    encoding = encode(SPACE, related_tasks().pool)
    ours, anew = (pool_features(known, encoding) for known in (updated, learned[5]))
    for source in range(SOURCES):
        pair = (made.pool.features[:, 1 + source] for made in (ours, anew))
        assert spearmanr(*pair).statistic > 0.95
    assert spearmanr(ours.past_mean, anew.past_mean).statistic > 0.97
    assert_close(updated.sampling, learned[5].sampling, rtol=1e-4)
    np.testing.assert_array_equal(updated.bounds, learned[5].bounds)
    assert_close(updated.wins, learned[5].wins, atol=0.5)


def test_mismatched_arguments_are_refused():
    full = plain_knowledge(2)
    with pytest.raises(NmjaxError, match=r"with_capacity\(knowledge, 3\)"):
        take_in(full, 2)
    with pytest.raises(NmjaxError, match="capacity of 1 for 2 sources"):
        with_capacity(full, 1)
    roomy, history = with_capacity(full, CAPACITY), tasks(2)
    few = history._replace(metrics={"score": history.metrics["score"].at[:, 9:].set(jnp.nan)})
    with pytest.raises(NmjaxError, match="New task 0 has 9 successful"):
        update(jax.random.key(0), roomy, few, METRIC, space=SPACE, replay_size=SIZE)
    long = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf], axis=1), history)
    with pytest.raises(NmjaxError, match="120 evaluations; sources hold at most 60"):
        update(jax.random.key(0), roomy, long, METRIC, space=SPACE)
