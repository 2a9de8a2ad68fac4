"""Known limits: the probability of meeting them is a factor of the acquisition."""

import jax
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import default_knowledge
from nmjax.search import (
    BayesianSearch,
    ExpectedImprovement,
    default_hyper,
    make_problem,
    run_batch,
    select_initial_points,
)
from tests.related import SPACE, plain_knowledge, related_tasks

STEPS = 16
SEARCH = BayesianSearch(capacity=STEPS)


def problem_with(feasibility, knowledge=None, rows=slice(None)):
    tasks = related_tasks()
    return make_problem(
        SPACE,
        tasks.pool[rows],
        tasks.scores[-1][rows],
        knowledge or plain_knowledge(3),
        feasibility=None if feasibility is None else feasibility[rows],
    )


def searched(problem, search=SEARCH):
    keys = jax.random.split(jax.random.key(0), 4)
    return run_batch(keys, problem, search, default_hyper(STEPS), steps=STEPS)[1]


def within_limit():
    """The size of an architecture is its number of first options; the best score is too large."""
    tasks = related_tasks()
    size = np.sum(tasks.pool == tasks.pool[np.argmax(tasks.scores[-1])], axis=1)
    return size <= 2


def check_all_feasible(problem, search=SEARCH):
    feasible, rows = within_limit(), np.asarray(searched(problem, search).row)
    assert feasible[rows].all()
    assert all(len(set(lane)) == STEPS for lane in rows)


def test_no_architecture_that_misses_a_known_limit_is_evaluated():
    check_all_feasible(problem_with(within_limit()))


@pytest.mark.slow
def test_limits_hold_without_a_past_and_for_acquisitions_that_are_no_logarithms():
    search = BayesianSearch(capacity=STEPS, acquisition=ExpectedImprovement())
    check_all_feasible(problem_with(within_limit(), default_knowledge(SPACE)), search)


@pytest.mark.slow
def test_a_limit_that_all_architectures_meet_changes_no_row():
    without, with_one = (searched(problem_with(f)) for f in (None, np.ones(3**5)))
    np.testing.assert_array_equal(with_one.row, without.row)


def test_the_search_ends_when_no_feasible_architecture_is_left():
    feasible = np.arange(3**5) % 100 == 0
    trace = searched(problem_with(feasible))
    np.testing.assert_array_equal(trace.counted.sum(axis=1), 3)
    assert feasible[np.asarray(trace.row)[np.asarray(trace.counted)]].all()


def test_an_unlikely_architecture_is_suggested_less_often():
    """The half of the pool that holds the best score meets the limit with probability 1%."""
    best = np.argmax(related_tasks().scores[-1])
    half = related_tasks().pool[:, 0] == related_tasks().pool[best, 0]
    rare = np.asarray(searched(problem_with(np.where(half, 0.01, 1.0))).row)
    free = np.asarray(searched(problem_with(np.ones(3**5))).row)
    assert half[rare].mean() < 0.5 * half[free].mean()


@pytest.mark.slow
def test_initial_batches_are_feasible():
    feasible = within_limit()
    problem = problem_with(feasible)
    rows = select_initial_points(jax.random.key(1), problem, number=4, draws=8)
    assert feasible[np.asarray(rows)].all()


@pytest.mark.parametrize(
    ("feasibility", "message"),
    [
        (np.ones(3), "one probability from 0 to 1"),
        (np.full(3**5, 1.5), "one probability from 0 to 1"),
        (np.full(3**5, np.nan), "one probability from 0 to 1"),
        (np.zeros(3**5, bool), "feasibility 0 for all 243"),
    ],
)
def test_feasibility_that_is_no_probability_is_refused(feasibility, message):
    tasks = related_tasks()
    with pytest.raises(NmjaxError, match=message):
        make_problem(SPACE, tasks.pool, None, plain_knowledge(3), feasibility=feasibility)
