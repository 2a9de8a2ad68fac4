"""Inputs of an acquisition besides the posterior."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.types import Array, Mixture


class AcquisitionContext(NamedTuple):
    """Inputs of an acquisition besides the posterior of the next evaluation's score.

    Attributes:
      best: float[], best score so far in the units of the posterior; -inf without a success.
      exploration: float[], number of standard deviations of optimism, for acquisitions that use it.
      step: int32[], number of evaluations so far.
      evaluated: bool[N], rows that have been evaluated, failures included.
      succeeded: bool[N], rows whose evaluation returned a score.
      noise: float[K], noise variance of an evaluation under each component; the posterior's
        variance includes it.
      cost: float[N], positive, expected cost of an evaluation.
      neighbors: int32[N, J], rows one choice away, padded with the row's own index. None if the
        space has real-valued choices.
      sample: key -> float[N], one joint draw of the noise-free score over the pool.
      covariance: int32[M] -> float[K, M, N], covariance of the noise-free score between rows and
        the pool.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import AcquisitionContext, LogCheapness
      >>> context = AcquisitionContext(*[None] * 10)._replace(cost=jnp.array([0.5, 1.0, 2.0]))
      >>> LogCheapness()(None, None, context).round(2)
      Array([ 0.69, -0.  , -0.69], dtype=float32)
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
    """Subtract the noise variance float[K] from the marginals; variances stay positive."""
    total = jnp.square(posterior.components.std)
    variance = jnp.maximum(total - noise[:, None], jnp.finfo(total.dtype).eps * total)
    return posterior._replace(components=posterior.components._replace(std=jnp.sqrt(variance)))


def check_draws(draws: int) -> None:
    """Validate a number of draws.

    Raises:
      NmjaxError: It is not positive.
    """
    if draws < 1:
        raise NmjaxError(f"Got draws={draws}; give 1 or more.")


def sample_many(key: Array, context: AcquisitionContext, draws: int) -> Array:
    """Return joint draws float[R, N] of the noise-free score over the pool."""
    return jax.vmap(context.sample)(jax.random.split(key, draws))
