"""Acquisition values of a pool, and the choice of the next row from them."""

import jax.numpy as jnp
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.search.acquisitions.context import AcquisitionContext
from nmjax.types import Acquisition, Array, Mixture


def acquisition_value(
    acquisition: Acquisition, key: Array, posterior: Mixture, context: AcquisitionContext
) -> Array:
    """Return the value float[N] of evaluating each row.

    Raises:
      NmjaxError: The acquisition does not return one number for each row.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import AcquisitionContext, LogCheapness
      >>> from nmjax.search.acquisitions import acquisition_value
      >>> from nmjax.types import Gaussian, Mixture
      >>> posterior = Mixture(jnp.zeros(1), Gaussian(jnp.zeros((1, 3)), jnp.ones((1, 3))))
      >>> context = AcquisitionContext(*[None] * 10)._replace(cost=jnp.ones(3))
      >>> acquisition_value(LogCheapness(), jax.random.key(0), posterior, context).shape
      (3,)
    """
    value = acquisition(key, posterior, context)
    size = posterior.components.mean.shape[-1]
    if jnp.shape(value) != (size,):
        raise NmjaxError(
            f"The acquisition {type(acquisition).__name__} returned float{list(jnp.shape(value))}; "
            f"return float[{size}], one number for each row. The posterior's components are "
            f"{list(posterior.components.mean.shape)}; nmjax.stats.mixture_moments(posterior) is "
            "their mean and std."
        )
    return value


def argmax_unevaluated(value: Array, evaluated: Array, otherwise: ArrayLike = 0) -> Array:
    """Return the unevaluated row int32[] with the largest value.

    NaN and -inf count as the lowest finite value, so evaluated rows are never preferred to them.

    Args:
      value: float[N], acquisition values.
      evaluated: bool[N], rows to leave out. If all rows are evaluated, the result is meaningless.
      otherwise: int32[], first row to consider if all values are NaN or -inf; the result is then
        the next unevaluated row in cyclic order.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search.acquisitions import argmax_unevaluated
      >>> value, evaluated = jnp.array([3.0, 1.0, 2.0]), jnp.array([True, False, False])
      >>> int(argmax_unevaluated(value, evaluated))
      2
    """
    known = jnp.nan_to_num(value, nan=jnp.finfo(value.dtype).min)
    best = jnp.argmax(jnp.where(evaluated, -jnp.inf, known))
    ahead = (jnp.arange(len(value), dtype=jnp.int32) - otherwise) % len(value)
    next_one = jnp.argmin(jnp.where(evaluated, len(value), ahead))
    anything = jnp.any(~evaluated & (value > -jnp.inf))
    return jnp.where(anything, best, next_one).astype(jnp.int32)
