"""Choice of the next row from acquisition values."""

import jax.numpy as jnp
from jax.typing import ArrayLike

from nmjax.types import Array


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
