"""The processes over a pool, against the dense posterior in NumPy and the divergence of TFP."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_t

from nmjax.errors import NmjaxError
from nmjax.predictors import (
    Pool,
    PoolPrior,
    condition_pool,
    init_pool,
    observe_pool,
    pool_covariance,
    pool_information_gain,
    predict_evaluation,
    predict_pool,
    sample_pool_posterior,
    sample_pool_prior,
    unit_matern,
    variance_scale,
)
from nmjax.stats import import_tfp

SIZE, CAPACITY = 20, 8
RNG = np.random.default_rng(0)
FEATURES, POSITION = RNG.normal(size=(SIZE, 3)), RNG.normal(size=(SIZE, 2))
TABLE = np.sin(POSITION[:, 0]) + FEATURES[:, 1]
ROWS = np.array([3, 7, 0, 15, 9, 2, 11, 4])
FAILED = np.where(np.arange(CAPACITY) == 2, np.nan, TABLE[ROWS])
PRIOR = PoolPrior(
    mean=np.array([[0.5, -1.0, 0.2], [0.0, 0.0, 0.0]]),
    variance=np.array([[2.0, 0.5, 0.0], [1.0, 0.0, 0.3]]),
    amplitude=np.array([0.3, 1.5]),
    noise=np.array([0.4, 0.2]),
    shape=np.array([2.5, 4.0]),
    rate=np.array([1.7, 3.0]),
)


def inputs(dtype=jnp.float64):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), (PRIOR, Pool(FEATURES, POSITION)))


def observe_all(prior, pool, scores):
    """Observe ROWS one after the other; scores float[T, B], as they are at each step."""

    def body(state, t):
        seen = jnp.where(jnp.arange(CAPACITY, dtype=jnp.int32) <= t, scores[t], jnp.nan)
        return observe_pool(state, prior, pool, jnp.asarray(ROWS, jnp.int32), seen, t), None

    start = init_pool(prior, pool, capacity=CAPACITY)
    return jax.lax.scan(body, start, jnp.arange(len(scores), dtype=jnp.int32))[0]


observe_all_jitted = jax.jit(observe_all)


def constant(scores, dtype=jnp.float64):
    """The same scores at every step."""
    return jnp.asarray(np.tile(scores, (CAPACITY, 1)), dtype)


def dense(component, scores):
    """Mean [N], covariance [N, N] in units of s2, and what the observations' joint prior is."""
    mean, variance, amplitude, noise, shape, rate = (leaf[component] for leaf in PRIOR)
    correlation = np.asarray(unit_matern(jnp.asarray(POSITION), jnp.asarray(POSITION)))
    covariance = (FEATURES * variance) @ FEATURES.T + amplitude * correlation
    seen = ~np.isnan(scores)
    rows = ROWS[seen]
    noisy = covariance[np.ix_(rows, rows)] + noise * np.eye(len(rows))
    residual = scores[seen] - FEATURES[rows] @ mean
    gain = np.linalg.solve(noisy, covariance[rows]).T
    s2 = (rate + 0.5 * residual @ np.linalg.solve(noisy, residual)) / (shape + len(rows) / 2)
    return {
        "mean": FEATURES @ mean + gain @ residual,
        "covariance": covariance - gain @ covariance[rows],
        "prior": covariance,
        "scale": s2,
    }


def dense_evidence(component, scores):
    mean, _, _, noise, shape, rate = (leaf[component] for leaf in PRIOR)
    rows = ROWS[~np.isnan(scores)]
    prior = dense(component, np.full(CAPACITY, np.nan))["prior"]
    noisy = prior[np.ix_(rows, rows)] + noise * np.eye(len(rows))
    marginal = multivariate_t(FEATURES[rows] @ mean, noisy * rate / shape, df=2 * shape)
    return marginal.logpdf(scores[~np.isnan(scores)])


def assert_dense(state, scores):
    ours = predict_pool(state)
    for component in range(2):
        theirs = dense(component, scores)
        variance = np.diag(theirs["covariance"]) * theirs["scale"]
        np.testing.assert_allclose(ours.mean[component], theirs["mean"], rtol=1e-9)
        np.testing.assert_allclose(np.square(ours.std[component]), variance, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(
            state.log_evidence[component], dense_evidence(component, scores), rtol=1e-10
        )


@pytest.mark.parametrize("observe", [observe_all, observe_all_jitted], ids=["plain", "jitted"])
def test_posterior_equals_the_dense_one(float64, observe):
    assert_dense(observe(*inputs(), constant(FAILED)), FAILED)


def test_conditioning_in_one_scan_returns_the_evidence_so_far(float64):
    prior, pool = inputs()
    state, so_far = jax.jit(condition_pool)(prior, pool, jnp.asarray(ROWS), jnp.asarray(FAILED))
    assert_dense(state, FAILED)
    for number in (1, 3, CAPACITY):
        seen = np.where(np.arange(CAPACITY) < number, FAILED, np.nan)
        expected = [dense_evidence(component, seen) for component in range(2)]
        np.testing.assert_allclose(so_far[number - 1], expected, rtol=1e-10)


def test_covariances_between_rows_and_the_pool(float64):
    prior, pool = inputs()
    state = observe_all_jitted(prior, pool, constant(FAILED))
    rows = np.array([0, 5, 19, 3])
    ours = jax.jit(pool_covariance)(state, prior, pool, jnp.asarray(ROWS), jnp.asarray(rows))
    for component, covariance in enumerate(ours):
        theirs = dense(component, FAILED)
        np.testing.assert_allclose(
            covariance, theirs["scale"] * theirs["covariance"][rows], rtol=1e-8, atol=1e-10
        )


def test_scores_may_be_transformed_again(float64):
    """After the last observation only the scores as they are then matter."""
    earlier = RNG.normal(size=(CAPACITY, CAPACITY))
    scores = np.where(np.isnan(FAILED)[None], np.nan, earlier)
    assert_dense(observe_all_jitted(*inputs(), jnp.asarray(scores)), scores[-1])


def test_without_a_new_observation_nothing_changes():
    prior, pool = inputs(jnp.float32)
    scores = constant(FAILED, jnp.float32)
    before = observe_all_jitted(prior, pool, scores)
    none = jnp.asarray(-1, jnp.int32)
    rows = jnp.asarray(ROWS, jnp.int32)
    after = jax.jit(observe_pool)(before, prior, pool, rows, scores[0], none)
    for name in ("variance", "kernel", "inverse"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), after, before)


