import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads
from scipy.stats import multivariate_normal

from nmjax.predictors import (
    inverse_factor,
    log_normal_density,
    quadratic_and_log_determinant,
)

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


def test_the_quadratic_form_and_the_determinant_leave_out_failures(float64):
    kept = ~np.isnan(FAILED)
    quadratic, log_determinant = jax.jit(quadratic_and_log_determinant)(
        jnp.asarray(COVARIANCE), jnp.asarray(FAILED)
    )
    known, score = COVARIANCE[np.ix_(kept, kept)], SCORE[kept]
    np.testing.assert_allclose(quadratic, score @ np.linalg.solve(known, score), rtol=1e-9)
    np.testing.assert_allclose(log_determinant, np.linalg.slogdet(known)[1], rtol=1e-9)


def test_gradients_of_the_quadratic_form_and_the_determinant(float64):
    root, score = jnp.asarray(ROOT), jnp.asarray(FAILED)

    def parts(scale, mean):
        covariance = (root * scale[None, :]) @ root.T + 0.3 * jnp.eye(6)
        return quadratic_and_log_determinant(covariance, score - mean)

    check_grads(jax.jit(parts), (jnp.ones(6), jnp.asarray(0.2)), order=1, modes=["rev"])
