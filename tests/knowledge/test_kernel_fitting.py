import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import optimize, stats
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from nmjax.errors import NmjaxError
from nmjax.knowledge.component_weights import prior_log_weights
from nmjax.knowledge.features import predict_sources
from nmjax.knowledge.kernel_fitting import check_sources, fit_kernel, fit_sources, maximize
from nmjax.knowledge.prior_fitting import (
    Layout,
    Replays,
    default_prior_params,
    fit_priors,
    log_evidence,
    make_prior,
    replay,
)
from nmjax.predictors import (
    KernelParams,
    Pool,
    PoolPrior,
    default_kernel,
    kernel_noise,
    kernel_position,
    standardize,
)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(7, 4)), RNG.normal(size=7)
KERNEL = Matern(nu=2.5)(X)
MEAN, VARIANCE = np.ones(4), np.array([1.0, 0.5, 2.0, 0.0])
AMPLITUDE, NOISE, SHAPE, RATE = 0.7, 0.3, 2.0, 1.5


def prior():
    return PoolPrior(*map(jnp.asarray, (MEAN, VARIANCE, AMPLITUDE, NOISE, SHAPE, RATE)))


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
@pytest.mark.parametrize("failed", [(), (0, 4)])
def test_evidence_is_a_multivariate_student_t(float64, wrap, failed):
    y = Y.copy()
    y[list(failed)] = np.nan
    kept = ~np.isnan(y)
    covariance = (X * VARIANCE) @ X.T + AMPLITUDE * KERNEL + NOISE * np.eye(7)
    covariance = covariance[np.ix_(kept, kept)]
    theirs = stats.multivariate_t(X[kept] @ MEAN, covariance * RATE / SHAPE, df=2 * SHAPE)
    ours = wrap(log_evidence)(prior(), *map(jnp.asarray, (X, KERNEL, y)))
    np.testing.assert_allclose(ours, theirs.logpdf(y[kept]), rtol=1e-10)


def test_evidence_has_gradients(float64):
    y = jnp.asarray(np.where(np.arange(7) == 3, np.nan, Y))
    given = prior()._replace(variance=jnp.asarray(VARIANCE) + 0.1)
    features, kernel = jnp.asarray(X), jnp.asarray(KERNEL)
    check_grads(
        jax.jit(lambda p: log_evidence(p, features, kernel, y)), (given,), order=1, modes=["rev"]
    )


def test_sources_are_the_means_of_gaussian_processes(float64):
    """Against scikit-learn's, with a constant of known variance in the kernel."""
    kernel = KernelParams(jnp.log(jnp.array([0.5])), *map(jnp.asarray, (0.5, -0.7, -1.0)))
    x, y, new = RNG.normal(size=(2, 30, 3)), RNG.normal(size=(2, 30)), RNG.normal(size=(9, 3))
    y[1, 20:] = np.nan
    sources = fit_sources(kernel, jnp.asarray(x), jnp.asarray(y))
    ours = predict_sources(sources, kernel_position(kernel, jnp.asarray(new)))
    covariance = ConstantKernel(np.exp(0.5)) * Matern(0.5**-0.5, nu=2.5)
    covariance += ConstantKernel(np.exp(-0.7))
    for source in range(2):
        kept = ~np.isnan(y[source])
        process = GaussianProcessRegressor(
            covariance, alpha=float(kernel_noise(kernel)), optimizer=None
        )
        theirs = process.fit(x[source][kept], y[source][kept]).predict(new)
        np.testing.assert_allclose(ours[:, source], theirs, rtol=1e-4)


def test_scores_that_tie_are_evaluations_too():
    x, y = jnp.float32(RNG.normal(size=(2, 7, 4))), jnp.zeros((2, 7)).at[1, 4:].set(jnp.nan)
    sources = fit_sources(default_kernel(4), x, y)
    np.testing.assert_array_equal(sources.weights, 0)
    np.testing.assert_array_equal(sources.mask, ~np.isnan(y))


def test_maximize_finds_the_top_and_keeps_the_best():
    top = jnp.array([1.0, -0.5])
    best, values = maximize(
        lambda p: -jnp.sum(jnp.square(p - top)), jnp.zeros(2), steps=300, rate=0.1
    )
    np.testing.assert_allclose(best, top, atol=1e-2)
    assert values.shape == (300,)
    np.testing.assert_allclose(values[0], -1.25)
    wild, history = maximize(lambda p: -jnp.square(p - 1), jnp.zeros(()), steps=3, rate=10.0)
    np.testing.assert_allclose(-jnp.square(wild - 1), jnp.max(history))


