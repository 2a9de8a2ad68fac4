import jax
import jax.numpy as jnp
import numpy as np

from nmjax.search import sample_from_prior, select_initial_points, without_transfer


def test_draws_have_the_moments_of_each_prior(problem):
    keys = jax.random.split(jax.random.key(0), 4000)
    draw = jax.jit(jax.vmap(lambda key: sample_from_prior(key, problem, jnp.asarray(0.5))))
    draws = np.asarray(draw(keys))
    features = np.asarray(problem.features)
    mean = np.asarray(problem.prior.mean) @ features.T
    std = 0.5 * np.sqrt(np.asarray(problem.prior.variance) @ np.square(features).T)
    np.testing.assert_allclose(draws.mean(0), mean, atol=5 * std.max() / 4000**0.5)
    np.testing.assert_allclose(draws.std(0), std, rtol=5 / 8000**0.5)


def test_without_spread_the_past_chooses_its_best(problem):
    rows = select_initial_points(jax.random.key(0), problem, jnp.asarray(0.0))
    believed = np.asarray(problem.features @ problem.prior.mean[0])
    assert int(rows[1]) == int(np.argmax(believed))
    assert int(rows[0]) != int(rows[1])


def test_the_flat_prior_chooses_first_and_uniformly(problem):
    keys = jax.random.split(jax.random.key(0), 6400)
    choose = jax.jit(jax.vmap(lambda key: select_initial_points(key, problem, jnp.asarray(0.3))))
    rows = np.asarray(choose(keys))
    counts = np.bincount(rows[:, 0], minlength=64)
    np.testing.assert_allclose(counts, 100, atol=5 * 100**0.5)
    assert np.all(rows[:, 0] != rows[:, 1])


def test_one_component_chooses_one(problem):
    rows = select_initial_points(jax.random.key(0), without_transfer(problem), jnp.asarray(0.3))
    assert rows.shape == (1,)
