import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmjax.errors import NmjaxError
from nmjax.knowledge import default_knowledge, pool_features
from nmjax.search import (
    BayesianSearch,
    LocalSearch,
    ModelProblem,
    RandomSearch,
    RegularizedEvolution,
    ScoreTable,
    default_hyper,
    distinct_rows,
    make_problem,
    make_space_problem,
    run_batch,
    with_flat_prior,
)
from nmjax.spaces import Choice, Real, Space, encode, when
from tests.related import SOURCES, learn_related, plain_knowledge, related_tasks
from tests.related import SPACE as RELATED

SPACE = Space.build(
    "grid", (Choice("a", ("x", "y", "z")), Choice("b", ("p", "q")), Choice("c", (1, 2)))
)
GRID = np.zeros((12, 3), np.int32)


@pytest.mark.slow
def test_a_problem_is_what_knowledge_makes_of_a_pool():
    knowledge, tasks = learn_related()[0], related_tasks()
    target = tasks.scores[-1]
    problem = make_problem(RELATED, tasks.pool, target, knowledge)
    features = pool_features(knowledge, encode(RELATED, tasks.pool))
    np.testing.assert_array_equal(problem.score, target)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), problem.pool, features.pool
    )
    by_sources = np.mean(problem.pool.features[:, 1 : 1 + SOURCES], axis=-1)
    np.testing.assert_allclose(problem.past_mean, by_sources, atol=1e-4)
    flat = with_flat_prior(problem)
    np.testing.assert_array_equal(flat.prior.mean, problem.prior.mean[-1:])
    np.testing.assert_array_equal(flat.log_weights, [0])
    blind = make_problem(RELATED, tasks.pool, None, knowledge)
    assert np.isnan(blind.score).all()
    jax.tree.map(np.testing.assert_array_equal, blind.pool, problem.pool)


def test_scores_and_costs_are_of_the_dtype_of_the_features():
    """Integer arrays cannot hold NaN, which marks failed evaluations."""
    knowledge, pool = plain_knowledge(3), related_tasks().pool
    whole = np.arange(len(pool))
    problem = make_problem(RELATED, pool, whole, knowledge, cost=1 + whole)
    assert problem.score.dtype == problem.cost.dtype == problem.pool.features.dtype
    np.testing.assert_array_equal(problem.score, whole)
    np.testing.assert_array_equal(problem.cost, 1 + whole)
    start = RandomSearch(capacity=4).init(jax.random.key(0), problem, default_hyper(4))
    assert np.isnan(start.record.score).all()


def test_a_problem_without_a_past_has_flat_priors():
    flat = default_knowledge(RELATED)
    for problem in (make_problem(RELATED, related_tasks().pool, None), make_space_problem(RELATED)):
        jax.tree.map(np.testing.assert_array_equal, problem.prior, flat.prior)
        np.testing.assert_array_equal(problem.log_weights, flat.log_weights)
    with pytest.raises(NmjaxError, match=r"Got a str as knowledge; give the result of nmjax.learn"):
        make_space_problem(SPACE, "past")


def test_non_finite_scores_are_failures():
    knowledge, pool = plain_knowledge(3), related_tasks().pool
    score = np.arange(len(pool), dtype=np.float32)
    score[:3] = np.nan, np.inf, -np.inf
    problem = make_problem(RELATED, pool, score, knowledge)
    assert np.isnan(problem.score[:3]).all()
    np.testing.assert_array_equal(problem.score[3:], score[3:])


@pytest.mark.parametrize(
    ("pool", "score", "message"),
    [
        (np.zeros((0, 3), np.int32), None, "pool"),
        (np.zeros(3, np.int32), None, "pool"),
        (np.zeros((4, 2), np.int32), None, "C|choices|int32"),
        (GRID, np.zeros(5), "scores"),
        (GRID, np.full(12, np.nan), "at least one finite"),
        (GRID, np.full(12, -np.inf), "at least one finite"),
        (np.full((1, 3), 0.5), None, "Got a pool of float64"),
        (np.array([[0, 0, 0], [3, 0, 0]]), None, "Row 1 .* option 3 of choice 'a', which has 3"),
        (np.array([[0, -1, 0]]), None, "Row 0 .* option -1 of choice 'b', which has 2"),
        (GRID, None, r"Rows 0 and 1 .* isomorphic architectures, one of 11 .* distinct_rows\("),
    ],
)
def test_mismatched_arguments_are_refused(pool, score, message):
    with pytest.raises(NmjaxError, match=message):
        make_problem(SPACE, pool, score, None)


