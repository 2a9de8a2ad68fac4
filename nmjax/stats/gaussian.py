"""Gaussian and Student-t densities, covariances, and the moments of a mixture."""

import math

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import betainc, gammaln, ndtr

from nmjax.types import Array, Gaussian, Mixture, MultivariateGaussian

_LOG_TWO_PI = math.log(2 * math.pi)
_NEARLY_NORMAL = 1e3


def from_covariance(mean: Array, covariance: Array) -> MultivariateGaussian:
    """The joint normal with mean float[..., N] and covariance float[..., N, N].

    `scale_tril` is NaN where the covariance is not positive definite.
    """
    return MultivariateGaussian(mean, jnp.linalg.cholesky(covariance))


def to_covariance(distribution: Gaussian | MultivariateGaussian) -> Array:
    """The covariance float[..., N, N]; diagonal for independent marginals."""
    if isinstance(distribution, Gaussian):
        size = distribution.std.shape[-1]
        diagonal = jnp.broadcast_to(
            jnp.square(distribution.std)[..., None], (*distribution.std.shape, size)
        )
        return jnp.where(jnp.eye(size, dtype=bool), diagonal, 0)
    return jnp.einsum("...ik,...jk->...ij", distribution.scale_tril, distribution.scale_tril)


def to_multivariate(distribution: Gaussian | MultivariateGaussian) -> MultivariateGaussian:
    """The same distribution as a joint normal."""
    if isinstance(distribution, MultivariateGaussian):
        return distribution
    mean, std = jnp.broadcast_arrays(*distribution)
    return MultivariateGaussian(mean, jnp.vectorize(jnp.diag, signature="(n)->(n,n)")(std))


def positive_root(variance: Array) -> Array:
    """Standard deviations of variances that rounding may have made negative.

    Such a one becomes the smallest positive number, so that the gradient is 0 there, not NaN.
    """
    return jnp.sqrt(jnp.maximum(variance, jnp.finfo(variance.dtype).tiny))


def gaussian_log_prob(x: Array, mean: Array, std: Array) -> Array:
    """Log-density of each marginal at x: float[...], all arguments broadcast together."""
    x, mean, std = jnp.broadcast_arrays(x, mean, std)
    z = (x - mean) / std
    return -0.5 * (jnp.square(z) + _LOG_TWO_PI) - jnp.log(std)


def multivariate_gaussian_log_prob(x: Array, mean: Array, scale_tril: Array) -> Array:
    """Joint log-density float[...] at x float[..., N]; leading axes broadcast together."""

    def one(x, mean, scale_tril):
        z = solve_triangular(scale_tril, x - mean, lower=True)
        return -0.5 * (z @ z + x.size * _LOG_TWO_PI) - jnp.sum(jnp.log(jnp.diag(scale_tril)))

    with jax.numpy_rank_promotion("allow"):
        return jnp.vectorize(one, signature="(n),(n),(n,n)->()")(x, mean, scale_tril)


def student_t_log_prob(x: Array, df: Array, loc: Array, scale: Array) -> Array:
    """Log-density of a Student-t at x: float[...], all arguments broadcast together.

    Args:
      x: float[...].
      df: float[...], degrees of freedom, positive.
      loc: float[...].
      scale: float[...], positive; the standard deviation is scale * sqrt(df / (df - 2)).
    """
    x, df, loc, scale = jnp.broadcast_arrays(x, df, loc, scale)
    z = (x - loc) / scale
    return (
        gammaln((df + 1) / 2)
        - gammaln(df / 2)
        - 0.5 * jnp.log(df * jnp.pi)
        - jnp.log(scale)
        - (df + 1) / 2 * jnp.log1p(jnp.square(z) / df)
    )


def student_t_cdf(x: Array, df: Array, loc: Array, scale: Array) -> Array:
    """Probability of a Student-t below x: float[...], all arguments broadcast together.

    From a thousand degrees of freedom on that of the normal, which differs by less than .0002.

    Args:
      x: float[...].
      df: float[...], degrees of freedom, positive.
      loc: float[...].
      scale: float[...], positive.
    """
    x, df, loc, scale = jnp.broadcast_arrays(x, df, loc, scale)
    z = (x - loc) / scale
    heavy = jnp.minimum(df, _NEARLY_NORMAL)
    within = betainc(jnp.full_like(z, 0.5), heavy / 2, jnp.square(z) / (heavy + jnp.square(z)))
    return jnp.where(df < _NEARLY_NORMAL, 0.5 + 0.5 * jnp.sign(z) * within, ndtr(z))


def mixture_moments(mixture: Mixture) -> Gaussian:
    """The Gaussian marginals with the mean and variance of a mixture of Gaussians.

    Args:
      mixture: log_weights float[..., K] and components of float[..., K, N]; leading axes broadcast.

    Returns:
      Gaussian of float[..., N]; variance by the law of total variance.
    """
    weights = jnp.exp(mixture.log_weights)

    def average(values: Array) -> Array:
        return jnp.einsum("...k,...kn->...n", weights, values, precision=jax.lax.Precision.HIGHEST)

    means, stds = mixture.components
    mean = average(means)
    deviation = means - mean[..., None, :]
    return Gaussian(mean, jnp.sqrt(average(jnp.square(stds) + jnp.square(deviation))))
