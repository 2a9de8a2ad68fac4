"""Gaussian and Student-t densities, covariances, mixture moments and standard normal draws."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import betainc, gammaln, ndtr
from jax.typing import DTypeLike

from nmjax.types import Array, Gaussian, Mixture, MultivariateGaussian

_LOG_TWO_PI = math.log(2 * math.pi)
_NEARLY_NORMAL = 1e3


def from_covariance(mean: Array, covariance: Array) -> MultivariateGaussian:
    """Joint normal with mean float[..., N] and covariance float[..., N, N].

    `scale_tril` is NaN where the covariance is not positive definite.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import from_covariance
      >>> from_covariance(jnp.zeros(2), 4 * jnp.eye(2)).scale_tril
      Array([[2., 0.],
             [0., 2.]], dtype=float32)
    """
    return MultivariateGaussian(mean, jnp.linalg.cholesky(covariance))


def to_covariance(distribution: Gaussian | MultivariateGaussian) -> Array:
    """Covariance float[..., N, N] of a distribution; diagonal for independent marginals.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import to_covariance
      >>> from nmjax.types import Gaussian
      >>> to_covariance(Gaussian(jnp.zeros(2), jnp.array([1.0, 2.0])))
      Array([[1., 0.],
             [0., 4.]], dtype=float32)
    """
    if isinstance(distribution, Gaussian):
        size = distribution.std.shape[-1]
        diagonal = jnp.broadcast_to(
            jnp.square(distribution.std)[..., None], (*distribution.std.shape, size)
        )
        return jnp.where(jnp.eye(size, dtype=bool), diagonal, 0)
    return jnp.einsum("...ik,...jk->...ij", distribution.scale_tril, distribution.scale_tril)


def to_multivariate(distribution: Gaussian | MultivariateGaussian) -> MultivariateGaussian:
    """Convert independent marginals to a joint normal; a joint normal is returned unchanged.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import to_multivariate
      >>> from nmjax.types import Gaussian
      >>> to_multivariate(Gaussian(jnp.zeros(2), jnp.ones(2))).scale_tril.shape
      (2, 2)
    """
    if isinstance(distribution, MultivariateGaussian):
        return distribution
    mean, std = jnp.broadcast_arrays(*distribution)
    return MultivariateGaussian(mean, jnp.vectorize(jnp.diag, signature="(n)->(n,n)")(std))


def positive_root(variance: Array) -> Array:
    """Square root of variances that rounding may have made zero or negative.

    Variances are raised to the smallest positive number, where the gradient is 0 instead of NaN.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import positive_root
      >>> positive_root(jnp.array([4.0, -1e-9])).round(3)
      Array([2., 0.], dtype=float32)
    """
    return jnp.sqrt(jnp.maximum(variance, jnp.finfo(variance.dtype).tiny))


def gaussian_log_prob(x: Array, mean: Array, std: Array) -> Array:
    """Log-density of each marginal at x: float[...]; all arguments broadcast together.

    Example:
      >>> from nmjax.stats import gaussian_log_prob
      >>> round(float(gaussian_log_prob(0.0, 0.0, 1.0)), 3)
      -0.919
    """
    x, mean, std = jnp.broadcast_arrays(x, mean, std)
    z = (x - mean) / std
    return -0.5 * (jnp.square(z) + _LOG_TWO_PI) - jnp.log(std)


def multivariate_gaussian_log_prob(x: Array, mean: Array, scale_tril: Array) -> Array:
    """Joint log-density float[...] at x float[..., N]; leading axes broadcast together.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import multivariate_gaussian_log_prob
      >>> round(float(multivariate_gaussian_log_prob(jnp.zeros(2), jnp.zeros(2), jnp.eye(2))), 3)
      -1.838
    """

    def one(x: Array, mean: Array, scale_tril: Array) -> Array:
        z = solve_triangular(scale_tril, x - mean, lower=True)
        return -0.5 * (z @ z + x.size * _LOG_TWO_PI) - jnp.sum(jnp.log(jnp.diag(scale_tril)))

    with jax.numpy_rank_promotion("allow"):
        over_leading_axes = jnp.vectorize(one, signature="(n),(n),(n,n)->()")
        log_prob: Array = over_leading_axes(x, mean, scale_tril)
    return log_prob


def student_t_log_prob(x: Array, df: Array, loc: Array, scale: Array) -> Array:
    """Log-density of a Student-t at x: float[...], all arguments broadcast together.

    Args:
      x: float[...].
      df: float[...], degrees of freedom, positive.
      loc: float[...].
      scale: float[...], positive; the standard deviation is scale * sqrt(df / (df - 2)).

    Example:
      >>> from nmjax.stats import student_t_log_prob
      >>> round(float(student_t_log_prob(0.0, 3.0, 0.0, 1.0)), 3)
      -1.001
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
    """Distribution function of a Student-t at x: float[...]; all arguments broadcast together.

    From 1000 degrees of freedom upwards the normal's is used, which differs by less than .0002.

    Args:
      x: float[...].
      df: float[...], degrees of freedom, positive.
      loc: float[...].
      scale: float[...], positive.

    Example:
      >>> from nmjax.stats import student_t_cdf
      >>> round(float(student_t_cdf(1.0, 1.0, 0.0, 1.0)), 3)
      0.75
    """
    x, df, loc, scale = jnp.broadcast_arrays(x, df, loc, scale)
    z = (x - loc) / scale
    heavy = jnp.minimum(df, _NEARLY_NORMAL)
    within = betainc(jnp.full_like(z, 0.5), heavy / 2, jnp.square(z) / (heavy + jnp.square(z)))
    return jnp.where(df < _NEARLY_NORMAL, 0.5 + 0.5 * jnp.sign(z) * within, ndtr(z))


