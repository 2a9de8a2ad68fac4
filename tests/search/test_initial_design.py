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
from nmjax.search.initial_design import initial_design, next_initial


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


def planned(problem, *rows):
    return problem._replace(portfolio=jnp.array(rows, jnp.int32))


@pytest.mark.parametrize(
    ("view", "uniform", "fixed"),
    [
        (lambda problem: problem, (0, 1, 2, 3), {}),
        (lambda problem: with_flat_prior(planned(problem, 5, 9)), (0, 1, 2, 3), {}),
        (lambda problem: planned(problem, 5, 9), (1, 2), {0: 5, 3: 9}),
        (lambda problem: planned(problem, -1, 5), (0, 1, 2), {3: 5}),
    ],
    ids=["none", "flat", "portfolio", "third"],
)
def test_rows_are_those_of_the_portfolio_or_uniform_and_all_are_distinct(
    problem, view, uniform, fixed
):
    keys = jax.random.split(jax.random.key(0), 6400)
    problem = view(problem)
    choose = jax.jit(jax.vmap(lambda key: initial_design(key, problem)))
    rows = np.asarray(choose(keys))
    assert rows.shape == (6400, 4)
    free = np.setdiff1d(np.arange(64), list(fixed.values()))
    for position in uniform:
        counts = np.bincount(rows[:, position], minlength=64)[free]
        np.testing.assert_allclose(counts, 6400 / len(free), atol=5 * 100**0.5)
    for position, row in fixed.items():
        np.testing.assert_array_equal(rows[:, position], row)
    assert np.all(np.diff(np.sort(rows, axis=1), axis=1) > 0)


@pytest.mark.slow
@pytest.mark.parametrize("misled", [False, True])
def test_the_portfolio_chooses_the_third_evaluation_unless_misled(problem, hyper, misled):
    """If these lower the weight of the transferred prior, the third is uniform too."""
    believed = np.asarray(problem.pool.features @ problem.prior.mean[0])
    problem = planned(problem, -1, np.argmax(believed))
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
    """Rows 0 and 1 are equal, with the best mean; row 2 is slightly worse; row 3 is uncertain."""
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
def test_initial_points_are_diverse_and_follow_the_quantile(problem, quantile, expected):
    """A duplicate of a point is never chosen; the uncertain row is chosen at a high quantile."""
    choose = jax.jit(lambda key: select_initial_points(key, twins(problem), quantile, number=2))
    rows = np.asarray(choose(jax.random.key(0)))
    np.testing.assert_array_equal(rows == 1, False)
    assert {0 if row == 1 else int(row) for row in rows} == expected


def test_initial_points_are_distinct_rows_of_the_pool(problem):
    rows = select_initial_points(jax.random.key(1), problem, number=64, draws=8)
    np.testing.assert_array_equal(np.sort(rows), np.arange(64))


@pytest.mark.parametrize("asked", [{"number": 0}, {"number": 65}, {"number": 1, "draws": 0}])
def test_impossible_numbers_of_points_are_refused(problem, asked):
    with pytest.raises(NmjaxError, match=r"1 to 64 rows"):
        select_initial_points(jax.random.key(0), problem, **asked)


def test_quantiles_outside_of_0_to_1_are_refused(problem):
    with pytest.raises(NmjaxError, match=r"Got quantile=1\.5"):
        select_initial_points(jax.random.key(0), problem, 1.5, number=2)


def test_the_scale_of_draws_is_the_square_root_of_rate_over_shape(problem):
    draws = []
    for rate in (2.0, 8.0):
        prior = problem.prior._replace(rate=jnp.full(2, rate))
        scaled = problem._replace(prior=prior)
        drawn = sample_from_prior(jax.random.key(0), scaled, jnp.asarray(0.5), draws=2)
        draws.append(np.asarray(drawn))
    mean = np.asarray(problem.prior.mean) @ np.asarray(problem.pool.features).T
    np.testing.assert_allclose(draws[1] - mean, 2 * (draws[0] - mean), atol=1e-4)


@pytest.mark.parametrize(
    ("step", "weight", "expected"),
    [(0, 0.7, 0), (1, 0.7, 1), (2, 0.7, 3), (2, 0.36, 3), (2, 0.34, 2), (1, 0.1, 1)],
)
def test_the_choice_of_the_past_comes_third_unless_its_weight_halved(
    problem, hyper, step, weight, expected
):
    state = BayesianSearch(capacity=10).init(jax.random.key(0), problem, hyper)
    state = state._replace(
        record=state.record._replace(step=jnp.asarray(step, jnp.int32)),
        log_weights=jnp.log(jnp.array([weight, 1 - weight])),
    )
    np.testing.assert_allclose(np.exp(problem.log_weights[0]), 0.7, rtol=1e-5)
    assert next_initial(state, problem) == state.initial[expected]
