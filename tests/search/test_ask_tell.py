import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.search import (
    GPUCB,
    BayesianSearch,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
    build_acquisition,
    default_hyper,
    is_finished,
    observe,
    run,
    run_batch,
    start,
    suggest,
    suggest_next_point,
)
from tests.search import every
from tests.search.every import QUICK, problem_for

SEARCHES = [
    BayesianSearch(capacity=10),
    RandomSearch(capacity=10),
    RegularizedEvolution(capacity=10, population_size=3, tournament_size=2),
    LocalSearch(capacity=10),
]


def double(tree):
    return jax.tree.map(
        lambda leaf: leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf, tree
    )


@pytest.mark.parametrize(
    "algorithm", [*SEARCHES[:2], *(pytest.param(s, marks=pytest.mark.slow) for s in SEARCHES[2:])]
)
def test_ask_and_tell_matches_the_scanned_search(float64, algorithm, problem):
    problem, hyper = double(problem), double(default_hyper(8))
    state = algorithm.init(jax.random.key(0), problem, hyper)
    _, trace = run(state, problem, algorithm, hyper, steps=10)
    blind = problem._replace(score=jnp.full_like(problem.score, jnp.nan))
    arguments = blind, algorithm, hyper
    state = start(jax.random.key(0), *arguments)
    rows = []
    for _ in range(8):
        index = suggest(state, *arguments)
        state, info = observe(state, *arguments, index, float(problem.score[index]))
        assert info.counted
        rows.append(int(index))
    np.testing.assert_array_equal(rows, trace.row[:8])
    after, info = observe(state, *arguments, suggest(state, *arguments), 1.0)
    assert not info.counted
    np.testing.assert_array_equal(after.record.score, state.record.score)


def test_a_search_starts_under_jit(problem):
    """Hyperparameters may be constants of the program, or its arguments."""
    algorithm, hyper, large = RandomSearch(capacity=10), default_hyper(8), default_hyper(11)
    closed_over = jax.jit(lambda key: start(key, problem, algorithm, hyper))
    passed = jax.jit(lambda key, hyper: start(key, problem, algorithm, hyper))
    expected = start(jax.random.key(0), problem, algorithm, hyper)
    for state in (closed_over(jax.random.key(0)), passed(jax.random.key(0), hyper)):
        jax.tree.map(np.testing.assert_array_equal, state.order, expected.order)
    with pytest.raises(NmjaxError, match="budget=11"):
        jax.jit(lambda key: start(key, problem, algorithm, large))(jax.random.key(0))


def mean_by_component(key, posterior, context):
    return posterior.components.mean


@pytest.mark.parametrize(
    "algorithm",
    [
        BayesianSearch(capacity=4, acquisition=mean_by_component),
        BayesianSearch(
            capacity=4, acquisition=build_acquisition({mean_by_component: 1, "gp_ucb": 1})
        ),
    ],
)
def test_an_acquisition_returns_one_number_for_each_row(problem, algorithm):
    with pytest.raises(NmjaxError, match=r"returned float\[2, 64\]; return float\[64\]"):
        jax.eval_shape(
            lambda key: algorithm.suggest(
                algorithm.init(key, problem, default_hyper(4)), problem, default_hyper(4)
            ),
            jax.random.key(0),
        )


def test_an_acquisition_is_no_class():
    with pytest.raises(NmjaxError, match=r"class GPUCB as acquisition; .* as from GPUCB\(\)"):
        BayesianSearch(acquisition=GPUCB)


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in every.SEARCHES]
)
def test_unsuggested_evaluations_count(unoptimized, name):
    """Every other evaluation is the row that would be suggested one step later."""
    algorithm, seen = every.SEARCHES[name], []
    arguments = problem_for(name), algorithm, default_hyper(10)
    state = start(jax.random.key(0), *arguments)
    for turn in range(5):
        suggested = suggest(state, *arguments)
        ahead, _ = observe(state, *arguments, suggested, 0.5)
        other = suggest(ahead, *arguments)
        state, info = observe(state, *arguments, other, jnp.nan if turn == 1 else 0.1)
        assert info.counted
        assert np.isnan(info.score) == (turn == 1)
        suggested = suggest(state, *arguments)
        state, _ = observe(state, *arguments, suggested, 0.1 * turn)
        seen += [tuple(np.atleast_1d(one).tolist()) for one in (other, suggested)]
    assert len(set(seen)) == len(seen) == state.record.step


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (999, "Got row 999 of a pool of 64; give one from 0 to 63"),
        (64, "Got row 64 of a pool of 64"),
        (-1, "Got row -1 of a pool of 64"),
        (5, "Row 5 was observed before; each row is evaluated once"),
        (None, "Got None as a row; give a whole number from 0 to 63"),
        ("3", "Got '3' as a row"),
        ({"row": 3}, r"Got \{'row': 3\} as a row"),
        (3.0, "Got 3.0 as a row"),
        (True, "Got True as a row"),
        ([1, 2], r"Got \[1, 2\] as a row"),
    ],
)
@pytest.mark.parametrize("algorithm", SEARCHES[:2])
def test_observe_refuses_invalid_or_evaluated_rows(problem, algorithm, index, says):
    arguments = problem, algorithm, default_hyper(10)
    state, _ = observe(start(jax.random.key(0), *arguments), *arguments, 5, 0.5)
    with pytest.raises(NmjaxError, match=says):
        observe(state, *arguments, index, 0.1)


