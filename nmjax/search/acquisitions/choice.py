"""Which row the values of an acquisition choose."""

import jax.numpy as jnp

from nmjax.types import Array


def argmax_unevaluated(value: Array, evaluated: Array) -> Array:
    """The row int32[] of the largest value that has not been evaluated.

    NaN is worth as little as -inf, yet more than any row that has been evaluated.

    Args:
      value: float[N].
      evaluated: bool[N]; where all are, the row means nothing.
    """
    known = jnp.nan_to_num(value, nan=jnp.finfo(value.dtype).min)
    return jnp.argmax(jnp.where(evaluated, -jnp.inf, known)).astype(jnp.int32)