def test_without_scores_it_is_the_prior():
    prior, pool = inputs(jnp.float32)
    state = observe_all_jitted(prior, pool, constant(np.full(CAPACITY, np.nan), jnp.float32))
    start = init_pool(prior, pool, capacity=CAPACITY)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), state, start)
    np.testing.assert_allclose(variance_scale(state), PRIOR.rate / PRIOR.shape, rtol=1e-6)


@pytest.mark.slow
def test_draws_have_the_moments_of_the_posterior():
    """Up to what random Fourier features cost: the process is one of many draws of them."""
    prior, pool = inputs(jnp.float32)
    scores = constant(FAILED, jnp.float32)
    state = observe_all_jitted(prior, pool, scores)

    def draw(key):
        return sample_pool_posterior(
            key, state, prior, pool, jnp.asarray(ROWS, jnp.int32), scores[-1]
        )

    drawn = np.asarray(jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(0), 4000)))
    mean, std = map(np.asarray, predict_pool(state))
    np.testing.assert_allclose(drawn.mean(0), mean, atol=5 * std.max() / 4000**0.5)
    np.testing.assert_allclose(drawn.std(0), std, rtol=0.1)


@pytest.mark.slow
def test_draws_of_the_prior_have_its_covariance():
    prior, pool = inputs(jnp.float32)

    def draw(key):
        return sample_pool_prior(key, prior, pool, jnp.full((2, 1), 0.5))[0]

    drawn = np.asarray(jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(0), 8000)))
    for component in range(2):
        covariance = 0.25 * dense(component, np.full(CAPACITY, np.nan))["prior"]
        tolerance = 6 * np.diag(covariance).max() / 8000**0.5
        np.testing.assert_allclose(np.cov(drawn[:, component].T), covariance, atol=tolerance)


def test_evaluations_are_noisy(float64):
    prior, pool = inputs()
    state = init_pool(prior, pool, capacity=CAPACITY)
    clean, noisy = predict_pool(state), predict_evaluation(state, prior)
    np.testing.assert_array_equal(noisy.mean, clean.mean)
    noise = (PRIOR.noise * PRIOR.rate / PRIOR.shape)[:, None]
    np.testing.assert_allclose(noisy.std**2, clean.std**2 + noise, rtol=1e-12)


def test_information_gain_is_the_divergence_over_the_pool(float64):
    """Over more points than were observed, where posterior and prior agree given these."""
    prior, pool = inputs()
    state = observe_all_jitted(prior, pool, constant(FAILED))
    points = np.unique(np.concatenate([ROWS, [1, 5, 8]]))
    tfd = import_tfp().distributions
    for component, ours in enumerate(jax.jit(pool_information_gain)(state, prior)):
        found = dense(component, FAILED)
        ours_at, prior_at = (
            found[name][np.ix_(points, points)] * found["scale"] for name in ("covariance", "prior")
        )
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            theirs = tfd.kl_divergence(
                tfd.MultivariateNormalTriL(found["mean"][points], np.linalg.cholesky(ours_at)),
                tfd.MultivariateNormalTriL(
                    FEATURES[points] @ PRIOR.mean[component], np.linalg.cholesky(prior_at)
                ),
            )
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_without_observations_the_gain_is_zero():
    prior, pool = inputs(jnp.float32)
    gain = pool_information_gain(init_pool(prior, pool, capacity=CAPACITY), prior)
    np.testing.assert_array_equal(gain, np.zeros(2))


@pytest.mark.parametrize("name", ["mean", "noise"])
def test_shapes_are_checked(name):
    prior, pool = inputs(jnp.float32)
    wrong = prior._replace(**{name: getattr(prior, name)[..., :-1]})
    with pytest.raises(NmjaxError, match="mean and variance"):
        init_pool(wrong, pool, capacity=CAPACITY)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_a_state_larger_than_the_memory_is_refused_before_it_is_allocated(wrap):
    prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
    pool = Pool(jnp.eye(4, 2), jnp.eye(4, 3))
    with pytest.raises(NmjaxError, match=r"capacity=10,000,000 takes 372,529.2 GiB"):
        wrap(lambda prior, pool: init_pool(prior, pool, capacity=10_000_000))(prior, pool)
