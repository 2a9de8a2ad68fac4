import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from nmjax.knowledge import FeatureParams, MetaKnowledge, rgpe_weights
from nmjax.knowledge.kernel_fitting import fit_sources
from nmjax.knowledge.similarity.rgpe import (
    misranked_by_all,
    sample_left_out,
    sample_sources,
    source_variance,
)
from nmjax.predictors import (
    KernelParams,
    Pool,
    PoolPrior,
    condition_pool,
    default_kernel,
    kernel_noise,
    kernel_position,
)

RNG = np.random.default_rng(0)


def lowest_losses(source_draws, target_draws, score):
    """The weights by counting pairs one by one; the target's own model is the last."""
    rows = np.flatnonzero(~np.isnan(score))
    losses = []
    for sources, target in zip(source_draws, target_draws, strict=True):
        loss = np.zeros(len(sources) + 1)
        for j, k in itertools.product(rows, rows):
            less = score[j] < score[k]
            for s, draw in enumerate(sources):
                loss[s] += (draw[j] < draw[k]) != less
            loss[-1] += (target[j, j] < target[j, k]) != less
        losses.append(loss)
    losses = np.array(losses)
    diluting = np.median(losses, axis=0) > np.percentile(losses[:, -1], 95)
    diluting[-1] = False
    losses[:, diluting] = np.inf
    wins = losses == losses.min(axis=1, keepdims=True)
    return (wins / wins.sum(axis=1, keepdims=True)).mean(0), diluting


@pytest.mark.parametrize("failed", [(), (2, 5)])
def test_weights_against_a_count_by_hand(failed):
    score = RNG.normal(size=7)
    score[list(failed)] = np.nan
    truth = np.nan_to_num(score)
    noise = np.array([0.6, 0.7, 1.0])[None, :, None]
    sources = truth * np.array([1, 1, -1])[:, None] + noise * RNG.normal(size=(30, 3, 7))
    target = truth[None, None] + 0.6 * RNG.normal(size=(30, 7, 7))
    expected, diluting = lowest_losses(sources, target, score)
    assert diluting.tolist() == [False, False, True, False]
    assert np.sum(expected > 0) == 3
    sources, target, score = (jnp.asarray(a, jnp.float32) for a in (sources, target, score))

    @jax.jit
    def weights(sources, target, score):
        return rgpe_weights(jnp.sum(misranked_by_all(sources, target, score), axis=(-2, -1)))

    np.testing.assert_allclose(weights(sources, target, score), expected, atol=1e-6)


def test_without_dilution_nothing_is_barred():
    """A source above the loss ceiling loses a draw that it would otherwise win."""
    loss = jnp.array([[0.0, 4.0], [9.0, 4.0], [9.0, 4.0]])
    np.testing.assert_allclose(rgpe_weights(loss), [0, 1])
    np.testing.assert_allclose(rgpe_weights(loss.at[1, 0].set(3.0)), [2 / 3, 1 / 3], rtol=1e-6)


def test_a_place_without_a_source_has_no_weight():
    """Padding would otherwise win draws, or share in ties."""
    loss, known = jnp.array([[1.0, 0.0, 3.0], [1.0, 2.0, 3.0]]), jnp.array([True, False])
    np.testing.assert_allclose(rgpe_weights(loss, known), [1, 0, 0])
    np.testing.assert_allclose(rgpe_weights(0 * loss, known), [0.5, 0, 0.5])


def knowing(kernel, x, y):
    """Knowledge with only a kernel and the evaluations of sources."""
    params = FeatureParams(jnp.zeros(3), jnp.ones(3), kernel, None)
    sources = fit_sources(kernel, jnp.asarray(x), jnp.asarray(y))
    return MetaKnowledge(params, None, sources, *(None,) * 5, space=None)


def test_a_source_of_ties_is_as_certain_as_any_other():
    x, y = jnp.float32(RNG.normal(size=(1, 12, 3))), jnp.float32(RNG.normal(size=(1, 12)))
    kernel = default_kernel(3)
    position = kernel_position(kernel, x[0])
    ties, other = (source_variance(knowing(kernel, x, scores), position) for scores in (0 * y, y))
    np.testing.assert_allclose(ties, other)
    assert (ties < 0.5).all()


