"""Learning from past searches of several spaces."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import LearnConfig, default_knowledge, learn, transfer_weight, update
from nmjax.knowledge.prior_fitting import Layout, Replays, fit_priors
from nmjax.knowledge.replayed_past import mapped_gain
from nmjax.knowledge.transfer.joined_past import join_pasts
from nmjax.spaces import Choice, Space
from nmjax.tasks import PastSearches, make_history
from nmjax.types import Metric

OURS = Space.build("ours", tuple(Choice(f"c{i}", ("a", "b", "c")) for i in range(3)))
THEIRS = Space.build("theirs", tuple(Choice(f"d{i}", ("c", "a", "z")) for i in (2, 0, 1)))
SYNONYMS = {f"d{i}": f"c{i}" for i in range(3)}
ACCURACY, LOSS = Metric("accuracy"), Metric("loss", "nats", "min")
QUICK = LearnConfig(kernel_steps=3, prior_steps=3, replay_size=20)
GRID = np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), -1)


def past_of(*tasks, space=OURS, metric=ACCURACY, seed=0, name="past"):
    """Past searches of a whole space; the score depends on the number of options named "a"."""
    rng = np.random.default_rng(seed)
    first = np.array([choice.options.index("a") for choice in space.choices])
    score = np.sum(first == GRID, axis=1) + rng.normal(size=(len(tasks), 27))
    values = score if metric.direction == "max" else np.exp(-score)
    history = make_history(np.stack([GRID] * len(tasks)), {metric.name: values}, space=space)
    return PastSearches(space, history, tasks, metric, name=name)


def other(*tasks, **kwargs):
    return past_of(*tasks, space=THEIRS, metric=LOSS, seed=1, name="other", **kwargs)


def test_tasks_of_the_space_itself_come_first_and_others_keep_their_scores():
    own, theirs = past_of("one", "two"), other("one", "three")
    joined = join_pasts([theirs, own], OURS, SYNONYMS)
    assert (joined.tasks, joined.own) == (("one", "two", "one", "three"), 2)
    rows = np.asarray(joined.history.mask)
    np.testing.assert_array_equal(rows.sum(axis=1), [27, 27, 8, 8])
    raw = np.asarray(theirs.history.metrics["loss"])
    for task in range(2):
        for choices, score in zip(
            joined.history.architecture[2 + task][:8],
            joined.history.metrics["score"][2 + task][:8],
            strict=True,
        ):
            options = [
                ("c", "a", "z").index(OURS.choices[i].options[choices[i]]) for i in (2, 0, 1)
            ]
            (row,) = np.flatnonzero((options == GRID).all(axis=1))
            np.testing.assert_allclose(score, -raw[task, row])


def test_a_task_of_the_same_name_is_no_source_of_its_replay():
    joined = join_pasts([past_of("one", "two"), other("one", "three")], OURS, SYNONYMS)
    expected = [[False, True, False, True], [True, False, True, True]]
    np.testing.assert_array_equal(joined.replay_sources(), expected)
    assert join_pasts([past_of("one"), past_of("two", seed=2)], OURS).replay_sources() is None
    alone = join_pasts([other("one", "two")], OURS, SYNONYMS)
    np.testing.assert_array_equal(alone.replay_sources(), [[False, True], [True, False]])
    without_first = joined.select(np.array([1, 2, 3]))
    np.testing.assert_array_equal(without_first.replay_sources(), [[False, True, True]])


@pytest.mark.slow
def test_a_past_of_another_space_alone_has_the_smallest_weight():
    knowledge = learn(other("one", "two"), space=OURS, synonyms=SYNONYMS, config=QUICK)
    assert knowledge.metric == LOSS
    np.testing.assert_allclose(
        transfer_weight(knowledge.log_weights, knowledge.prior), 1 / 4, rtol=1e-5
    )
    assert knowledge.portfolio_gain == 0
    assert knowledge.own_sources is None
    assert np.all(np.asarray(knowledge.prior.mean[0, 1:]) != 0)


@pytest.mark.slow
def test_units_of_another_space_do_not_matter():
    """Beside one task of the space itself; scores are made whole numbers of another size."""
    theirs = other("two", "three")
    ranks = np.argsort(np.argsort(theirs.history.metrics["loss"], axis=1), axis=1)
    history = theirs.history._replace(metrics={"loss": jnp.asarray(1e6 * ranks, jnp.float32)})
    learned = [
        learn([past_of("one"), past], synonyms=SYNONYMS, config=QUICK)
        for past in (theirs, theirs.replace(history=history))
    ]
    assert learned[0].metric == ACCURACY
    np.testing.assert_array_equal(learned[0].own_sources, [True, False, False])
    jax.tree.map(np.testing.assert_array_equal, *learned)
    with pytest.raises(NmjaxError, match="learn from all past searches again"):
        update(jax.random.key(0), learned[0], past_of("new").history, ACCURACY, space=OURS)


@pytest.mark.slow
def test_another_space_that_predicts_nothing_is_left_out():
    own, theirs = past_of("one", "two", "three"), other("four")
    rng = np.random.default_rng(5)
    noise = theirs.history._replace(metrics={"loss": jnp.asarray(rng.normal(size=(1, 27)), "f4")})
    config = replace(QUICK, prior_steps=40)
    joined = learn([own, theirs.replace(history=noise)], synonyms=SYNONYMS, config=config)
    jax.tree.map(np.testing.assert_array_equal, joined, learn(own, config=config))


def replays_of(informative):
    """Replays of three tasks whose scores one of six sources predicts, for each task."""
    rng = np.random.default_rng(0)
    score = rng.normal(size=(3, 4, 12))
    features = rng.normal(size=(3, 4, 12, 7))
    features[..., 0] = 1
    features[..., 1 + informative] = score + 0.3 * rng.normal(size=score.shape)
    kernel = np.broadcast_to(np.eye(12), (3, 4, 12, 12))
    return Replays(*(jnp.asarray(leaf, jnp.float32) for leaf in (features, kernel, score)))


@pytest.mark.slow
def test_the_weight_of_other_spaces_is_learned_by_replay():
    """Sources 3 to 5 are of other spaces; one of them, or one of the space itself, is the score."""
    layout, sources = Layout(6, 0, mapped=3), jnp.asarray(~np.eye(3, 6, dtype=bool))
    shares, gains = [], []
    for informative in (4, 1):
        replays = replays_of(informative)
        prior, wins, _ = fit_priors(replays, sources, layout=layout, steps=40)
        mean = np.asarray(prior.mean[0, 1:])
        np.testing.assert_allclose(mean[:3], mean[0], rtol=1e-5)
        np.testing.assert_allclose(mean[3:], mean[3], rtol=1e-5)
        np.testing.assert_allclose(wins.sum(), 3, rtol=1e-5)
        shares.append(mean[3] / mean[0])
        gains.append(np.asarray(mapped_gain(replays, sources, layout=layout, steps=40)).mean())
    assert shares[0] > 2 > 0.5 > shares[1]
    assert gains[0] > 1 > gains[1]


@pytest.mark.parametrize(
    ("pasts", "message"),
    [
        ([past_of("one"), past_of("one", seed=2)], "task 'one' in two pasts of space 'ours'"),
        (
            [past_of("one"), past_of("two")],
            "'one' of 'past' and task 'two' of 'past' with the same",
        ),
        ([], "of type list"),
        ([past_of("one"), None], "of type NoneType"),
        ([past_of("one"), other("two")], "no choice with an option in common"),
    ],
)
def test_pasts_that_cannot_be_joined_are_refused(pasts, message):
    with pytest.raises(NmjaxError, match=message):
        learn(pasts, config=QUICK)


def test_one_past_in_a_list_is_that_past():
    failed = past_of("one")
    nothing = failed.history._replace(metrics={"accuracy": jnp.full((1, 27), np.nan)})
    knowledge = learn([failed.replace(history=nothing)])
    jax.tree.map(np.testing.assert_array_equal, knowledge, default_knowledge(OURS, ACCURACY))
