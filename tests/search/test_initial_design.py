import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.predictors import Pool, PoolPrior
from nmjax.search import (
    BayesianSearch,
    run_batch,
    sample_from_prior,
    select_initial_points,
    with_flat_prior,
)
from nmjax.search.initial_design import initial_design


@pytest.mark.slow
def test_draws_have_the_moments_of_each_prior(problem):
    keys = jax.random.split(jax.random.key(0), 4000)
    draw = jax.jit(jax.vmap(lambda key: sample_from_prior(key, problem, jnp.asarray(0.5))))
    draws = np.asarray(draw(keys))[:, 0]
    features, prior = np.asarray(problem.pool.features), problem.prior
    mean = np.asarray(prior.mean) @ features.T
    variance = np.asarray(prior.variance) @ np.square(features).T + prior.amplitude[:, None]
    std = 0.5 * np.sqrt(variance)
    np.testing.assert_allclose(draws.mean(0), mean, atol=5 * std.max() / 4000**0.5)
    np.testing.assert_allclose(draws.std(0), std, rtol=5 / 8000**0.5)


def test_without_spread_the_past_chooses_its_best(problem):
    rows = np.asarray(initial_design(jax.random.key(0), problem, jnp.asarray(0.0)))
    believed = np.array(problem.pool.features @ problem.prior.mean[0])
    believed[rows[:3]] = -np.inf
    assert rows[3] == np.argmax(believed)


@pytest.mark.parametrize("view", [lambda problem: problem, with_flat_prior])
def test_the_first_are_uniform_and_all_are_distinct(problem, view):
    keys = jax.random.split(jax.random.key(0), 6400)
    problem = view(problem)
    choose = jax.jit(jax.vmap(lambda key: initial_design(key, problem, jnp.asarray(0.3))))
    rows = np.asarray(choose(keys))
    assert rows.shape == (6400, 4)
    for position in range(3):
        counts = np.bincount(rows[:, position], minlength=64)
        np.testing.assert_allclose(counts, 100, atol=5 * 100**0.5)
    assert np.all(np.diff(np.sort(rows, axis=1), axis=1) > 0)


@pytest.mark.slow
@pytest.mark.parametrize("misled", [False, True])
def test_what_the_past_would_try_waits_for_two_fair_evaluations(problem, hyper, misled):
    """Where they speak against it, the third is a fair one too."""
    if misled:
        problem = problem._replace(score=-problem.score)
    algorithm = BayesianSearch(capacity=10)
    keys = jax.random.split(jax.random.key(0), 64)
    start = jax.jit(jax.vmap(lambda key: algorithm.init(key, problem, hyper).initial))(keys)
    _, trace = run_batch(keys, problem, algorithm, hyper, steps=3)
    np.testing.assert_array_equal(trace.row[:, :2], start[:, :2])
    trusted = trace.transfer_weight[:, 2] > 0.5 * np.exp(problem.log_weights[0])
    third = jnp.where(trusted, start[:, 3], start[:, 2])
    np.testing.assert_array_equal(trace.row[:, 2], third)
    assert (np.mean(trusted) < 0.6) == misled


def twins(problem):
    """Rows 0 and 1 are the same and best by mean; row 2 is a little less; row 3 is a gamble."""
    size = 8
    features = jnp.eye(size).at[1].set(jnp.eye(size)[0])
    mean = jnp.full(size, -1.0).at[jnp.array([0, 2, 3])].set(jnp.array([1.0, 0.9, 0.9]))
    variance = jnp.full(size, 0.01).at[jnp.array([0, 2, 3])].set(jnp.array([0.25, 0.25, 9.0]))
    one = jnp.ones(1)
    return problem._replace(
        score=jnp.zeros(size),
        pool=Pool(features, 10 * features),
        prior=PoolPrior(mean[None], variance[None], 1e-6 * one, 0.1 * one, 50 * one, 50 * one),
        log_weights=jnp.zeros(1),
    )


@pytest.mark.parametrize(("quantile", "expected"), [(0.1, {0, 2}), (0.9, {0, 3})])
def test_points_to_begin_with_are_diverse_and_mind_the_risk(problem, quantile, expected):
    """By hand: a twin adds nothing, and a gamble is for who looks at high quantiles."""
    choose = jax.jit(lambda key: select_initial_points(key, twins(problem), quantile, number=2))
    rows = np.asarray(choose(jax.random.key(0)))
    np.testing.assert_array_equal(rows == 1, False)
    assert {0 if row == 1 else int(row) for row in rows} == expected


def test_points_to_begin_with_are_distinct_and_of_the_pool(problem):
    rows = select_initial_points(jax.random.key(1), problem, number=64, draws=8)
    np.testing.assert_array_equal(np.sort(rows), np.arange(64))


@pytest.mark.parametrize("asked", [{"number": 0}, {"number": 65}, {"number": 1, "draws": 0}])
def test_impossible_numbers_of_points_are_refused(problem, asked):
    with pytest.raises(NmjaxError, match=r"1 to 64 rows"):
        select_initial_points(jax.random.key(0), problem, **asked)
