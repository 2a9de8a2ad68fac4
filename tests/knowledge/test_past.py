"""Learning from one task, few evaluations, failures or none, without recompilation."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    LearnConfig,
    compute_task_similarity,
    config_for,
    default_knowledge,
    learn,
    learn_from_history,
    num_sources,
    pool_features,
    replayed_past,
    transfer_weight,
)
from nmjax.knowledge.features import group_index
from nmjax.knowledge.standardized_past import standardize_past
from nmjax.search import BayesianSearch, default_hyper, make_problem, run_batch
from nmjax.spaces import Ordinal, Real, Space, encode
from nmjax.tasks import PastSearches, select_tasks, stack_tasks
from nmjax.types import Metric
from tests.related import METRIC, SPACE, related_tasks

QUICK = LearnConfig(kernel_steps=5, prior_steps=5)


def past_of(*sizes, failed=(), metric=METRIC):
    """Past searches whose tasks have these numbers of evaluations; those of some all failed."""
    tasks = related_tasks()
    architectures = [tasks.pool[rows[:n]] for rows, n in zip(tasks.rows, sizes, strict=False)]
    scores = [s[r[:n]] for s, r, n in zip(tasks.scores, tasks.rows, sizes, strict=False)]
    for task in failed:
        scores[task] = np.full_like(scores[task], np.nan)
    history = stack_tasks(architectures, [{"score": s} for s in scores], space=SPACE)
    return PastSearches(SPACE, history, tuple(f"t{i}" for i in range(len(sizes))), metric)


def finite(knowledge):
    leaves = jax.tree.leaves(knowledge.replace(log_weights=jax.numpy.exp(knowledge.log_weights)))
    return all(np.isfinite(leaf).all() for leaf in leaves)


def search(knowledge):
    """Best scores of the target in four searches of ten evaluations."""
    tasks = related_tasks()
    problem = make_problem(SPACE, tasks.pool, tasks.scores[-1], knowledge)
    keys = jax.random.split(jax.random.key(0), 4)
    hyper = default_hyper(10)
    _, trace = run_batch(keys, problem, BayesianSearch(capacity=10), hyper, steps=10)
    return np.asarray(trace.score)


@pytest.mark.parametrize("sizes", [(5,), (30,), (5, 30)])
def test_a_small_past_is_learned_from(sizes):
    past = past_of(*sizes)
    config = config_for(past.history, METRIC)
    assert not config.network
    knowledge = learn(past, config=QUICK)
    assert finite(knowledge)
    assert int(num_sources(knowledge)) == len(sizes)
    assert np.exp(knowledge.log_weights[0]) < 0.5
    features = pool_features(knowledge, encode(SPACE, related_tasks().pool)).pool.features
    assert features.shape[1] == 1 + len(sizes)


def test_one_long_task_predicts_the_next():
    features = pool_features(
        learn(past_of(30), config=QUICK), encode(SPACE, related_tasks().pool)
    ).pool.features
    own = np.corrcoef(features[:, 1], related_tasks().scores[0])[0, 1]
    related = np.corrcoef(features[:, 1], related_tasks().scores[-1])[0, 1]
    assert own > 0.7
    assert related > 0.4


def test_tasks_without_a_success_are_left_out():
    with_failed, without = past_of(5, 5, 30, failed=[1]), past_of(5, 5, 30)
    kept = without.replace(
        history=select_tasks(without.history, np.array([0, 2])), tasks=("a", "b")
    )
    ours, theirs = (learn(past, config=QUICK) for past in (with_failed, kept))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    nothing = learn(past_of(30, failed=[0]), config=QUICK)
    jax.tree.map(np.testing.assert_array_equal, nothing, default_knowledge(SPACE, METRIC))
    with pytest.raises(NmjaxError, match="Past task 1 has no successful evaluation"):
        learn_from_history(
            jax.random.key(0), with_failed.history, METRIC, None, space=SPACE, config=QUICK
        )


def test_failed_evaluations_are_no_scores():
    past = past_of(30)
    score = np.asarray(past.history.metrics["score"]).copy()
    score[0, 5:] = np.nan
    failures = past.replace(history=past.history._replace(metrics={"score": score}))
    first = past_of(5)
    ours, theirs = learn(failures, config=QUICK), learn(first, config=QUICK)
    np.testing.assert_array_equal(ours.sources.mask.sum(), theirs.sources.mask.sum())
    assert finite(ours)


@pytest.mark.parametrize("limit", [{"task_rows": 30}, {"total_rows": 60}])
def test_a_sample_of_a_past_beyond_the_limits_is_learned_from(limit):
    past, config = past_of(60, 40), replace(QUICK, **limit)
    score = np.asarray(past.history.metrics["score"]).copy()
    score[0, 4:56] = np.nan
    failing = past.replace(history=past.history._replace(metrics={"score": score}))
    knowledge, other = (learn(failing, config=config, seed=seed) for seed in (0, 1))
    assert finite(knowledge)
    assert knowledge.sources.mask.shape == (2, 30)
    assert knowledge.sources.mask.sum(1).tolist() == [8, 30], "successes are kept"
    assert np.any(knowledge.sources.position[1] != other.sources.position[1])


def test_what_is_within_the_limits_is_learned_from_whole():
    past = past_of(30, 30)
    exact = replace(QUICK, task_rows=30, total_rows=60, max_tasks=2)
    ours, theirs = learn(past, config=exact), learn(past, config=QUICK)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_too_many_tasks_are_refused():
    with pytest.raises(NmjaxError, match=r"Got 3 past tasks; .* Select at most 2"):
        learn(past_of(5, 5, 5), config=replace(QUICK, max_tasks=2))


def test_the_metric_must_be_named():
    with pytest.raises(NmjaxError, match="name it by maximize= or minimize="):
        learn(past_of(5, metric=None))


def test_the_seed_decides():
    past = past_of(30, 30)
    one, again, other = (learn(past, seed=seed, config=QUICK) for seed in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, one, again)
    assert np.any(one.prior.mean != other.prior.mean)


def test_a_minimized_metric_is_learned_as_its_negative():
    past = past_of(30)
    score = -np.asarray(past.history.metrics["score"])
    loss = past.replace(
        history=past.history._replace(metrics={"score": score}),
        metric=Metric("score", direction="min"),
    )
    ours, theirs = learn(loss, config=QUICK), learn(past, config=QUICK)
    np.testing.assert_array_equal(ours.sources.weights, theirs.sources.weights)
    assert ours.metric.direction == "min"


def test_without_a_past_the_search_starts_from_scratch():
    knowledge = default_knowledge(SPACE, METRIC)
    assert finite(knowledge)
    assert int(num_sources(knowledge)) == 0
    assert float(transfer_weight(knowledge.log_weights, knowledge.prior)) == 0
    assert knowledge.prior.noise[0] < 0.1 * knowledge.prior.noise[1]
    found = search(knowledge)
    random = np.random.default_rng(0).choice(related_tasks().scores[-1], (1000, 10))
    assert np.isfinite(found).all()
    assert found.max(1).mean() > random.max(1).mean()


def test_spaces_of_every_kind_have_default_knowledge():
    space = Space(op=["a", "b"], width=Ordinal(8, 16, 64, log=True), rate=Real(1e-4, 1, log=True))
    knowledge = default_knowledge(space)
    assert finite(knowledge.replace(sampling=None))
    real = default_knowledge(Space(rate=Real(0, 1)))
    assert np.isfinite(real.params.location).all()


def test_embeddings_need_the_network():
    knowledge, tasks = learn(past_of(30, 30), config=QUICK), related_tasks()
    rows = tasks.rows[-1][:8]
    with pytest.raises(NmjaxError, match="LearnConfig\\(network=True\\)"):
        compute_task_similarity(
            jax.random.key(0),
            knowledge,
            encode(SPACE, tasks.pool[rows]),
            jax.numpy.asarray(tasks.scores[-1][rows]),
            measure="embedding",
        )


def test_one_more_evaluation_does_not_recompile(caplog):
    first, *more = (past_of(*sizes) for sizes in ((21, 21), (22, 22), (28, 27)))
    learn(first, config=QUICK)

    @jax.jit
    def counted(number):
        return number + 1

    with jax.log_compiles():
        counted(1)
        for past in more:
            learn(past, config=QUICK)
    compiled = [line for line in caplog.messages if line.startswith("Compiling jit")]
    assert len(compiled) == 1
    assert "counted" in compiled[0]


def test_learning_depends_on_the_order_of_the_scores_only():
    """The kernel and the models of the sources are fitted to normal scores."""
    past = past_of(30, 30)
    score = np.exp(3 * np.asarray(past.history.metrics["score"]))
    stretched = past.replace(history=past.history._replace(metrics={"score": score}))
    ours, theirs = learn(stretched, config=QUICK), learn(past, config=QUICK)
    jax.tree.map(np.testing.assert_array_equal, ours.params, theirs.params)
    jax.tree.map(np.testing.assert_array_equal, ours.sources, theirs.sources)


def test_padding_does_not_change_the_standardization():
    past = past_of(5, 30)
    standardized = standardize_past(past.history, space=SPACE, metric=METRIC)
    mask = np.asarray(past.history.mask)
    assert mask.sum() == 35
    encoding = np.asarray(encode(SPACE, past.history.architecture), np.float64)[mask]
    location = encoding.mean(0)
    np.testing.assert_allclose(standardized.location, location, atol=1e-6)
    variance = np.square(encoding - location).mean(0)
    group = np.array(group_index(SPACE))
    scale = np.sqrt([variance[group == own].sum() for own in group])
    np.testing.assert_allclose(standardized.scale, scale, rtol=1e-5)
    x = np.asarray(standardized.x)[mask]
    np.testing.assert_allclose(x, (encoding - location) / scale, atol=1e-5)


def test_a_replay_is_guided_by_the_other_sources(monkeypatch):
    """Predictions at a source's evaluations come from the others; scores are the raw ones."""
    past, given = past_of(20, 20, 20), {}

    def spy(name):
        called = getattr(replayed_past, name)

        def call(*args, **kwargs):
            given[name] = (args, kwargs)
            return called(*args, **kwargs)

        monkeypatch.setattr(replayed_past, name, call)

    for name in ("replay", "fit_priors", "prior_log_weights"):
        spy(name)
    knowledge = learn(past, config=QUICK)
    (_, _, predicted, score), options = given["replay"]
    for own in range(3):
        encoding = encode(SPACE, past.history.architecture[own])
        by_each = pool_features(knowledge, encoding).pool.features[:, 1:4]
        others = np.delete(np.asarray(by_each), own, axis=1).mean(1)
        np.testing.assert_allclose(predicted[own], others, atol=1e-5)
    np.testing.assert_array_equal(score, past.history.metrics["score"])
    assert options["size"] == min(20, QUICK.replay_size)
    (wins,) = given["prior_log_weights"][0]
    np.testing.assert_array_equal(knowledge.wins, wins)