def mixture_moments(mixture: Mixture) -> Gaussian:
    """Gaussian marginals with the mean and variance of a mixture of Gaussians.

    Args:
      mixture: log_weights float[..., K] and components of float[..., K, N]; leading axes broadcast.

    Returns:
      Gaussian of float[..., N]; the variance by the law of total variance.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import mixture_moments
      >>> from nmjax.types import Gaussian, Mixture
      >>> components = Gaussian(jnp.array([[-1.0], [1.0]]), jnp.ones((2, 1)))
      >>> mixture_moments(Mixture(jnp.log(jnp.array([0.5, 0.5])), components)).std.round(3)
      Array([1.414], dtype=float32)
    """
    weights = jnp.exp(mixture.log_weights)

    def average(values: Array) -> Array:
        return jnp.einsum("...k,...kn->...n", weights, values, precision=jax.lax.Precision.HIGHEST)

    means, stds = mixture.components
    mean = average(means)
    deviation = means - mean[..., None, :]
    return Gaussian(mean, jnp.sqrt(average(jnp.square(stds) + jnp.square(deviation))))


def normals(
    keys: Array, shapes: Sequence[tuple[int, ...]], dtype: DTypeLike = float
) -> tuple[Array, ...]:
    """Draw a standard normal array of each of several shapes.

    Each equals `jax.random.normal` with its own key under JAX's default generator. All are drawn in
    one call of the length of the longest, because XLA compiles each call separately, for a third of
    a second on a CPU.

    Args:
      keys: key[n].
      shapes: n shapes.
      dtype: a floating type.

    Example:
      >>> import jax
      >>> from nmjax.stats import normals
      >>> keys = jax.random.split(jax.random.key(0), 2)
      >>> [draw.shape for draw in normals(keys, [(2, 3), (4,)])]
      [(2, 3), (4,)]
    """
    sizes = [math.prod(shape) for shape in shapes]
    longest = max(sizes)
    drawn = jax.vmap(lambda key: jax.random.normal(key, (longest,), dtype))(keys)
    each = zip(drawn, sizes, shapes, strict=True)
    return tuple(row[:size].reshape(shape) for row, size, shape in each)