@pytest.mark.slow
def test_the_kernel_is_the_likeliest_a_posteriori():
    """Against a search by SciPy, on draws from a process with one relevant group of two."""
    rng, groups = np.random.default_rng(2), (0, 1, 1)
    x = rng.normal(size=(6, 30, 3))
    covariance = [Matern([1.0, 1e3, 1e3], nu=2.5)(rows) + 0.1 * np.eye(30) for rows in x]
    y = np.stack([rng.multivariate_normal(np.zeros(30), k) for k in covariance])
    kernel, values = fit_kernel(jnp.float32(x), jnp.float32(y), groups=groups, steps=150)
    start = np.r_[np.log([0.5, 0.5]), 0, 0, -2]

    def negative(log):
        lengths, (amplitude, intercept, noise) = np.exp(-0.5 * log[[*groups]]), np.exp(log[2:])
        total = 0.5 * np.sum(np.square(log - start))
        for rows, score in zip(x, y, strict=True):
            joint = amplitude * Matern(lengths, nu=2.5)(rows) + intercept
            joint += (noise + 1e-4) * np.eye(30)
            total -= stats.multivariate_normal(np.zeros(30), joint).logpdf(score)
        return total / y.size

    likeliest = np.r_[kernel.log_relevance[:2], kernel[1:]]
    found = optimize.minimize(negative, likeliest, method="BFGS")
    assert found.fun > -jnp.max(values) - 0.02
    np.testing.assert_allclose(-negative(likeliest), max(values), atol=1e-3)
    assert kernel.log_relevance[0] > kernel.log_relevance[1] + 1
    assert kernel.log_relevance[1] == kernel.log_relevance[2]
    assert values[0] < values[-1]


LAYOUT = Layout(sources=3, network=2)


def test_the_prior_matches_its_parameters():
    params = default_prior_params()
    active = jnp.array([True, False, True])
    ours = make_prior(params, LAYOUT, active, jnp.asarray(True))
    np.testing.assert_array_equal(ours.mean, [0, 0.5, 0, 0.5, 1, 0])
    e = np.exp(np.float32([-1, -1, 0, -1]))
    expected = [e[0], e[1] / 2, 0, e[1] / 2, 0, e[2]]
    np.testing.assert_allclose(ours.variance, expected, rtol=1e-5)
    np.testing.assert_allclose(ours.amplitude, e[3], rtol=1e-5)
    np.testing.assert_allclose(ours.noise, 0.5 / 2 + 1e-3, rtol=1e-5)
    np.testing.assert_allclose([ours.shape, ours.rate], [np.e, np.e], rtol=1e-5)
    flat = make_prior(params, LAYOUT, jnp.zeros(3, bool), jnp.asarray(False))
    np.testing.assert_array_equal(flat.mean, 0)
    np.testing.assert_array_equal(flat.variance[1:], 0)


def test_replays_predict_promising_architectures():
    score = jnp.asarray(RNG.normal(size=(2, 40)), jnp.float32).at[0, :5].set(jnp.nan)
    predicted = jnp.nan_to_num(score) * 3
    row = jnp.broadcast_to(jnp.arange(40.0)[None, :, None], (2, 40, 1))
    pools = Pool(row, row)
    drawn = replay(
        jax.random.key(0), pools, predicted, score, size=10, outcome_transform="identity"
    )
    assert drawn.score.shape == (2, 4, 10)
    rows = np.asarray(drawn.features[..., 0], int)
    for source in range(2):
        for which in range(4):
            assert len(set(rows[source, which].tolist())) == 10
            np.testing.assert_array_equal(
                drawn.score[source, which], score[source, rows[source, which]]
            )
    assert not np.isnan(drawn.score).any()
    np.testing.assert_allclose(
        drawn.kernel[1, 2], Matern(nu=2.5)(rows[1, 2][:, None].astype(float)), atol=1e-5
    )
    means = np.asarray(drawn.score).mean((0, 2))
    assert means[3] > means[0] + 0.5
    transformed = replay(
        jax.random.key(0), pools, predicted, score, size=10, outcome_transform="standardize"
    )
    np.testing.assert_allclose(transformed.score[0, 1], standardize(drawn.score[0, 1]), rtol=1e-5)