@pytest.mark.parametrize("score", [None, "0.3", {"score": 0.3}, [0.3], True, 1j])
def test_observe_refuses_invalid_scores(problem, score):
    arguments = problem, SEARCHES[1], default_hyper(10)
    state = start(jax.random.key(0), *arguments)
    with pytest.raises(NmjaxError, match="as a score; give one number, NaN if the evaluation"):
        observe(state, *arguments, 3, score)


@pytest.mark.parametrize(
    "other",
    [
        BayesianSearch(capacity=11),
        BayesianSearch(capacity=10, outcome_transform="standardize"),
        RandomSearch(capacity=10),
    ],
)
def test_another_algorithm_than_the_one_started_with_is_refused(problem, other):
    hyper = default_hyper(10)
    state = start(jax.random.key(0), problem, SEARCHES[0], hyper)
    for call in (
        lambda: suggest(state, problem, other, hyper),
        lambda: observe(state, problem, other, hyper, 3, 0.5),
        lambda: is_finished(state, problem, other, hyper),
    ):
        with pytest.raises(NmjaxError, match="give the algorithm that the search was started with"):
            call()


def test_arguments_in_the_wrong_order_are_refused(problem):
    hyper = default_hyper(10)
    with pytest.raises(NmjaxError, match="as algorithm; give a search"):
        start(jax.random.key(0), problem, hyper, SEARCHES[0])
    with pytest.raises(NmjaxError, match="as hyper; give a SearchHyper"):
        start(jax.random.key(0), problem, SEARCHES[0], 10)


@pytest.mark.parametrize("algorithm", SEARCHES[:2])
def test_overflowing_scores_are_failures(problem, algorithm):
    """The largest numbers of single precision overflow in variances; they count as failures."""
    largest = float(np.finfo(np.float32).max)
    arguments, rows = (problem, algorithm, default_hyper(8)), {}
    for bad in (np.nan, np.inf, -np.inf, -largest, largest, -1e300, -1e37):
        state, rows[bad] = start(jax.random.key(0), *arguments), []
        for turn in range(8):
            row = int(suggest(state, *arguments))
            score = bad if turn == 1 else float(problem.score[row])
            state, info = observe(state, *arguments, row, score)
            rows[bad].append(row)
            assert np.isnan(info.score) == (turn == 1)
        assert len(set(rows[bad])) == 8
    assert len(set(map(tuple, rows.values()))) == 1


def test_an_acquisition_of_nan_alone_still_visits_new_rows(problem):
    algorithm = BayesianSearch(
        capacity=10,
        acquisition=lambda key, posterior, context: jnp.full(
            posterior.components.mean.shape[-1], jnp.nan
        ),
    )
    _, trace = run_batch(jax.random.split(jax.random.key(0), 4), problem, algorithm, steps=10)
    assert all(len(set(row.tolist())) == 10 for row in np.asarray(trace.row))
    assert (np.asarray(trace.row[:, 3:]) != 0).mean() > 0.9


def test_a_batch_needs_scores(problem):
    blind = problem._replace(score=jnp.full_like(problem.score, jnp.nan))
    keys = jax.random.split(jax.random.key(0), 2)
    with pytest.raises(NmjaxError, match="Got a problem without scores"):
        run_batch(keys, blind, RandomSearch(capacity=4), steps=4)


def test_numbers_default_to_the_number_of_steps(problem):
    keys, algorithm = jax.random.split(jax.random.key(0), 2), RandomSearch(capacity=6)
    _, trace = run_batch(keys, problem, algorithm, steps=6)
    again = jax.random.clone(keys)
    _, given = run_batch(again, problem, algorithm, default_hyper(6), steps=6)
    np.testing.assert_array_equal(trace.row, given.row)
    assert trace.counted.all()


@pytest.mark.parametrize(
    ("evaluated", "score", "says"),
    [
        ([1, 2, 1], [0.1, 0.2, 0.3], "Row 1 was observed before"),
        ([1, 64], [0.1, 0.2], "Got row 64 of a pool of 64"),
        ([1, 2], [0.1], "Got 2 evaluations with scores"),
    ],
)
def test_evaluations_without_a_state_are_validated_too(problem, evaluated, score, says):
    with pytest.raises(NmjaxError, match=says):
        suggest_next_point(
            jax.random.key(0), problem, SEARCHES[1], None, np.array(evaluated), np.array(score)
        )
