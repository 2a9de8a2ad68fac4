"""The score as it might be: an upper bound of it, or a draw."""

import math

import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
from nmjax.errors import NmjaxError
from nmjax.search.acquisitions.context import AcquisitionContext, noise_free
from nmjax.stats import mixture_moments
from nmjax.types import Acquisition, Array, Mixture


@cached_factory
def upper_confidence_bound() -> Acquisition:
    """Mean + exploration * std of the mixture, noise included (Cox and John, 1992)."""

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        del key
        moments = mixture_moments(posterior)
        return moments.mean + context.exploration * moments.std

    return acquire


@cached_factory
def gp_ucb(*, failure: float = 0.1) -> Acquisition:
    """An upper confidence bound that holds everywhere and always, but with probability `failure`.

    Mean + sqrt(2 log(N t^2 pi^2 / (6 failure))) std of the noise-free score at the t-th evaluation
    of a pool of N, for a Gaussian process (Srinivas et al., 2010, theorem 1); of a mixture it takes
    the moments, for which there is no such guarantee.

    Raises:
      NmjaxError: `failure` is not inside (0, 1).
    """
    if not 0 < failure < 1:
        raise NmjaxError(
            f"Got failure={failure}, expected a probability in (0, 1): give for instance 0.1."
        )

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        del key
        moments = mixture_moments(noise_free(posterior, context.noise))
        size = moments.mean.shape[-1]
        turn = (context.step + 1).astype(moments.mean.dtype)
        log_rounds = math.log(size * math.pi**2 / (6 * failure)) + 2 * jnp.log(turn)
        return moments.mean + jnp.sqrt(2 * log_rounds) * moments.std

    return acquire


@cached_factory
def thompson_sampling() -> Acquisition:
    """One joint draw of the function (Thompson, 1933)."""

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        del posterior
        return context.sample(key)

    return acquire
