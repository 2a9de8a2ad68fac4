import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.predictors import (
    LinearPrior,
    bayesian_linear,
    init_pool,
    observe_pool,
    pool_weights,
    predict_evaluation,
    predict_pool,
    sample_pool,
    scale,
)

RNG = np.random.default_rng(0)
POOL = RNG.normal(size=(20, 4))
TABLE = np.sin(POOL[:, 0]) + POOL[:, 1]
ROWS = np.array([3, 7, 0, 15, 9, 2, 11, 4])
FAILED = np.where(np.arange(8) == 2, np.nan, TABLE[ROWS])
SURROGATE = bayesian_linear()


def prior():
    mean, variance = np.array([0.5, -1.0, 0.0, 0.2]), np.array([2.0, 0.5, 1.0, 0.0])
    return LinearPrior(*map(jnp.asarray, (mean, variance, 0.4, 2.5, 1.7)))


def observe_all(hyper, pool, scores, *, number):
    """Observe ROWS one after the other; scores float[number, 8], as they are at each step."""

    def body(state, t):
        seen = jnp.where(jnp.arange(8) <= t, scores[t], jnp.nan)
        return observe_pool(state, hyper, pool, jnp.asarray(ROWS), seen, t), None

    return jax.lax.scan(body, init_pool(hyper, pool), jnp.arange(number))[0]


def sequential(scores):
    def body(state, observation):
        return SURROGATE.update(state, *observation), None

    observations = (jnp.asarray(POOL[ROWS]), jnp.asarray(scores))
    return jax.lax.scan(body, SURROGATE.init(prior()), observations)[0]


def assert_same_posterior(pooled, state):
    ours, theirs = predict_pool(pooled), SURROGATE.predict(state, jnp.asarray(POOL))
    np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-9)
    np.testing.assert_allclose(ours.std, theirs.std, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(pooled.log_evidence, state.log_evidence, rtol=1e-10)
    np.testing.assert_allclose(pooled.covariance, state.covariance, atol=1e-12)
    np.testing.assert_allclose(pooled.weights, state.mean, atol=1e-11)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_unwarped_it_is_the_bayesian_linear_head(float64, wrap):
    scores = jnp.tile(jnp.asarray(FAILED), (8, 1))
    pooled = wrap(lambda h, p, s: observe_all(h, p, s, number=8))(
        prior(), jnp.asarray(POOL), scores
    )
    assert_same_posterior(pooled, sequential(FAILED))


def test_scores_may_be_warped_anew(float64):
    """After the last observation only the scores as they are then matter."""
    earlier = jnp.asarray(RNG.normal(size=(8, 8)))
    scores = jnp.where(jnp.isnan(jnp.asarray(FAILED))[None], jnp.nan, earlier)
    pooled = observe_all(prior(), jnp.asarray(POOL), scores, number=8)
    assert_same_posterior(pooled, sequential(scores[-1]))


def test_nothing_new_changes_nothing():
    arrays = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), (prior(), jnp.asarray(POOL)))
    hyper, pool = arrays
    scores = jnp.asarray(np.tile(FAILED, (8, 1)), jnp.float32)
    before = observe_all(hyper, pool, scores, number=8)
    none = jnp.asarray(-1, jnp.int32)
    after = observe_pool(before, hyper, pool, jnp.asarray(ROWS), scores[0], none)
    for name in ("variance", "covariance", "log_determinant"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), after, before)


def test_without_scores_it_is_the_prior():
    hyper, pool = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), (prior(), jnp.asarray(POOL)))
    state = observe_all(hyper, pool, jnp.full((8, 8), jnp.nan), number=8)
    start = init_pool(hyper, pool)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), state, start)
    np.testing.assert_allclose(scale(state), 1.7 / 2.5, rtol=1e-6)


def test_draws_have_the_moments_of_the_posterior():
    hyper, pool = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), (prior(), jnp.asarray(POOL)))
    scores = jnp.asarray(np.tile(FAILED, (8, 1)), jnp.float32)
    state = observe_all(hyper, pool, scores, number=5)
    draw = jax.jit(jax.vmap(lambda key: sample_pool(key, state, hyper, pool)))
    drawn = np.asarray(draw(jax.random.split(jax.random.key(0), 4000)))
    mean, std = map(np.asarray, predict_pool(state))
    np.testing.assert_allclose(drawn.mean(0), mean, atol=5 * std.max() / 4000**0.5)
    np.testing.assert_allclose(drawn.std(0), std, rtol=5 / 8000**0.5, atol=1e-3)


def test_evaluations_are_noisy(float64):
    state = init_pool(prior(), jnp.asarray(POOL))
    clean, noisy = predict_pool(state), predict_evaluation(state, prior())
    np.testing.assert_array_equal(noisy.mean, clean.mean)
    np.testing.assert_allclose(noisy.std**2, clean.std**2 + 0.4 * 1.7 / 2.5, rtol=1e-12)


def test_weights_begin_standard_normal():
    state = init_pool(prior(), jnp.asarray(POOL))
    mean, tril = pool_weights(state)
    np.testing.assert_array_equal(mean, np.zeros(4))
    np.testing.assert_allclose(tril @ tril.T, np.eye(4) * 1.7 / 2.5, atol=1e-5)


def test_shapes_are_checked():
    with pytest.raises(NmjaxError, match="mean and variance"):
        init_pool(prior()._replace(mean=jnp.zeros(3)), jnp.asarray(POOL))
