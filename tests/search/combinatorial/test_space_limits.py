"""Known limits of a space: the same search as over a pool with these limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import default_knowledge
from nmjax.search import (
    BayesianSearch,
    ExhaustiveScan,
    ExpectedImprovement,
    LocalAscent,
    SpaceSearch,
    default_hyper,
    is_finished,
    make_problem,
    make_space_problem,
    run_batch,
    start,
    suggest,
)
from nmjax.spaces import Real, Space, to_index
from tests.related import SPACE, plain_knowledge, related_tasks

BUDGET = 10


def look_up(problem, architecture):
    return problem.target["score"][to_index(SPACE, architecture)]


def allowed(problem, architecture):
    return problem.target["meets"][to_index(SPACE, architecture)]


def problem_with(meets, knowledge):
    target = {"score": jnp.asarray(related_tasks().scores[-1]), "meets": jnp.asarray(meets)}
    return make_space_problem(SPACE, knowledge, target)


def search_with(**settings):
    return SpaceSearch(
        SPACE,
        evaluate=look_up,
        feasibility=allowed,
        capacity=BUDGET,
        starts=4,
        **{"maximizer": ExhaustiveScan(block=243)} | settings,
    )


def searched_rows(meets, knowledge, search):
    keys = jax.random.split(jax.random.key(0), 2)
    states, trace = run_batch(keys, problem_with(meets, knowledge), search, steps=BUDGET)
    return np.asarray(to_index(SPACE, states.point)), np.asarray(trace.counted)


def shares_at_most_two_options():
    """The best architecture shares all five with itself, so it misses the limit."""
    tasks = related_tasks()
    return np.sum(tasks.pool == tasks.pool[np.argmax(tasks.scores[-1])], axis=1) <= 2


def check_feasible(meets, rows, counted):
    for lane, counts in zip(rows, counted, strict=True):
        evaluated = lane[counts]
        assert meets[evaluated].all()
        assert len(set(evaluated.tolist())) == len(evaluated)


@pytest.mark.slow
@pytest.mark.parametrize("soft", [False, True])
def test_limits_change_a_space_as_they_change_a_pool(soft):
    """From the same evaluations, both searches choose the next one."""
    meets = np.random.default_rng(0).uniform(size=243).astype(np.float32)
    meets = meets if soft else (meets < 0.2).astype(np.float32)
    knowledge, tasks = plain_knowledge(3), related_tasks()
    rows, counted = searched_rows(meets, knowledge, search_with())
    check_feasible(meets > 0, rows, counted)
    assert counted.all()
    listed = make_problem(SPACE, tasks.pool, tasks.scores[-1], knowledge, feasibility=meets)
    pooled, hyper = BayesianSearch(capacity=BUDGET), default_hyper(BUDGET)

    @jax.jit
    def replay(listed, rows):
        def step(state, row):
            chosen = pooled.suggest(state, listed, hyper)
            return pooled.observe(state, listed, hyper, row, listed.score[row])[0], chosen

        return jax.lax.scan(step, pooled.init(jax.random.key(0), listed, hyper), rows)[1]

    for lane in rows:
        np.testing.assert_array_equal(replay(listed, lane)[3:], lane[3:])


@pytest.mark.slow
def test_limits_hold_for_ascents_without_a_past_and_acquisitions_that_are_no_logarithms():
    meets = shares_at_most_two_options()
    search = search_with(maximizer=LocalAscent(rounds=4), acquisition=ExpectedImprovement())
    rows, counted = searched_rows(meets, default_knowledge(SPACE), search)
    check_feasible(meets, rows, counted)
    assert counted.all()


@pytest.mark.slow
def test_the_search_of_a_space_ends_when_no_feasible_architecture_is_left():
    meets = np.arange(243) % 50 == 0
    rows, counted = searched_rows(meets, default_knowledge(SPACE), search_with())
    np.testing.assert_array_equal(counted.sum(axis=1), 5)
    check_feasible(meets, rows, counted)


@pytest.mark.slow
@pytest.mark.parametrize("impossible", [0.0, np.nan, -1.0, 2.0])
def test_a_space_in_which_nothing_is_feasible_is_finished_at_once(impossible):
    problem = problem_with(np.full(243, impossible, np.float32), default_knowledge(SPACE))
    state = start(jax.random.key(0), problem, search_with())
    assert is_finished(state, problem, search_with())


def test_the_first_suggestion_of_a_mixed_space_meets_the_limit():
    space = Space(width=[16, 32, 64, 128], rate=Real(0.0, 1.0))

    def meets(problem, candidate):
        return (candidate.architecture[0] == 3) & (candidate.continuous[0] < problem.target)

    search = SpaceSearch(space, feasibility=meets, capacity=2, starts=2, maximizer=LocalAscent())
    problem = make_space_problem(space, default_knowledge(space), jnp.float32(0.25))
    for seed in range(3):
        found = suggest(start(jax.random.key(seed), problem, search), problem, search)
        assert found.architecture[0] == 3
        assert found.continuous[0] < 0.25


@pytest.mark.slow
def test_a_limit_on_real_values_holds_throughout():
    space = Space(width=[16, 32], rate=Real(0.0, 1.0))

    def meets(problem, candidate):
        del problem
        return candidate.continuous[0] * jnp.where(candidate.architecture[0] == 1, 2, 1) < 0.4

    def score(problem, candidate):
        del problem
        return candidate.continuous[0]

    search = SpaceSearch(
        space, evaluate=score, feasibility=meets, capacity=8, starts=4, maximizer=LocalAscent()
    )
    keys = jax.random.split(jax.random.key(0), 2)
    problem = make_space_problem(space, default_knowledge(space))
    states, trace = run_batch(keys, problem, search, steps=8)
    assert trace.counted.all()
    assert np.max(states.point[..., 1] * (1 + states.point[..., 0])) < 0.4
    assert np.max(trace.score) > 0.35


def test_feasibility_that_is_no_function_is_refused():
    with pytest.raises(NmjaxError, match="give a callable object"):
        SpaceSearch(SPACE, feasibility=0.5)
