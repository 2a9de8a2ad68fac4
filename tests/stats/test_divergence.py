import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jax.test_util import check_grads

from nmjax import stats
from nmjax.errors import NmjaxError
from nmjax.types import Categorical, Dirichlet, Gaussian, MultivariateGaussian, TruncatedGaussian

kl = stats.kullback_leibler_divergence


def make_pair(kind):
    rng = np.random.default_rng(1)

    def draw(*shape):
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    def one():
        if kind is Gaussian:
            return Gaussian(draw(3, 4), jnp.exp(draw(3, 4)))
        if kind is MultivariateGaussian:
            return MultivariateGaussian(
                draw(3, 4), jnp.tril(0.3 * draw(3, 4, 4), -1) + jnp.eye(4)[None]
            )
        if kind is Categorical:
            return Categorical(draw(3, 4))
        if kind is Dirichlet:
            return Dirichlet(jnp.exp(draw(3, 4)))
        mean = draw(3, 4)
        return TruncatedGaussian(mean, jnp.exp(draw(3, 4)), jnp.full((3, 4), -1.0), 1 + 0 * mean)

    return one(), one()


KINDS = [Gaussian, MultivariateGaussian, Categorical, Dirichlet, TruncatedGaussian]


def by_hand(p, q):
    """KL for one row of each kind, in float64 NumPy and SciPy."""
    p, q = (type(d)(*(np.asarray(leaf, np.float64) for leaf in d)) for d in (p, q))
    if isinstance(p, Gaussian):
        ratio = (p.std / q.std) ** 2
        return 0.5 * np.sum(ratio + ((p.mean - q.mean) / q.std) ** 2 - 1 - np.log(ratio))
    if isinstance(p, MultivariateGaussian):
        a, b = p.scale_tril @ p.scale_tril.T, q.scale_tril @ q.scale_tril.T
        d = q.mean - p.mean
        logs = np.linalg.slogdet(b)[1] - np.linalg.slogdet(a)[1]
        solved = np.linalg.solve(b, np.column_stack([a, d]))
        return 0.5 * (np.trace(solved[:, :-1]) + d @ solved[:, -1] - d.size + logs)
    if isinstance(p, Categorical):
        return scipy.stats.entropy(np.exp(p.logits), np.exp(q.logits))
    if isinstance(p, Dirichlet):
        a, b = p.concentration, q.concentration
        expected_log = scipy.special.digamma(a) - scipy.special.digamma(a.sum())
        logs = scipy.special.gammaln(a.sum()) - scipy.special.gammaln(b.sum())
        logs -= np.sum(scipy.special.gammaln(a) - scipy.special.gammaln(b))
        return logs + (a - b) @ expected_log
    return sum(truncated_by_hand(*row) for row in zip(*p, *q, strict=True))


def truncated_by_hand(p_mean, p_std, p_low, p_high, q_mean, q_std, q_low, q_high):
    def truncated(mean, std, low, high):
        return scipy.stats.truncnorm((low - mean) / std, (high - mean) / std, mean, std)

    p, q = truncated(p_mean, p_std, p_low, p_high), truncated(q_mean, q_std, q_low, q_high)
    low, high = p.ppf(1e-16), p.ppf(1 - 1e-16)
    return scipy.integrate.quad(
        lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), low, high, epsabs=1e-12, limit=500
    )[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit, lambda f: jax.jit(jax.vmap(f))])
def test_against_the_formula(kind, wrap):
    posterior, prior = make_pair(kind)
    expected = [
        by_hand(jax.tree.map(lambda v: v[i], posterior), jax.tree.map(lambda v: v[i], prior))  # noqa: B023
        for i in range(3)
    ]
    np.testing.assert_allclose(wrap(kl)(posterior, prior), expected, rtol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_zero_at_itself_and_gradients(kind):
    posterior, prior = make_pair(kind)
    np.testing.assert_allclose(kl(posterior, posterior), np.zeros(3), atol=2e-6)
    with jax.enable_x64(True):
        pair = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), (posterior, prior))
        if kind is TruncatedGaussian:
            (p, q) = pair

            def of_moments(p_moments, q_moments):
                return kl(p._replace(**p_moments), q._replace(**q_moments))

            moments = [{"mean": d.mean, "std": d.std} for d in pair]
            check_grads(jax.jit(of_moments), moments, order=1)
        else:
            check_grads(jax.jit(kl), pair, order=1)


