"""The row that the values of an acquisition choose."""

import jax.numpy as jnp
from jax.typing import ArrayLike

from nmjax.types import Array


def argmax_unevaluated(value: Array, evaluated: Array, otherwise: ArrayLike = 0) -> Array:
    """The row int32[] of the largest value that has not been evaluated.

    NaN counts as -inf, which is still more than any row that has been evaluated.

    Args:
      value: float[N].
      evaluated: bool[N]; if all are, the row is meaningless.
      otherwise: int32[], row after which the next unevaluated one is taken, cyclically, if all
        values are NaN.
    """
    known = jnp.nan_to_num(value, nan=jnp.finfo(value.dtype).min)
    best = jnp.argmax(jnp.where(evaluated, -jnp.inf, known))
    ahead = (jnp.arange(len(value), dtype=jnp.int32) - otherwise) % len(value)
    next_one = jnp.argmin(jnp.where(evaluated, len(value), ahead))
    anything = jnp.any(~evaluated & ~jnp.isnan(value))
    return jnp.where(anything, best, next_one).astype(jnp.int32)
