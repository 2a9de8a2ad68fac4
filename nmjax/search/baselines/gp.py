"""Bayesian optimization by a plain Gaussian process, without any past."""

import math

import jax
import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
from nmjax.meta import DeepKernelParams
from nmjax.predictors import KernelParams
from nmjax.search.baselines.refitted_process import process_search
from nmjax.search.loop import SearchAlgorithm
from nmjax.search.problem import Problem
from nmjax.search.sizes import check_sizes
from nmjax.types import Array

_LENGTH_SPREAD, _NOISE_CENTER = math.sqrt(3), -4.0


@cached_factory
def gp_search(
    *,
    capacity: int = 128,
    initial: int = 5,
    steps: int = 10,
    rate: float = 0.1,
    outcome_transform: str = "log_lower_tail",
) -> SearchAlgorithm:
    """What one writes without a past: expected improvement under a process fitted as one goes.

    Matern-5/2 with a length for each dimension of the encoding, scaled to [0, 1] over the pool, and
    scores transformed as in `bayesian_search`. Lengths and noise are the likeliest a posteriori
    under BoTorch's priors since 0.12: lengths log-normal(sqrt 2 + log(D) / 2, sqrt 3) (Hvarfner,
    Hellsten and Nardi, 2024, "Vanilla Bayesian optimization performs great in high dimensions"),
    noise log-normal(-4, 1). Where BoTorch has a Gaussian kernel of amplitude 1 and a constant
    mean, the logs of the amplitude and of the variance of a constant are standard normal here; and
    a fit takes a few steps from the last one, where BoTorch runs L-BFGS from the priors' modes.

    Args:
      capacity: B, the largest budget.
      initial: random rows to begin with.
      steps: of Adam, after each evaluation.
      rate: of Adam.
      outcome_transform: what is done to the scores so far, a name of `predictors.normalize`.

    Raises:
      NmjaxError: capacity or initial are not positive, or no outcome_transform has that name.
    """
    check_sizes(capacity=capacity, initial=initial)

    def begin(key: Array, problem: Problem) -> tuple[DeepKernelParams, Array]:
        size, dimensions = problem.pool.position.shape
        rows = jax.random.permutation(key, size)[:initial].astype(jnp.int32)
        return DeepKernelParams(None, jnp.zeros(()), _likeliest_kernel(dimensions)), rows

    return process_search(
        begin,
        lambda _, x: x,
        log_prior,
        capacity=capacity,
        steps=steps,
        rate=rate,
        warm=True,
        outcome_transform=outcome_transform,
    )


def log_prior(kernel: KernelParams) -> Array:
    """The log density float[] of lengths and noise, and of the other variances' logs."""
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
