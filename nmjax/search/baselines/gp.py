"""Bayesian optimization by a plain Gaussian process, without any past."""

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
    """Expected improvement under a Gaussian process refitted at every step, without any past.

    Matern-5/2 with a length scale for each dimension of the encoding, scaled to [0, 1] over the
    pool, and scores transformed as in `BayesianSearch`. Length scales and noise are the maximum a
    posteriori under BoTorch's priors since 0.12: length scales log-normal(sqrt 2 + log(D) / 2,
    sqrt 3) (Hvarfner, Hellsten and Nardi, 2024, "Vanilla Bayesian optimization performs great in
    high dimensions"), noise log-normal(-4, 1). Where BoTorch has a Gaussian kernel of amplitude 1
    and a constant mean, the logs of the amplitude and of the variance of a constant are standard
    normal here. A fit takes a few Adam steps from the last one, where BoTorch runs L-BFGS from the
    priors' modes.

    Attributes:
      capacity: B, the largest budget.
      evaluate: as in `SearchAlgorithm`.
      initial: number of random rows evaluated first.
      steps: number of Adam steps after each evaluation.
      rate: learning rate of Adam.
      outcome_transform: name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: capacity or initial are not positive, or no outcome transform has that name.
    """

    warm: ClassVar[bool] = True

    def begin(self, key: Array, problem: Problem) -> tuple[DeepKernelParams, Array]:
        """Return the mode of the priors, and random rows."""
        size, dimensions = problem.pool.position.shape
        rows = jax.random.permutation(key, size)[: self.initial].astype(jnp.int32)
        return DeepKernelParams(None, jnp.zeros(()), _likeliest_kernel(dimensions)), rows

    def features(self, network: PyTree, x: Array) -> Array:
        """Return the inputs themselves."""
        del network
        return x

    def log_prior(self, kernel: KernelParams) -> Array:
        """Return the log density float[] of lengths and noise, and of the other variances' logs."""
        length = -0.5 * kernel.log_relevance
        center = _length_center(length.shape[0])
        lengths = jnp.sum(0.5 * jnp.square((length - center) / _LENGTH_SPREAD) + length)
        noise = 0.5 * jnp.square(kernel.log_noise - _NOISE_CENTER) + kernel.log_noise
        others = 0.5 * (jnp.square(kernel.log_amplitude) + jnp.square(kernel.log_intercept))
        return -lengths - noise - others


def _likeliest_kernel(dimensions: int) -> KernelParams:
    """Where `log_prior` is largest."""
    zero = jnp.zeros(())
    length = _length_center(dimensions) - _LENGTH_SPREAD**2
    relevance = jnp.zeros((dimensions,)) - 2 * length
    return KernelParams(relevance, zero, zero, zero + _NOISE_CENTER - 1)


def _length_center(dimensions: int) -> float:
    return math.sqrt(2) + 0.5 * math.log(dimensions)
