"""Transfer of cost limits between devices."""

import jax.numpy as jnp
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.types import Array


def adapt_limit(limit: ArrayLike, source_cost: Array, target_cost: Array) -> Array:
    """Limit on the target device that admits the same fraction of architectures as on the source.

    The quantile of the limit among source costs is mapped to the same quantile of target costs,
    with linear interpolation and constant extrapolation. If target costs increase with source
    costs, an architecture meets both limits or neither.

    Args:
      limit: float[...], limit on the source device.
      source_cost: float[N], costs of a sample of architectures on the source device, such as
        latency in seconds.
      target_cost: float[M], costs on the target device, measured or predicted; the sample may be
        another one.

    Returns:
      Limit on the target device, float[...].

    Raises:
      NmjaxError: A cost array is not a vector or is empty.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import adapt_limit
      >>> source = jnp.array([1.0, 2.0, 3.0])
      >>> float(adapt_limit(2.0, source, 10 * source))
      20.0
    """
    costs = [jnp.asarray(cost, jnp.result_type(float)) for cost in (source_cost, target_cost)]
    for cost in costs:
        if cost.ndim != 1 or cost.size == 0:
            raise NmjaxError(
                f"Got costs {list(cost.shape)}; give a vector with one cost per architecture."
            )
    source, target = map(jnp.sort, costs)
    quantile = [(jnp.arange(cost.size, dtype=cost.dtype) + 0.5) / cost.size for cost in costs]
    limit = jnp.asarray(limit, source.dtype)
    return jnp.interp(jnp.interp(limit, source, quantile[0]), quantile[1], target)