@pytest.mark.parametrize("truth", [1.0, 0.0])
def test_wins_follow_the_quality_of_the_sources(truth):
    """Targets that are the mean of their sources, or that have nothing to do with them."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(3, 4, 12, 6)).astype(np.float32)
    features[..., 0] = 1
    position = rng.normal(size=(3, 4, 12, 1))
    others = 1 - np.eye(3)[:, None, None, :]
    score = truth * np.sum(features[..., 1:4] * others, -1)
    score = score + np.sin(position[..., 0]) * (1.2 - truth)
    score = score + 0.1 * rng.normal(size=score.shape)
    kernel = np.stack([[Matern(nu=2.5)(x) for x in rows] for rows in position])
    replays = Replays(*(jnp.asarray(leaf, jnp.float32) for leaf in (features, kernel, score)))
    priors, wins, curves = fit_priors(replays, layout=LAYOUT, steps=80)
    np.testing.assert_allclose(wins.sum(), 3, rtol=1e-5)
    assert (wins[0] > 2) == (truth > 0)
    assert curves.shape == (3, 80)
    assert np.all(curves[:, -1] > curves[:, 0])
    assert priors.mean.shape == (3, 6)
    np.testing.assert_array_equal(priors.variance[-1, 1:], 0)
    if truth:
        assert float(jnp.sum(priors.mean[0, 1:4])) > 1


def test_the_initial_weight_follows_the_number_of_wins():
    shares = [np.exp(prior_log_weights(jnp.float32([w, 8 - w])))[0] for w in range(9)]
    np.testing.assert_allclose(shares, [0.1] * 5 + [0.2, 0.4, 0.5, 0.5], rtol=1e-5)


@pytest.mark.slow
def test_noise_teaches_no_distances():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 60, 2)), rng.normal(size=(8, 60))
    kernel, _ = fit_kernel(jnp.float32(x), jnp.float32(y), groups=(0, 1), steps=150)
    np.testing.assert_allclose(kernel.log_relevance, default_kernel(2).log_relevance, atol=1.3)
    assert kernel.log_noise > kernel.log_amplitude


@pytest.mark.slow
def test_noise_is_bounded_for_a_past_of_noise():
    rng = np.random.default_rng(0)
    features, position = rng.normal(size=(3, 4, 30, 6)), rng.normal(size=(3, 4, 30, 8))
    kernel = np.stack([[Matern(nu=2.5)(x) for x in rows] for rows in position])
    score = rng.normal(size=(3, 4, 30))
    replays = Replays(*(jnp.asarray(leaf, jnp.float32) for leaf in (features, kernel, score)))
    priors, *_ = fit_priors(replays, layout=LAYOUT, steps=80)
    assert (priors.noise < 0.51).all()
    assert (priors.amplitude + priors.variance.sum(-1) > 0.2).all()


def test_the_fitted_value_is_the_log_posterior_per_observation():
    """Against SciPy; rows with NaN scores are left out and do not count as observations."""
    rng, groups = np.random.default_rng(4), (0, 1, 1)
    x, y = rng.normal(size=(2, 8, 3)), rng.normal(size=(2, 8))
    y[1, 3:] = np.nan
    kernel, values = fit_kernel(jnp.float32(x), jnp.float32(y), groups=groups, steps=15)
    log = np.float64([*kernel.log_relevance[:2], *kernel[1:]])
    lengths, (amplitude, intercept, noise) = np.exp(-0.5 * log[[*groups]]), np.exp(log[2:])
    total = -0.5 * np.sum(np.square(log - np.r_[np.log([0.5, 0.5]), 0, 0, -2]))
    for rows, score in zip(x, y, strict=True):
        kept = ~np.isnan(score)
        joint = amplitude * Matern(lengths, nu=2.5)(rows[kept]) + intercept
        joint += (noise + 1e-4) * np.eye(kept.sum())
        total += stats.multivariate_normal(np.zeros(kept.sum()), joint).logpdf(score[kept])
    np.testing.assert_allclose(max(values), total / np.sum(~np.isnan(y)), rtol=1e-4)
    assert np.abs(log - np.r_[np.log([0.5, 0.5]), 0, 0, -2]).min() > 0.01


def test_a_source_that_cannot_be_factorized_is_refused():
    x = np.asarray(RNG.normal(size=(2, 7, 4)), np.float32)
    y = jnp.asarray(RNG.normal(size=(2, 7)), jnp.float32)
    check_sources(fit_sources(default_kernel(4), jnp.asarray(x), y))
    x[1, 3] = np.nan
    with pytest.raises(NmjaxError, match=r"7 scores of past task 1 .* LearnConfig\(task_rows=3\)"):
        check_sources(fit_sources(default_kernel(4), jnp.asarray(x), y))