NESTED = Space(opt=["adam", "sgd"], nesterov=when([False, True], opt="sgd"), rate=Real(0, 1))


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from([0.0, 0.5])),
        min_size=6,
        max_size=6,
    )
)
def test_distinct_rows_keep_each_architecture_once(options):
    """Compared with a dictionary of configurations, which leave inactive choices out."""
    pool, rate = np.array([o[:2] for o in options]), np.array([[o[2]] for o in options])
    configs = [str(NESTED.to_config(*row)) for row in zip(pool, rate, strict=True)]
    first = {config: configs.index(config) for config in configs}
    rows, inverse = distinct_rows(NESTED, pool, rate)
    assert rows.tolist() == sorted(first.values())
    assert rows[inverse].tolist() == [first[config] for config in configs]


def test_a_pool_with_duplicates_is_searched_over_its_distinct_rows():
    """A table of evaluations may list a configuration twice."""
    pool, rate = np.zeros((4, 0), int), np.array([[0.5], [0.1], [0.5], [0.9]])
    score, space = np.array([0.3, 0.2, 0.3, 0.1]), Space(rate=Real(0, 1))
    knowledge = default_knowledge(space)
    with pytest.raises(NmjaxError, match="one of 1 duplicates; keep each once"):
        make_problem(space, pool, score, knowledge, continuous=rate)
    rows, inverse = distinct_rows(space, pool, rate)
    problem = make_problem(space, pool[rows], score[rows], knowledge, continuous=rate[rows])
    np.testing.assert_allclose(problem.score[inverse], score, rtol=1e-6)


def test_pools_hold_only_what_the_space_allows():
    even = SPACE.replace(valid=lambda architecture: architecture.sum(-1) % 2 == 0)
    with pytest.raises(NmjaxError, match=r"Row 1 of the pool, \[1, 0, 0\], is not allowed"):
        make_problem(even, np.array([[0, 0, 0], [1, 0, 0]]), None, None)


def test_knowledge_of_another_space_is_refused():
    """A space of the same shape with another order of options is another space."""
    reordered = RELATED.replace(
        choices=(Choice("c0", ("b", "a", "c")), *RELATED.choices[1:]), name="reordered"
    )
    with pytest.raises(NmjaxError, match=r"Got knowledge of space 'related' for .*'reordered'"):
        make_problem(reordered, related_tasks().pool, None, plain_knowledge(3))
    with pytest.raises(NmjaxError, match=r"Got knowledge of space 'related' for .*'reordered'"):
        make_space_problem(reordered, plain_knowledge(3))


def test_searches_without_a_model_read_scores_and_neighbors_only(problem):
    keys = jax.random.split(jax.random.key(5), 2)
    table = ScoreTable(problem.score, problem.neighbors)
    for algorithm in (RegularizedEvolution(), LocalSearch(), RandomSearch()):
        _, whole = run_batch(jax.random.clone(keys), problem, algorithm, steps=12)
        _, alone = run_batch(jax.random.clone(keys), table, algorithm, steps=12)
        np.testing.assert_array_equal(alone.row, whole.row)


def test_a_bayesian_search_does_not_ask_what_the_past_was(problem):
    keys = jax.random.split(jax.random.key(6), 2)
    shared = {name: getattr(problem, name) for name in ModelProblem._fields}
    _, whole = run_batch(jax.random.clone(keys), problem, BayesianSearch(), steps=6)
    _, alone = run_batch(keys, ModelProblem(**shared), BayesianSearch(), steps=6)
    np.testing.assert_array_equal(alone.row, whole.row)
