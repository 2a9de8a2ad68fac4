"""Searches whose evaluations train children, in one compiled call."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.knowledge import learn_from_history
from nmjax.live import (
    LiveEvaluation,
    MLPFamily,
    TrainingConfig,
    TrainingHyper,
    live_pool,
    live_problem,
    load_task,
    make_target,
    train_child,
    training_space,
)
from nmjax.search import BayesianSearch, RandomSearch, make_problem, run_batch
from nmjax.spaces import Choice, Ordinal, enumerate_architectures
from nmjax.tasks import load_suite, sample_history
from tests.live.plain import small_data

FAMILY = MLPFamily(4, 3, widths=(2, 4), depths=(1,), activations=("relu",))
CONFIG = TrainingConfig(optimizer="sgd", epochs=2, batch_size=8)
SPACE = training_space(FAMILY, learning_rate=Ordinal(0.01, 0.1, 1e30))


@pytest.fixture(scope="module")
def searched():
    pool = enumerate_architectures(SPACE)
    problem = live_pool(SPACE, pool, make_target(jax.random.key(0), small_data(), CONFIG))
    search = RandomSearch(capacity=8, evaluate=LiveEvaluation(FAMILY, SPACE, CONFIG))
    keys = jax.random.split(jax.random.key(1), 2)
    return problem, run_batch(keys, problem, search, steps=6)[1]


def test_a_search_trains_each_child_as_it_would_train_alone(searched):
    problem, trace = searched
    config = SPACE.to_config(problem.architectures[trace.row[0, 0]])
    key = problem.target.key
    for option in problem.architectures[trace.row[0, 0]]:
        key = jax.random.fold_in(key, option)
    alone = jax.jit(train_child, static_argnames=("family", "config"))(
        key,
        FAMILY,
        problem.architectures[trace.row[0, 0]][:3],
        problem.target.data,
        problem.target.order,
        TrainingHyper(config["learning_rate"]),
        config=CONFIG,
    )
    np.testing.assert_allclose(trace.score[0, 0], alone.score, atol=1e-6)


def test_searches_agree_on_scores_and_record_divergence_as_failures(searched):
    problem, trace = searched
    rates = problem.architectures[trace.row][..., -1]
    np.testing.assert_array_equal(np.isnan(trace.score), rates == 2)
    scores = np.full((2, 6), np.nan)
    for search in range(2):
        scores[search, trace.row[search]] = trace.score[search]
    np.testing.assert_array_equal(*scores)


@pytest.mark.slow
def test_the_optimizer_is_a_choice_like_any_other(unoptimized):
    space = SPACE.replace(choices=(*SPACE.choices, Choice("optimizer", ("sgd", "adamw"))))
    target = make_target(jax.random.key(0), small_data(), CONFIG)
    evaluate = jax.jit(LiveEvaluation(FAMILY, space, CONFIG))
    pool = jnp.array([[0, 1, 0, 1, 0], [0, 1, 0, 2, 1]])
    problem = live_pool(space, pool, target)
    by_sgd = evaluate(problem, jnp.array(0))
    assert np.isfinite(by_sgd)
    assert evaluate(problem, pool[0]) == by_sgd
    # At the same small learning rate, Adam's steps are larger than those of gradient descent.
    slow, fast = (
        evaluate(problem, pool[0].at[-2:].set(jnp.array([0, option]))) for option in (0, 1)
    )
    assert slow != fast


@pytest.mark.slow
def test_a_search_with_knowledge_of_stored_tasks_trains_on_a_new_one(unoptimized):
    """The past is the table that ships; the new task's scores come from training alone."""
    suite, target = load_suite("live-mlp"), load_task("iris", max_train=40)
    history_key, learn_key = jax.random.split(jax.random.key(2))
    history = sample_history(history_key, suite, suite.tasks[1:4], 40)
    metric = suite.metric_info["val_acc"]
    knowledge, _ = learn_from_history(learn_key, history, metric, space=suite.space)
    pool = jnp.asarray(suite.pool[::20])
    config = TrainingConfig(epochs=1, batch_size=20)
    problem = live_problem(
        make_problem(suite.space, pool, None, knowledge),
        pool,
        make_target(jax.random.key(4), target.data, config),
    )
    evaluate = LiveEvaluation(MLPFamily(4, 3), suite.space, config)
    search = BayesianSearch(capacity=8, evaluate=evaluate)
    _, trace = run_batch(jax.random.split(jax.random.key(5), 1), problem, search, steps=4)
    assert len(np.unique(trace.row)) == 4
    expected = [jax.jit(evaluate)(problem, row) for row in trace.row[0]]
    np.testing.assert_allclose(trace.score[0], expected, atol=1e-6)
