"""A Matern kernel with a relevance for each feature, and random features of it."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.stats import normals
from nmjax.types import Array


class KernelParams(NamedTuple):
    """Hyperparameters of a Matern kernel, as logs.

    Attributes:
      log_relevance: float[D], of each feature's squared distance; or float[1], of all alike.
      log_amplitude: float[], of the kernel's variance.
      log_intercept: float[], of the variance of a constant.
      log_noise: float[], of the variance of an observation.
    """

    log_relevance: Array
    log_amplitude: Array
    log_intercept: Array
    log_noise: Array


NOISE_FLOOR = 1e-4


def default_kernel(size: int, *, num_groups: int | None = None) -> KernelParams:
    """A kernel of unit variance to which groups of unit spread are a unit spread together.

    Args:
      size: relevances, D or 1.
      num_groups: of features; by default each is its own.
    """
    scalar = jnp.zeros(())
    relevance = jnp.zeros((size,)) - math.log(num_groups or size)
    return KernelParams(relevance, scalar, scalar, scalar - 2.0)


def kernel_position(params: KernelParams, x: Array) -> Array:
    """Features float[N, D], each scaled by its relevance, so that distances are the kernel's."""
    return x * jnp.exp(0.5 * params.log_relevance)[None, :]


def unit_matern(a: Array, b: Array) -> Array:
    """Matern-5/2 correlations float[A, B] of positions float[A, D] and float[B, D]."""
    squared = jnp.sum(a * a, -1)[:, None] + jnp.sum(b * b, -1)[None, :] - 2 * (a @ b.T)
    r = jnp.sqrt(jnp.maximum(5 * squared, 0) + 1e-10)
    return (1 + r + r * r / 3) * jnp.exp(-r)


def matern(params: KernelParams, a: Array, b: Array) -> Array:
    """Matern-5/2 covariances float[A, B] of a float[A, D] and b float[B, D], without a constant."""
    a, b = kernel_position(params, a), kernel_position(params, b)
    return jnp.exp(params.log_amplitude) * unit_matern(a, b)


def kernel_covariance(params: KernelParams, a: Array, b: Array) -> Array:
    """Covariances float[A, B] of noise-free scores at a float[A, D] and b float[B, D]."""
    return matern(params, a, b) + jnp.exp(params.log_intercept)


def kernel_variance(params: KernelParams) -> Array:
    """Variance float[] of a noise-free score before any observation, wherever it is."""
    return jnp.exp(params.log_amplitude) + jnp.exp(params.log_intercept)


def spectral_features(key: Array, position: Array, *, number: int = 128) -> Array:
    """Random features float[N, number] whose inner products are `unit_matern` on average.

    Frequencies come from the kernel's spectral density, a multivariate Student-t of 5 degrees of
    freedom (Rahimi and Recht, 2007; Rasmussen and Williams, 2006, equation 4.15).

    Args:
      key: of the frequencies and phases.
      position: float[N, D].
      number: of features.
    """
    keys, dtype = jax.random.split(key, 3), position.dtype
    frequency, scales = normals(keys[:2], ((position.shape[-1], number), (5, number)), dtype)
    # A gamma of shape 2.5 would do, if drawing one did not take seconds to compile.
    heaviness = jnp.mean(jnp.square(scales), axis=0)
    phase = jax.random.uniform(keys[2], (number,), dtype, maxval=2 * jnp.pi)
    angle = position @ (frequency / jnp.sqrt(heaviness)[None, :]) + phase[None, :]
    return jnp.sqrt(2 / number) * jnp.cos(angle)


def kernel_noise(params: KernelParams) -> Array:
    """Variance of an observation's noise, positive.

    At least `NOISE_FLOOR` of the variance before any observation: less than that, and single
    precision cannot solve for close observations.
    """
    return jnp.exp(params.log_noise) + NOISE_FLOOR * kernel_variance(params)


def noisy_covariance(params: KernelParams, x: Array) -> Array:
    """Covariance float[M, M] of noisy scores at x float[M, D]."""
    kernel = kernel_covariance(params, x, x)
    return kernel + kernel_noise(params) * jnp.eye(x.shape[0], dtype=kernel.dtype)


def noisy_factor(params: KernelParams, x: Array, counts: Array) -> Array:
    """Cholesky factor float[M, M] of the covariance of noisy scores at x float[M, D].

    Rows where `counts` bool[M] is False are those of the identity.
    """
    both, covariance = counts[:, None] & counts[None, :], noisy_covariance(params, x)
    alone = jnp.eye(len(counts), dtype=covariance.dtype)
    return jnp.linalg.cholesky(jnp.where(both, covariance, alone))


def log_marginal_likelihood(params: KernelParams, x: Array, y: Array) -> Array:
    """Of scores y float[M] at x float[M, D] under a Gaussian process; NaN scores do not count.

    Rasmussen and Williams, 2006, equation 2.30.
    """
    counts = ~jnp.isnan(y)
    factor = noisy_factor(params, x, counts)
    white = jax.scipy.linalg.solve_triangular(factor, jnp.where(counts, y, 0), lower=True)
    normalizer = 0.5 * jnp.sum(counts).astype(x.dtype) * jnp.log(2 * jnp.pi)
    return -0.5 * white @ white - jnp.sum(jnp.log(jnp.diagonal(factor))) - normalizer