@pytest.mark.parametrize("variance", [1.0, 1e3, 1e6])
def test_draws_of_sources_stay_finite_for_large_scores(variance):
    """Architectures that are neighbors of one another and of a past one."""
    kernel = KernelParams(
        jnp.zeros(1) - 2, *(jnp.zeros(()) + jnp.log(variance),) * 2, jnp.zeros(())
    )
    x = jnp.float32(RNG.normal(size=(1, 60, 3)))
    near = x[0, :1] + jnp.float32(1e-3 * RNG.normal(size=(64, 3)))
    knowledge = knowing(kernel, x, jnp.sqrt(variance) * jnp.sin(x).sum(-1))
    drawn = sample_sources(jax.random.key(0), knowledge, kernel_position(kernel, near), draws=4)
    assert np.isfinite(drawn).all()


@pytest.mark.parametrize("variance", [1.0, 1e3])
def test_draws_of_the_target_stay_finite_for_large_scores(variance):
    size = jnp.full(1, variance)
    prior = PoolPrior(jnp.zeros((1, 1)), size[None], size, *(jnp.ones(1),) * 3)
    position = jnp.float32(0.01 * RNG.normal(size=(30, 5)))
    score = jnp.float32(RNG.normal(size=30))

    @jax.jit
    def draw(prior, position, score):
        pool = Pool(jnp.ones((30, 1)), position)
        return sample_left_out(jax.random.key(0), prior, pool, score, draws=4)

    assert np.isfinite(draw(prior, position, score)).all()


@pytest.mark.slow
def test_sources_are_drawn_from_their_posteriors(float64):
    """Means and covariances against scikit-learn's Gaussian process."""
    x, y, new = RNG.normal(size=(2, 30, 3)), RNG.normal(size=(2, 30)), RNG.normal(size=(4, 3))
    y[1, 12:] = np.nan
    kernel = KernelParams(jnp.log(jnp.array([0.5])), *map(jnp.asarray, (0.5, -0.7, -1.0)))
    knowledge = knowing(kernel, x, y)
    position = kernel_position(kernel, jnp.asarray(new))
    drawn = sample_sources(jax.random.key(0), knowledge, position, draws=20_000)
    variance = source_variance(knowledge, position)
    covariance = ConstantKernel(np.exp(0.5)) * Matern(0.5**-0.5, nu=2.5)
    covariance += ConstantKernel(np.exp(-0.7))
    for source in range(2):
        kept = ~np.isnan(y[source])
        process = GaussianProcessRegressor(
            covariance, alpha=float(kernel_noise(kernel)), optimizer=None
        )
        process.fit(x[source][kept], y[source][kept])
        mean, spread = process.predict(new, return_cov=True)
        np.testing.assert_allclose(drawn[:, source].mean(0), mean, atol=0.03)
        np.testing.assert_allclose(np.cov(drawn[:, source].T), spread, atol=0.04)
        np.testing.assert_allclose(variance[source], np.diag(spread), rtol=1e-6)


@pytest.mark.slow
def test_the_target_is_drawn_without_each_evaluation(float64):
    """Means and variances against dense algebra on the other rows alone."""
    n, left_out, failed = 5, 3, 1
    features, position = RNG.normal(size=(n, 2)), RNG.normal(size=(n, 1))
    score = RNG.normal(size=n)
    score[failed] = np.nan
    values = ([0.0, 0.5], [1.0, 0.6], 0.8, 0.3, 2.0, 1.5)
    prior = PoolPrior(*(jnp.asarray(v)[None] for v in values))
    pool = Pool(jnp.asarray(features), jnp.asarray(position))
    drawn = sample_left_out(jax.random.key(0), prior, pool, jnp.asarray(score), draws=3000)
    covariance = (features * values[1]) @ features.T + 0.8 * Matern(nu=2.5)(position)
    state, _ = condition_pool(prior, pool, None, jnp.asarray(score))
    unit = float(state.rate[0] / state.shape[0])
    kept = [i for i in range(n) if i not in {left_out, failed}]
    inverse = np.linalg.inv(covariance[np.ix_(kept, kept)] + 0.3 * np.eye(len(kept)))
    cross = covariance[:, kept]
    residual = score[kept] - features[kept] @ values[0]
    mean = features @ values[0] + cross @ inverse @ residual
    variance = unit * np.diag(covariance - cross @ inverse @ cross.T)
    np.testing.assert_allclose(drawn[:, left_out].mean(0), mean, atol=0.1)
    np.testing.assert_allclose(drawn[:, left_out].var(0), variance, rtol=0.15, atol=0.01)
