"""Log density of a joint normal and its gradient, by matrix products alone.

The inverse of the covariance's Cholesky factor is built row by row. Without factorizations or
solves, any number of fits can run concurrently.
"""

import jax
import jax.numpy as jnp

from nmjax.types import Array


def inverse_factor(covariance: Array, counts: Array) -> Array:
    """Inverse float[B, B] of the lower Cholesky factor of a covariance float[B, B], in O(B^3).

    Rows and columns where `counts` bool[B] is False are 0.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import inverse_factor
      >>> jnp.diagonal(inverse_factor(4 * jnp.eye(2), jnp.array([True, False])))
      Array([0.5, 0. ], dtype=float32)
    """

    def one(inverse: Array, row: Array) -> tuple[Array, None]:
        cross, own = inverse @ covariance[row], covariance[row, row]
        spread = jnp.sqrt(jnp.maximum(own - cross @ cross, jnp.finfo(own.dtype).eps * own))
        # The row minus its projection on the earlier ones.
        contrast = (-cross @ inverse).at[row].set(1) / spread
        return inverse.at[row].set(jnp.where(counts[row], contrast, 0)), None

    rows = jnp.arange(covariance.shape[0], dtype=jnp.int32)
    return jax.lax.scan(one, jnp.zeros_like(covariance), rows)[0]


def log_determinant(inverse: Array) -> Array:
    """Log-determinants float[...] of covariances, given inverse factors float[..., B, B]."""
    diagonal = jnp.diagonal(inverse, axis1=-2, axis2=-1)
    return -2 * jnp.sum(jnp.log(jnp.where(diagonal > 0, diagonal, 1)), axis=-1)


def log_density_of_white(inverse: Array, white: Array) -> Array:
    """Log density float[] of whitened residuals float[B], given their `inverse_factor`."""
    diagonal = jnp.diagonal(inverse)
    counts = diagonal > 0
    normalizer = 0.5 * jnp.sum(counts).astype(white.dtype) * jnp.log(2 * jnp.pi)
    return jnp.sum(jnp.log(jnp.where(counts, diagonal, 1))) - 0.5 * white @ white - normalizer


@jax.custom_vjp
def log_normal_density(covariance: Array, residual: Array) -> Array:
    """Log density float[] of residuals float[B] of a joint normal of mean 0; NaN is left out.

    The gradient is the closed form of Rasmussen and Williams (2006), equation 5.9: it takes two
    matrix products and stores one matrix.

    Args:
      covariance: float[B, B], positive definite over the residuals that are not NaN.
      residual: float[B].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import log_normal_density
      >>> round(float(log_normal_density(jnp.eye(2), jnp.array([0.0, jnp.nan]))), 3)
      -0.919
    """
    return _forward(covariance, residual)[0]


def _factor_and_whiten(covariance: Array, residual: Array) -> tuple[Array, Array]:
    counts = ~jnp.isnan(residual)
    inverse = inverse_factor(covariance, counts)
    return inverse, inverse @ jnp.where(counts, residual, 0)


def _forward(covariance: Array, residual: Array) -> tuple[Array, tuple[Array, Array]]:
    inverse, white = _factor_and_whiten(covariance, residual)
    return log_density_of_white(inverse, white), (inverse, white)


def _backward(kept: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    inverse, white = kept
    weights = white @ inverse
    of_covariance = 0.5 * (weights[:, None] * weights[None, :] - inverse.T @ inverse)
    return cotangent * of_covariance, -cotangent * weights


log_normal_density.defvjp(_forward, _backward)


@jax.custom_vjp
def quadratic_and_log_determinant(covariance: Array, residual: Array) -> tuple[Array, Array]:
    """Quadratic form r' C^-1 r and log-determinant of C, float[] each; NaN in r is left out.

    The gradient is a closed form, as in `log_normal_density`.

    Args:
      covariance: float[B, B], positive definite over the residuals that are not NaN.
      residual: float[B].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import quadratic_and_log_determinant
      >>> quadratic, log_determinant = quadratic_and_log_determinant(
      ...     4 * jnp.eye(2), jnp.array([2.0, jnp.nan]))
      >>> float(quadratic), round(float(log_determinant), 3)
      (1.0, 1.386)
    """
    return _forward_parts(covariance, residual)[0]


def _forward_parts(
    covariance: Array, residual: Array
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    inverse, white = _factor_and_whiten(covariance, residual)
    return (white @ white, log_determinant(inverse)), (inverse, white)


def _backward_parts(
    kept: tuple[Array, Array], cotangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    inverse, white = kept
    of_quadratic, of_log_determinant = cotangents
    weights = white @ inverse
    of_covariance = of_log_determinant * (inverse.T @ inverse)
    of_covariance = of_covariance - of_quadratic * (weights[:, None] * weights[None, :])
    return of_covariance, 2 * of_quadratic * weights


quadratic_and_log_determinant.defvjp(_forward_parts, _backward_parts)
