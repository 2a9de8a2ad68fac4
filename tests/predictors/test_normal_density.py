import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads
from scipy.stats import multivariate_normal

from nmjax.predictors import inverse_factor, log_normal_density

RNG = np.random.default_rng(0)
ROOT, SCORE = RNG.normal(size=(6, 6)), RNG.normal(size=6)
COVARIANCE = ROOT @ ROOT.T + 0.3 * np.eye(6)
FAILED = np.where(np.arange(6) % 3 == 1, np.nan, SCORE)


def test_scipy_with_failures_and_without(float64):
    for score in (SCORE, FAILED):
        kept = ~np.isnan(score)
        expected = multivariate_normal(cov=COVARIANCE[np.ix_(kept, kept)]).logpdf(score[kept])
        found = jax.jit(log_normal_density)(jnp.asarray(COVARIANCE), jnp.asarray(score))
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_gradient_is_the_closed_form(float64):
    root, score = jnp.asarray(ROOT), jnp.asarray(FAILED)

    def density(scale, mean):
        covariance = (root * scale[None, :]) @ root.T + 0.3 * jnp.eye(6)
        return log_normal_density(covariance, score - mean)

    check_grads(jax.jit(density), (jnp.ones(6), jnp.asarray(0.2)), order=1, modes=["rev"])


def test_a_singular_covariance_stays_finite():
    same = jnp.ones((4, 4)) + 1e-4 * jnp.eye(4)
    assert jnp.isfinite(jax.jit(inverse_factor)(same, jnp.ones(4, bool))).all()