def test_a_sample_of_many_tasks_is_replayed_with_all_others_as_the_past():
    knowledge = learn(past_of(20, 20, 20), config=replace(QUICK, replay_tasks=2))
    assert finite(knowledge)
    assert int(num_sources(knowledge)) == 3
    np.testing.assert_allclose(knowledge.wins.sum(), 2, rtol=1e-5)
    assert np.all(knowledge.prior.mean[0, 1:] != 0)


@pytest.mark.parametrize("seed", [-1, 1.5, "a", None, True, 2**32])
def test_seeds_that_are_not_32_bit_integers_are_refused(seed):
    with pytest.raises(NmjaxError, match=r"expected a whole number from 0 to 2\*\*32 - 1"):
        learn(past_of(5), seed=seed)


def test_other_objects_than_past_searches_are_refused():
    with pytest.raises(NmjaxError, match="as read_history returns them, got an object of type int"):
        learn([1, 2])


def test_metrics_that_are_only_names_are_refused():
    with pytest.raises(NmjaxError, match="Got 'accuracy' as metric; give a Metric"):
        default_knowledge(SPACE, "accuracy")


def test_knowledge_and_its_past_print_in_a_line():
    knowledge = default_knowledge(SPACE, METRIC)
    assert repr(knowledge) == "MetaKnowledge('related', 0 past tasks, maximize score)"
    assert repr(past_of(30, 20)) == "PastSearches(2 tasks, 50 evaluations, maximize score)"
