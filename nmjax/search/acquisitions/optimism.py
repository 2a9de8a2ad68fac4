"""The score as it might be: an upper bound of it, or a draw."""

import math
from dataclasses import dataclass

import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.acquisitions.context import AcquisitionContext, noise_free
from nmjax.stats import mixture_moments
from nmjax.types import Array, Mixture


@dataclass(frozen=True)
class UpperConfidenceBound:
    """Mean + exploration * std of the mixture, noise included (Cox and John, 1992)."""

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        moments = mixture_moments(posterior)
        return moments.mean + context.exploration * moments.std


@dataclass(frozen=True, kw_only=True)
class GPUCB:
    """An upper confidence bound that holds for all rows and steps with probability 1 - `failure`.

    Mean + sqrt(2 log(N t^2 pi^2 / (6 failure))) std of the noise-free score at the t-th evaluation
    of a pool of N, for a Gaussian process (Srinivas et al., 2010, theorem 1). A mixture is replaced
    by the Gaussian of its moments, for which the guarantee does not hold.

    Attributes:
      failure: probability that the bound fails anywhere, in (0, 1).

    Raises:
      NmjaxError: `failure` is not inside (0, 1).
    """

    failure: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.failure < 1:
            raise NmjaxError(
                f"Got failure={self.failure}, expected a probability in (0, 1): give for instance "
                "0.1."
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
    """One joint draw of the function (Thompson, 1933)."""

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del posterior
        return context.sample(key)
