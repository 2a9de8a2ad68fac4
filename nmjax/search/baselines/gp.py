"""Bayesian optimization under a Gaussian process, without transfer."""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from nmjax.meta import DeepKernelParams
from nmjax.predictors import KernelParams
from nmjax.search.baselines.refitted_process import RefittedProcessSearch
from nmjax.search.problem import Problem
from nmjax.types import Array, PyTree

_LENGTH_SPREAD, _NOISE_CENTER = math.sqrt(3), -4.0


@dataclass(frozen=True, kw_only=True)
class GPSearch(RefittedProcessSearch):
    """Expected improvement under a Gaussian process that is refitted at every step.

    The search uses nothing from past tasks. The kernel is Matern-5/2 with a length scale for each
    dimension of the encoding, scaled to [0, 1] over the pool. Scores are transformed as in
    `BayesianSearch`. Length scales and noise maximize the posterior under the priors of BoTorch
    since 0.12: log-normal(sqrt 2 + log(D) / 2, sqrt 3) for length scales (Hvarfner, Hellsten and
    Nardi, 2024, "Vanilla Bayesian optimization performs great in high dimensions"), and
    log-normal(-4, 1) for the noise. BoTorch uses a Gaussian kernel of amplitude 1 and a constant
    mean; here the logarithms of the amplitude and of the variance of a constant have standard
    normal priors. BoTorch runs L-BFGS from the modes of the priors; here a fit takes a few Adam
    steps from the last one.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.
      initial: Number of random rows evaluated first.
      steps: Number of Adam steps after each evaluation.
      rate: Learning rate of Adam.
      outcome_transform: Name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: `capacity` or `initial` is not positive, or the outcome transform is unknown.

    Example:
      >>> from nmjax.search import GPSearch
      >>> GPSearch(capacity=16, initial=3).steps
      10
    """

    warm: ClassVar[bool] = True

    def begin(self, key: Array, problem: Problem) -> tuple[DeepKernelParams, Array]:
        """Return the mode of the priors, and random rows to evaluate first."""
        size, dimensions = problem.pool.position.shape
        rows = jax.random.permutation(key, size)[: self.initial].astype(jnp.int32)
        return DeepKernelParams(None, jnp.zeros(()), _likeliest_kernel(dimensions)), rows

    def features(self, network: PyTree, x: Array) -> Array:
        """Return the inputs themselves."""
        del network
        return x

    def log_prior(self, kernel: KernelParams) -> Array:
        """Return the log prior density float[] of the kernel, up to a constant."""
        length = -0.5 * kernel.log_relevance
        center = _length_center(length.shape[0])
        lengths = jnp.sum(0.5 * jnp.square((length - center) / _LENGTH_SPREAD) + length)
        noise = 0.5 * jnp.square(kernel.log_noise - _NOISE_CENTER) + kernel.log_noise
        others = 0.5 * (jnp.square(kernel.log_amplitude) + jnp.square(kernel.log_intercept))
        return -lengths - noise - others


def _likeliest_kernel(dimensions: int) -> KernelParams:
    """Return the mode of `log_prior`."""
    zero = jnp.zeros(())
    length = _length_center(dimensions) - _LENGTH_SPREAD**2
    relevance = jnp.zeros((dimensions,)) - 2 * length
    return KernelParams(relevance, zero, zero, zero + _NOISE_CENTER - 1)


def _length_center(dimensions: int) -> float:
    return math.sqrt(2) + 0.5 * math.log(dimensions)
