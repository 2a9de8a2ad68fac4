"""What an acquisition may use besides the posterior."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.types import Array, Mixture


class AcquisitionContext(NamedTuple):
    """What an acquisition may use besides the posterior of what evaluations would return.

    Attributes:
      best: float[], the best score so far, in the posterior's units; -inf before any.
      exploration: float[], how many standard deviations of optimism where the acquisition has any.
      step: int32[], evaluations so far.
      evaluated: bool[N], which rows of the pool have been, failed ones included.
      succeeded: bool[N], which of these returned a score.
      noise: float[K], variance of an evaluation's noise under each component, part of the
        posterior's.
      cost: float[N], positive, what an evaluation is expected to cost.
      neighbors: int32[N, J], rows one choice away; a row's own index where there are fewer. None
        where there are real-valued choices.
      sample: key -> float[N], one joint draw of the noise-free score over the pool.
      covariance: int32[M] -> float[K, M, N], of the noise-free score between rows and the pool.
    """

    best: Array
    exploration: Array
    step: Array
    evaluated: Array
    succeeded: Array
    noise: Array
    cost: Array
    neighbors: Array | None
    sample: Callable[[Array], Array]
    covariance: Callable[[Array], Array]


def noise_free(posterior: Mixture, noise: Array) -> Mixture:
    """The mixture without the variance float[K] of an evaluation's noise, up to rounding."""
    total = jnp.square(posterior.components.std)
    variance = jnp.maximum(total - noise[:, None], jnp.finfo(total.dtype).eps * total)
    return posterior._replace(components=posterior.components._replace(std=jnp.sqrt(variance)))


def check_draws(draws: int) -> None:
    """Refuse a number of draws that is not positive.

    Raises:
      NmjaxError: it is not.
    """
    if draws < 1:
        raise NmjaxError(f"Got draws={draws}; give 1 or more.")


def sample_many(key: Array, context: AcquisitionContext, draws: int) -> Array:
    """Joint draws float[R, N] of the noise-free score over the pool."""
    return jax.vmap(context.sample)(jax.random.split(key, draws))
