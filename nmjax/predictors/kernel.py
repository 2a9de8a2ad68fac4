"""Matern-5/2 kernel with a relevance for each feature, and its random Fourier features."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.stats import normals
from nmjax.types import Array


class KernelParams(NamedTuple):
    """Hyperparameters of a Matern kernel, as logarithms.

    Attributes:
      log_relevance: float[D], the factor of each feature's squared distance, or float[1], one for
        all.
      log_amplitude: float[], variance of the kernel.
      log_intercept: float[], variance of a constant.
      log_noise: float[], variance of an observation's noise.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import KernelParams
      >>> KernelParams(jnp.zeros(3), *jnp.zeros(3)).log_relevance.shape
      (3,)
    """

    log_relevance: Array
    log_amplitude: Array
    log_intercept: Array
    log_noise: Array


NOISE_FLOOR = 1e-4


def default_kernel(size: int, *, num_groups: int | None = None) -> KernelParams:
    """Kernel of unit variance, with relevances that average over groups of features.

    Points that differ by 1 in one feature of each group have a kernel distance of 1.

    Args:
      size: Number of relevances, D or 1.
      num_groups: Number of groups of features; by default, each feature is one.

    Example:
      >>> from nmjax.predictors import default_kernel
      >>> float(default_kernel(4).log_noise)
      -2.0
    """
    scalar = jnp.zeros(())
    relevance = jnp.zeros((size,)) - math.log(num_groups or size)
    return KernelParams(relevance, scalar, scalar, scalar - 2.0)


def kernel_position(params: KernelParams, x: Array) -> Array:
    """Features float[N, D] scaled by their relevances, so that distances are the kernel's.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import default_kernel, kernel_position
      >>> kernel_position(default_kernel(4), jnp.ones((1, 4)))
      Array([[0.5, 0.5, 0.5, 0.5]], dtype=float32)
    """
    return x * jnp.exp(0.5 * params.log_relevance)[None, :]


def unit_matern(a: Array, b: Array) -> Array:
    """Matern-5/2 correlations float[A, B] between positions float[A, D] and float[B, D].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import unit_matern
      >>> unit_matern(jnp.zeros((1, 2)), jnp.array([[0.0, 0.0], [1.0, 0.0]])).round(2)
      Array([[1.  , 0.52]], dtype=float32)
    """
    squared = jnp.sum(a * a, -1)[:, None] + jnp.sum(b * b, -1)[None, :] - 2 * (a @ b.T)
    r = jnp.sqrt(jnp.maximum(5 * squared, 0) + 1e-10)
    return (1 + r + r * r / 3) * jnp.exp(-r)


def matern(params: KernelParams, a: Array, b: Array) -> Array:
    """Matern-5/2 covariances float[A, B] of a float[A, D] and b float[B, D], without the constant.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import default_kernel, matern
      >>> matern(default_kernel(2), jnp.zeros((1, 2)), jnp.zeros((3, 2))).shape
      (1, 3)
    """
    a, b = kernel_position(params, a), kernel_position(params, b)
    return jnp.exp(params.log_amplitude) * unit_matern(a, b)


def kernel_covariance(params: KernelParams, a: Array, b: Array) -> Array:
    """Covariances float[A, B] of noise-free scores at a float[A, D] and b float[B, D].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import default_kernel, kernel_covariance
      >>> kernel_covariance(default_kernel(2), jnp.zeros((1, 2)), jnp.zeros((1, 2)))
      Array([[2.]], dtype=float32)
    """
    return matern(params, a, b) + jnp.exp(params.log_intercept)


def kernel_variance(params: KernelParams) -> Array:
    """Variance float[] of a noise-free score before any observation, the same at every point.

    Example:
      >>> from nmjax.predictors import default_kernel, kernel_variance
      >>> float(kernel_variance(default_kernel(2)))
      2.0
    """
    return jnp.exp(params.log_amplitude) + jnp.exp(params.log_intercept)


def spectral_features(key: Array, position: Array, *, number: int = 128) -> Array:
    """Random features float[N, number] whose inner products equal `unit_matern` in expectation.

    Frequencies are drawn from the kernel's spectral density, a multivariate Student-t with 5
    degrees of freedom (Rahimi and Recht, 2007; Rasmussen and Williams, 2006, equation 4.15).

    Args:
      key: PRNG key of the frequencies and phases.
      position: float[N, D].
      number: Number of features.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import spectral_features
      >>> spectral_features(jax.random.key(0), jnp.zeros((3, 2)), number=8).shape
      (3, 8)
    """
    keys, dtype = jax.random.split(key, 3), position.dtype
    frequency, scales = normals(keys[:2], ((position.shape[-1], number), (5, number)), dtype)
    # Equals a gamma draw of shape 2.5, which takes seconds to compile.
    heaviness = jnp.mean(jnp.square(scales), axis=0)
    phase = jax.random.uniform(keys[2], (number,), dtype, maxval=2 * jnp.pi)
    angle = position @ (frequency / jnp.sqrt(heaviness)[None, :]) + phase[None, :]
    return jnp.sqrt(2 / number) * jnp.cos(angle)


def kernel_noise(params: KernelParams) -> Array:
    """Variance float[] of an observation's noise, positive.

    At least `NOISE_FLOOR` times the variance before any observation; below that, the covariance of
    close observations is singular in single precision.

    Example:
      >>> from nmjax.predictors import default_kernel, kernel_noise
      >>> round(float(kernel_noise(default_kernel(2))), 4)
      0.1355
    """
    return jnp.exp(params.log_noise) + NOISE_FLOOR * kernel_variance(params)


def noisy_covariance(params: KernelParams, x: Array) -> Array:
    """Covariance float[M, M] of noisy scores at x float[M, D].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import default_kernel, noisy_covariance
      >>> noisy_covariance(default_kernel(2), jnp.zeros((3, 2))).shape
      (3, 3)
    """
    kernel = kernel_covariance(params, x, x)
    return kernel + kernel_noise(params) * jnp.eye(x.shape[0], dtype=kernel.dtype)


def noisy_factor(params: KernelParams, x: Array, counts: Array) -> Array:
    """Cholesky factor float[M, M] of the covariance of noisy scores at x float[M, D].

    Rows where `counts` bool[M] is False are those of the identity.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import default_kernel, noisy_factor
      >>> counts = jnp.array([True, False])
      >>> noisy_factor(default_kernel(2), jnp.zeros((2, 2)), counts)[1]
      Array([0., 1.], dtype=float32)
    """
    both, covariance = counts[:, None] & counts[None, :], noisy_covariance(params, x)
    alone = jnp.eye(len(counts), dtype=covariance.dtype)
    factor: Array = jnp.linalg.cholesky(jnp.where(both, covariance, alone))
    return factor


def log_marginal_likelihood(params: KernelParams, x: Array, y: Array) -> Array:
    """Log marginal likelihood float[] of scores y float[M] at x float[M, D].

    NaN scores are left out. Rasmussen and Williams (2006), equation 2.30.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import default_kernel, log_marginal_likelihood
      >>> scores = jnp.array([0.5, jnp.nan])
      >>> round(float(log_marginal_likelihood(default_kernel(2), jnp.eye(2), scores)), 2)
      -1.36
    """
    counts = ~jnp.isnan(y)
    factor = noisy_factor(params, x, counts)
    white = jax.scipy.linalg.solve_triangular(factor, jnp.where(counts, y, 0), lower=True)
    normalizer = 0.5 * jnp.sum(counts).astype(x.dtype) * jnp.log(2 * jnp.pi)
    likelihood: Array = -0.5 * white @ white - jnp.sum(jnp.log(jnp.diagonal(factor))) - normalizer
    return likelihood
