"""Searches whose evaluations train children, in one compiled call."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.live import (
    LiveEvaluation,
    MLPFamily,
    TrainingConfig,
    TrainingHyper,
    live_pool,
    make_target,
    train_child,
    training_space,
)
from nmjax.search import RandomSearch, run_batch
from nmjax.spaces import Choice, Ordinal, enumerate_architectures
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