def test_mixed_gaussians_and_broadcasting():
    posterior, prior = make_pair(Gaussian)
    expected = kl(posterior, prior)
    np.testing.assert_allclose(kl(stats.to_multivariate(posterior), prior), expected, rtol=1e-5)
    np.testing.assert_allclose(kl(posterior, stats.to_multivariate(prior)), expected, rtol=1e-5)
    shared = jax.tree.map(lambda leaf: leaf[0], prior)
    np.testing.assert_allclose(kl(posterior, shared)[0], expected[0], rtol=1e-5)
    assert kl(posterior, shared).shape == (3,)


def test_excluded_options():
    free, barred = Categorical(jnp.zeros(4)), Categorical(jnp.array([0.0, 0.0, -jnp.inf, 0.0]))
    np.testing.assert_allclose(kl(barred, free), np.log(4 / 3), rtol=1e-6)
    assert kl(free, barred) == jnp.inf


INF = np.inf
HARD = [
    # posterior mean, std, low, high, prior mean, std, low, high
    (0.0, 1.0, -INF, INF, 1.0, 2.0, -INF, INF),
    (0.0, 1.0, 0.0, INF, 1.0, 2.0, -INF, INF),
    (0.3, 0.01, 0.0, 1.0, 0.5, 0.3, 0.0, 1.0),
    (0.3, 1e-3, -1e4, 1e4, 0.5, 3.0, -1e4, 1e4),
    (-30.0, 1.0, 0.0, INF, -20.0, 2.0, -1.0, INF),
    (20.0, 1.0, -2.0, 1.0, -20.0, 1.0, -2.0, 1.0),
    (0.5, 100.0, 0.0, 1.0, 0.5, 0.2, 0.0, 1.0),
]


@pytest.mark.parametrize("numbers", HARD)
def test_truncated_where_naive_integration_fails(numbers):
    expected = truncated_by_hand(*numbers)
    posterior, prior = (
        TruncatedGaussian(*(jnp.array([v], jnp.float32) for v in side))
        for side in (numbers[:4], numbers[4:])
    )
    np.testing.assert_allclose(kl(posterior, prior), expected, rtol=1e-4, atol=1e-5)
    with jax.enable_x64(True):
        posterior, prior = (
            TruncatedGaussian(*(jnp.array([v], jnp.float64) for v in side))
            for side in (numbers[:4], numbers[4:])
        )
        np.testing.assert_allclose(kl(posterior, prior), expected, rtol=1e-7, atol=1e-9)
        gradient = jax.jit(jax.grad(lambda pair: kl(*pair)))((posterior, prior))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_untruncated_is_the_gaussian():
    posterior, prior = make_pair(Gaussian)

    def everywhere(d):
        return TruncatedGaussian(*d, jnp.full_like(d.mean, -INF), jnp.full_like(d.mean, INF))

    np.testing.assert_allclose(
        kl(everywhere(posterior), everywhere(prior)), kl(posterior, prior), rtol=1e-5
    )


def test_truncated_far_in_the_tail_is_exponential():
    # Far above its mean a normal decays as exp(-rate x), and KL between exponentials is closed.
    far = 1e5
    p, q = (
        TruncatedGaussian(*(jnp.array([v]) for v in (-far, scale, 0.0, INF)))
        for scale in (1.0, 2.0)
    )
    rate = far, far / 4
    expected = np.log(rate[0] / rate[1]) + rate[1] / rate[0] - 1
    np.testing.assert_allclose(kl(p, q), expected, rtol=1e-4)


def test_infinite_where_the_support_exceeds_the_prior():
    def on(low, high):
        return TruncatedGaussian(*(jnp.array([v]) for v in (0.0, 1.0, low, high)))

    assert kl(on(-2.0, 1.0), on(-1.0, 1.0)) == jnp.inf
    assert kl(on(-1.0, INF), on(-1.0, 1.0)) == jnp.inf
    assert np.isfinite(kl(on(-1.0, 1.0), on(-2.0, INF)))


def test_tfp_distributions():
    tfd = stats.import_tfp().distributions
    posterior, prior = tfd.Gamma(2.0, 1.0), tfd.Gamma(1.0, 3.0)
    expected = scipy.integrate.quad(
        lambda x: scipy.stats.gamma.pdf(x, 2) * (np.log(x) - x - np.log(3) + 3 * x), 0, 60
    )[0]
    np.testing.assert_allclose(kl(posterior, prior), expected, rtol=1e-5)
    with pytest.raises(NmjaxError, match="Gamma to Bernoulli"):
        kl(posterior, tfd.Bernoulli(0.0))


def test_mismatched_kinds():
    posterior, prior = make_pair(Gaussian)[0], make_pair(Dirichlet)[0]
    with pytest.raises(NmjaxError, match="Gaussian to Dirichlet"):
        kl(posterior, prior)
    with pytest.raises(NmjaxError, match="Gaussian to str"):
        kl(posterior, "prior")
    with pytest.raises(NmjaxError, match="int to str"):
        kl(3, "prior")


