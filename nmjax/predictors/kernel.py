"""A Matern kernel over groups of features, and its features by the Nystrom method."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.types import Array


class KernelParams(NamedTuple):
    """Hyperparameters of a Matern kernel with a relevance for each group of features, as logs.

    Attributes:
      log_relevance: float[G], of each group's squared distance.
      log_amplitude: float[], of the kernel's variance.
      log_intercept: float[], of the variance of a constant.
      log_noise: float[], of the variance of an observation.
    """

    log_relevance: Array
    log_amplitude: Array
    log_intercept: Array
    log_noise: Array


NOISE_FLOOR = 1e-4


def default_kernel(num_groups: int) -> KernelParams:
    """A kernel of unit variance that gives G groups of unit spread the same relevance."""
    scalar = jnp.zeros(())
    return KernelParams(jnp.zeros((num_groups,)), scalar, scalar, scalar - 2.0)


def matern(params: KernelParams, groups: Array, a: Array, b: Array) -> Array:
    """Matern-5/2 covariances float[A, B] of a float[A, D] and b float[B, D], without a constant.

    Args:
      params: hyperparameters.
      groups: int[D], the group of each feature.
      a: float[A, D], features scaled so that each group has unit variance in all.
      b: float[B, D], likewise.
    """
    weight = jnp.exp(0.5 * params.log_relevance)[groups]
    a, b = a * weight[None, :], b * weight[None, :]
    squared = jnp.sum(a * a, -1)[:, None] + jnp.sum(b * b, -1)[None, :] - 2 * a @ b.T
    r = jnp.sqrt(jnp.maximum(5 * squared, 0) + 1e-10)
    return jnp.exp(params.log_amplitude) * (1 + r + r * r / 3) * jnp.exp(-r)


def kernel_noise(params: KernelParams) -> Array:
    """The variance float[] of an observation's noise."""
    return jnp.exp(params.log_noise) + NOISE_FLOOR


def log_marginal_likelihood(params: KernelParams, groups: Array, x: Array, y: Array) -> Array:
    """Of scores y float[M] at x float[M, D] under a Gaussian process; NaN scores do not count.

    Rasmussen and Williams, 2006, equation 2.30.
    """
    counts = ~jnp.isnan(y)
    both = counts[:, None] & counts[None, :]
    kernel = jnp.where(both, matern(params, groups, x, x) + jnp.exp(params.log_intercept), 0)
    diagonal = jnp.where(counts, kernel_noise(params), 1)
    factor = jnp.linalg.cholesky(kernel + jnp.diag(diagonal))
    white = jax.scipy.linalg.solve_triangular(factor, jnp.where(counts, y, 0), lower=True)
    normaliser = 0.5 * jnp.sum(counts).astype(x.dtype) * jnp.log(2 * jnp.pi)
    return -0.5 * white @ white - jnp.sum(jnp.log(jnp.diagonal(factor))) - normaliser


def nystrom_features(
    params: KernelParams, groups: Array, landmarks: Array, x: Array, *, jitter: float = 1e-4
) -> Array:
    """Features float[N, m] whose inner products approximate the kernel of unit amplitude.

    Exact at the m landmarks, up to jitter (Williams and Seeger, 2001).

    Args:
      params: of the kernel; its amplitude is left out, for a prior over weights to give.
      groups: int[D].
      landmarks: float[m, D].
      x: float[N, D].
      jitter: added to the landmarks' variances.
    """
    unit = params._replace(log_amplitude=jnp.zeros_like(params.log_amplitude))
    size = landmarks.shape[0]
    inner = matern(unit, groups, landmarks, landmarks) + jitter * jnp.eye(size, dtype=x.dtype)
    factor = jnp.linalg.cholesky(inner)
    cross = matern(unit, groups, landmarks, x)
    return jax.scipy.linalg.solve_triangular(factor, cross, lower=True).T
