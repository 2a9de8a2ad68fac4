import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from nmjax.errors import NmjaxError
from nmjax.predictors import PoolPrior
from nmjax.search import NewTask, advise_from_past, advise_transfer
from nmjax.search.transfer import advice as transfer_advice
from nmjax.search.transfer import replay_sizes
from nmjax.search.transfer.judgment import judge_by_replays
from nmjax.search.transfer.replay import TransferReplay, saved_evaluations, without_source
from nmjax.spaces import encode
from nmjax.tasks.past_searches import PastSearches
from tests.related import METRIC, ROWS, SOURCES, SPACE, learn_related, related_history

RNG = np.random.default_rng(0)
BUDGET = 10


def made_up(tasks, times=3):
    """Tasks where the first feature determines the savings and the second is noise."""
    features = RNG.normal(size=(tasks, times, 2)).astype(np.float32)
    saved = 4 * features[..., 0] + RNG.normal(size=(tasks, times)) + 1
    return TransferReplay(
        *(jnp.float32(leaf) for leaf in (features, saved, RNG.uniform(0.5, 1, tasks)))
    )


def test_the_probability_is_that_of_scikit_learns_logistic_regression():
    replayed, features = made_up(6), np.array([0.7, -0.2], np.float32)
    known = np.asarray(replayed.features).reshape(-1, 2)

    def design(features):
        scaled = (features - known.mean(0)) / known.std(0)
        return np.concatenate([np.ones((len(features), 1)), scaled], axis=1)

    weight = np.repeat(np.asarray(replayed.weight) / 3, 3)
    saved = np.asarray(replayed.saved).ravel()
    logistic = LogisticRegression(fit_intercept=False, tol=1e-8)
    logistic.fit(design(known), saved > 0, sample_weight=weight)
    ours = jax.jit(judge_by_replays)(jax.random.key(0), replayed, features)
    expected = logistic.predict_proba(design(features[None]))[0, 1]
    np.testing.assert_allclose(ours.estimate, expected, atol=5e-3)
    assert ours.low < ours.estimate < ours.high


def test_few_tasks_give_uncertain_advice():
    """More tasks with the same features give a probability further from one half."""
    found = [
        judge_by_replays(jax.random.key(0), made_up(tasks), jnp.array([0.7, 0.0]))
        for tasks in (2, 40)
    ]
    assert 0.5 < found[0].estimate < found[1].estimate
    width = [np.ptp(jax.scipy.special.logit(jnp.stack(of[1:]))) for of in found]
    assert width[1] < width[0]


def test_a_barred_source_leaves_its_share_to_the_others():
    mean = jnp.array([[0.5, 0.2, 0.2, 0.2, 0.7], [0.1, 0, 0, 0, 0]])
    prior = PoolPrior(mean, mean + 1, *(jnp.ones(2) for _ in range(4)))
    ours = without_source(prior, jnp.array(1), sources=3)
    np.testing.assert_allclose(ours.mean, [[0.5, 0.3, 0, 0.3, 0.7], [0.1, 0, 0, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(ours.variance[1], [1.1, 1.5, 0, 1.5, 1], rtol=1e-6)
    np.testing.assert_array_equal(ours.noise, prior.noise)


def test_what_is_saved_is_counted_from_the_first_that_reaches():
    curves = jnp.array([[1.0, 3, 3, 4], [1, 1, 1, 3], [1, 1, 1, 1]])
    np.testing.assert_array_equal(saved_evaluations(curves, jnp.array([3.0, 3, 3])), [0, -2, -2])
    assert saved_evaluations(curves[0], jnp.array(1.0)) == 1


@pytest.fixture(scope="module")
def related():
    """Knowledge of related tasks, 10 evaluations of a new one, and the past."""
    history = related_history()
    encoding, past = encode(SPACE, history.architecture), history.metrics["score"]
    return learn_related()[0], encoding[-1, :10], past[-1, :10], encoding[:-1], past[:-1]


@pytest.mark.slow
def test_advice_distinguishes_a_related_task_from_its_opposite(related):
    knowledge, encoding, score, *past = related
    settings = {"pool_size": ROWS, "budget": BUDGET, "replays": 4}
    alike, opposite, unknown = (
        advise_transfer(jax.random.key(0), knowledge, encoding, s, *past, **settings)
        for s in (score, -score, jnp.full(10, jnp.nan))
    )
    assert alike.estimate > 0.6 > opposite.estimate
    assert alike.estimate > unknown.estimate > opposite.estimate


@pytest.mark.slow
def test_mismatched_arguments_are_refused(related):
    knowledge, encoding, score, source_encoding, source_score = related
    asked = (jax.random.key(0), knowledge)
    advised, past = (*asked, encoding, score, source_encoding), (source_encoding, source_score)
    with pytest.raises(NmjaxError, match="at most 10"):
        advise_transfer(*asked, jnp.zeros((11, 15)), jnp.zeros(11), *past)
    with pytest.raises(NmjaxError, match=f"{SOURCES} sources"):
        advise_transfer(*advised, source_score[1:])
    for settings, remedy in (
        ({"pool_size": 200}, f"pool_size=200; give from 10 to {ROWS}"),
        ({"pool_size": 9, "budget": 4}, f"pool_size=9; give from 10 to {ROWS}"),
        ({"pool_size": 20, "budget": 10}, f"pool_size=20; give from 21 to {ROWS}"),
        ({"pool_size": ROWS, "budget": 30}, "budget=30; give from 1 to 29"),
        ({"budget": 30}, "budget=30; give from 1 to 29"),
        ({"budget": 0}, "budget=0; give from 1 to 29"),
        ({"replays": 0}, "replays=0"),
    ):
        with pytest.raises(NmjaxError, match=remedy):
            advise_transfer(*advised, source_score, **settings)


def past_of(successes):
    history = related_history()
    score = np.array(history.metrics["score"])[: len(successes)]
    for row, number in zip(score, successes, strict=True):
        row[number:] = np.nan
    few = jax.tree.map(lambda leaf: leaf[: len(successes)], history)
    few = few._replace(metrics={"score": jnp.asarray(score)})
    tasks = tuple(f"task {i}" for i in range(len(successes)))
    return PastSearches(SPACE, few, tasks, METRIC, name="related")


NEW = NewTask("new", jnp.zeros((0, 15)), jnp.zeros(0))


@pytest.mark.parametrize(
    ("successes", "settings", "says"),
    [
        ((60, 37), {"budget": 19}, "budget=19; give from 1 to 18.* 37 successful"),
        ((60, 9), {}, "'task 1' has 9 successful evaluations; advice needs at least 10"),
        ((60,), {}, "at least two"),
    ],
)
def test_sizes_are_checked_before_anything_is_learned(monkeypatch, successes, settings, says):
    monkeypatch.setattr(transfer_advice, "learn_from_history", None)
    with pytest.raises(NmjaxError, match=says):
        advise_from_past(jax.random.key(0), past_of(successes), NEW, **settings)


def test_sizes_follow_the_evaluations_there_are():
    assert replay_sizes(300) == (20, 200)
    assert replay_sizes(41) == (20, 41)
    assert replay_sizes(37) == (18, 37)
    assert replay_sizes(10) == (4, 10)
    assert replay_sizes(300, pool_size=30) == (14, 30)


@pytest.mark.slow
def test_defaults_advise_from_tasks_with_few_successes():
    advice = advise_from_past(jax.random.key(0), past_of((60, 37, 60)), NEW, replays=1)
    assert advice.budget == 18
    assert 0 < advice.probability.low <= advice.probability.high < 1