def test_a_shadowing_stable_release_is_explained(monkeypatch):
    def broken(name):
        raise AttributeError("jax.interpreters.xla has no attribute 'pytype_aval_mappings'")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(NmjaxError, match="pip install tfp-nightly"):
        stats.import_tfp()


@pytest.mark.slow
def test_importing_stats_leaves_tfp_alone():
    import subprocess

    code = "import sys, nmjax.stats; assert 'tensorflow_probability' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_wasserstein_of_samples_of_different_sizes_in_a_batch():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 7)).astype(np.float32), rng.normal(size=20).astype(np.float32)
    equal = jnp.full(7, 1 / 7), jnp.full(20, 1 / 20)
    ours = jax.jit(jax.vmap(stats.wasserstein, in_axes=(0, None, None, None)))(a, b, *equal)
    expected = [scipy.stats.wasserstein_distance(row, b) for row in a]
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


points = hnp.arrays(np.float32, 9, elements=st.integers(-4, 4).map(float))
shares = hnp.arrays(np.float32, 9, elements=st.integers(0, 5).map(float)).filter(np.any)
DISTANCE = jax.jit(stats.wasserstein)


@settings(deadline=None, max_examples=40)
@given(points, points, shares, shares)
def test_wasserstein_against_scipy(a, b, a_weight, b_weight):
    ours = DISTANCE(a, b, a_weight / a_weight.sum(), b_weight / b_weight.sum())
    theirs = scipy.stats.wasserstein_distance(a, b, a_weight, b_weight)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tfp_distribution_beside_ours(kind):
    posterior, prior = make_pair(kind)
    expected = kl(posterior, prior)
    np.testing.assert_allclose(kl(posterior, stats.to_distribution(prior)), expected, rtol=1e-5)
    np.testing.assert_allclose(kl(stats.to_distribution(posterior), prior), expected, rtol=1e-5)
    both = stats.to_distribution(posterior), stats.to_distribution(prior)
    np.testing.assert_allclose(kl(*both), expected, rtol=1e-5)


def test_a_gaussian_beside_tfp_normals_and_joint_normals():
    tfd = stats.import_tfp().distributions
    posterior, prior = make_pair(Gaussian)
    expected = kl(posterior, prior)
    covariance = stats.to_covariance(prior)
    for theirs in (
        tfd.Normal(*prior),
        tfd.Independent(tfd.Normal(*prior), 1),
        tfd.MultivariateNormalDiag(*prior),
        tfd.MultivariateNormalTriL(prior.mean, -stats.to_multivariate(prior).scale_tril),
        tfd.MultivariateNormalFullCovariance(prior.mean, covariance),
    ):
        np.testing.assert_allclose(kl(posterior, theirs), expected, rtol=1e-4)
    standard = Gaussian(jnp.zeros((3, 4)), jnp.ones((3, 4)))
    broadcast = kl(posterior, tfd.Normal(0.0, 1.0))
    np.testing.assert_allclose(broadcast, kl(posterior, standard), rtol=1e-6)


def test_an_unsupported_tfp_distribution_is_refused():
    tfd = stats.import_tfp().distributions
    posterior = make_pair(Gaussian)[0]
    with pytest.raises(NmjaxError, match="MultivariateNormalDiag to Gamma"):
        kl(posterior, tfd.Gamma(2.0, 1.0))
    with pytest.raises(NmjaxError, match="Gaussian to float"):
        kl(posterior, 1.0)


@pytest.mark.parametrize("kind", [Gaussian, MultivariateGaussian, Categorical, Dirichlet])
def test_different_sizes_are_refused(kind):
    posterior, prior = make_pair(kind)
    fewer = {
        Gaussian: lambda d: Gaussian(d.mean[..., :3], d.std[..., :3]),
        MultivariateGaussian: lambda d: MultivariateGaussian(
            d.mean[..., :1], d.scale_tril[..., :1, :1]
        ),
        Categorical: lambda d: Categorical(d.logits[..., :1]),
        Dirichlet: lambda d: Dirichlet(d.concentration[..., :1]),
    }
    with pytest.raises(NmjaxError, match="same last axis"):
        kl(posterior, fewer[kind](prior))


@pytest.mark.parametrize("sizes", [(3, 2, 2, 2), (2, 2, 2, 3)])
def test_wasserstein_weights_of_another_number_are_refused(sizes):
    with pytest.raises(NmjaxError, match="weight of shape"):
        stats.wasserstein(*(jnp.full(size, 1 / size) for size in sizes))
