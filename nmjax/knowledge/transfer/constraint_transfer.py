"""Limits on what an architecture may cost, moved from one device to another."""

import jax.numpy as jnp
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.types import Array


def adapt_limit(limit: ArrayLike, source_cost: Array, target_cost: Array) -> Array:
    """The limit on the target device that as many architectures meet as meet it on the source.

    The quantile of the limit among costs on the one device, at that quantile of costs on the other;
    linear in between and at the ends' values outside. Where the costs on one rise with those on the
    other, an architecture meets both limits or neither.

    Args:
      limit: float[...], on the source device.
      source_cost: float[N], what a sample of architectures costs on the source device, for
        instance latency in seconds.
      target_cost: float[N], the same on the target device, measured or by any predictor; the
        sample need not be the same.

    Raises:
      NmjaxError: costs are not two vectors or are empty.
    """
    costs = [jnp.asarray(cost, jnp.result_type(float)) for cost in (source_cost, target_cost)]
    for cost in costs:
        if cost.ndim != 1 or cost.size == 0:
            raise NmjaxError(
                f"Got costs {list(cost.shape)}; give one number for each of some architectures."
            )
    source, target = map(jnp.sort, costs)
    quantile = [(jnp.arange(cost.size, dtype=cost.dtype) + 0.5) / cost.size for cost in costs]
    limit = jnp.asarray(limit, source.dtype)
    return jnp.interp(jnp.interp(limit, source, quantile[0]), quantile[1], target)
