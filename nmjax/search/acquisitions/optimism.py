"""Optimistic acquisitions: upper confidence bounds and Thompson sampling."""

import math
from dataclasses import dataclass

import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.acquisitions.context import AcquisitionContext, noise_free
from nmjax.stats import mixture_moments
from nmjax.types import Array, Mixture


@dataclass(frozen=True)
class UpperConfidenceBound:
    """Mean + exploration * std of the mixture, noise included (Cox and John, 1992).

    Example:
      >>> from nmjax.search import BayesianSearch, UpperConfidenceBound
      >>> BayesianSearch(acquisition=UpperConfidenceBound()).acquisition
      UpperConfidenceBound()
    """

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        moments = mixture_moments(posterior)
        return moments.mean + context.exploration * moments.std


@dataclass(frozen=True, kw_only=True)
class GPUCB:
    """Upper confidence bound that holds for all rows and steps with probability 1 - `failure`.

    The bound is mean + sqrt(2 log(N t^2 pi^2 / (6 failure))) std of the noise-free score at
    evaluation t of a pool of N, for a Gaussian process (Srinivas et al., 2010, theorem 1). A
    mixture is approximated by a Gaussian with the same moments, for which the guarantee does not
    hold.

    Attributes:
      failure: Probability that the bound is violated anywhere, in (0, 1).

    Raises:
      NmjaxError: `failure` is not in (0, 1).

    Example:
      >>> from nmjax.search import GPUCB
      >>> GPUCB(failure=0.05)
      GPUCB(failure=0.05)
    """

    failure: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.failure < 1:
            raise NmjaxError(
                f"Got failure={self.failure}; give a probability in (0, 1), for instance 0.1."
            )

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        moments = mixture_moments(noise_free(posterior, context.noise))
        size = moments.mean.shape[-1]
        turn = (context.step + 1).astype(moments.mean.dtype)
        log_rounds = math.log(size * math.pi**2 / (6 * self.failure)) + 2 * jnp.log(turn)
        return moments.mean + jnp.sqrt(2 * log_rounds) * moments.std


@dataclass(frozen=True)
class ThompsonSampling:
    """One joint draw of the noise-free score over the pool (Thompson, 1933).

    Example:
      >>> from nmjax.search import BayesianSearch, ThompsonSampling
      >>> BayesianSearch(acquisition=ThompsonSampling()).acquisition
      ThompsonSampling()
    """

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del posterior
        return context.sample(key)
