"""Optimal transport between distributions of one variable."""

import jax.numpy as jnp

from nmjax.types import Array


def wasserstein(a: Array, b: Array, a_weight: Array, b_weight: Array) -> Array:
    """Wasserstein-1 distance float[] of two weighted samples.

    The area between their distribution functions (Vallender, 1974). A point of weight 0 does not
    count, but must be finite.

    Args:
      a: float[A].
      b: float[B].
      a_weight: float[A], non-negative, of sum 1.
      b_weight: float[B], non-negative, of sum 1.
    """
    points = jnp.concatenate([a, b])
    order = jnp.argsort(points)
    excess = jnp.cumsum(jnp.concatenate([a_weight, -b_weight])[order])
    return jnp.sum(jnp.abs(excess[:-1]) * jnp.diff(points[order]))
