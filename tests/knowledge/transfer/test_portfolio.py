from itertools import combinations

import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.knowledge import portfolio_gain, select_portfolio
from nmjax.search import make_problem
from tests.related import SOURCES, SPACE, plain_knowledge, related_tasks

PREDICTED = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
ALL = jnp.ones(4, bool)


def test_the_first_has_the_best_mean_and_the_second_the_best_mean_of_maxima():
    predicted = np.float32([[2.0, 0.0], [1.9, 0.1], [0.0, 1.5], [-1.0, 1.6]])
    first, second = np.asarray(select_portfolio(predicted, jnp.ones(2, bool)))
    reached = np.maximum(predicted[first], predicted).mean(1)
    assert first == 0
    assert second == reached.argmax()
    assert predicted[1].mean() > predicted[second].mean()


def test_a_greedy_portfolio_is_within_its_bound_of_the_best():
    """The value must be nonnegative for the bound."""
    chosen = PREDICTED - PREDICTED.min()
    rows = np.asarray(select_portfolio(chosen, ALL, number=3))
    best = max(chosen[list(some)].max(axis=0).mean() for some in combinations(range(12), 3))
    assert chosen[rows].max(axis=0).mean() >= (1 - 1 / np.e) * best
    assert len(set(rows.tolist())) == 3


def test_only_active_sources_count():
    active = jnp.array([True, False, True, False])
    first, _ = select_portfolio(PREDICTED, active)
    assert first == PREDICTED[:, [0, 2]].mean(1).argmax()


def test_rows_that_are_likely_to_fail_are_avoided():
    best = int(PREDICTED.mean(1).argmax())
    log_success = jnp.zeros(12).at[best].set(-20.0)
    assert best not in np.asarray(select_portfolio(PREDICTED, ALL, log_success))


def test_the_gain_is_that_over_the_mean_score():
    score = np.where(np.arange(12) == PREDICTED.mean(1).argmax(), np.nan, np.arange(12.0))
    ranked = np.where(np.isnan(score), -np.inf, PREDICTED.mean(1))
    expected = score[ranked.argmax()] - np.nanmean(score)
    np.testing.assert_allclose(portfolio_gain(PREDICTED, ALL, score), expected, rtol=1e-5)
    assert portfolio_gain(PREDICTED, ~ALL, score) == 0


@pytest.mark.parametrize("gain", [0.5, -0.5])
def test_a_search_begins_with_the_portfolio_if_it_pays(gain):
    tasks = related_tasks()
    knowledge = plain_knowledge(SOURCES).replace(portfolio_gain=jnp.asarray(gain))
    problem = make_problem(SPACE, jnp.asarray(tasks.pool), None, knowledge)
    predicted = problem.pool.features[:, 1 : 1 + SOURCES]
    first, second = select_portfolio(predicted, jnp.ones(SOURCES, bool))
    expected = [first, second] if gain > 0 else [-1, first]
    np.testing.assert_array_equal(problem.portfolio, jnp.array(expected))
