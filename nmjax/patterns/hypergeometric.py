"""Tail probabilities of the hypergeometric distribution, accurate in single precision."""

import math

import jax.numpy as jnp
import numpy as np

from nmjax.types import Array

# log k! - (k log k - k) for small k, where Stirling's series is too inaccurate.
_REMAINDER = np.array([0.0] + [math.lgamma(k + 1) - k * math.log(k) + k for k in range(1, 16)])


def tail_probabilities(table: Array, *, rows: int) -> tuple[Array, Array]:
    """Tail probabilities P(K >= k) and P(K <= k) of the first cell k of a table, given its margins.

    The mass function is computed from deviances of the cells from their expectations (Loader 2000),
    in which the large terms of the factorials cancel, so that single precision suffices.

    Args:
      table: float[2, 2], counts.
      rows: Maximum of the first cell.
    """
    side, motif, total = jnp.sum(table, axis=1), jnp.sum(table, axis=0), jnp.sum(table)
    expected = side[:, None] * motif[None] / jnp.maximum(total, 1)
    first = jnp.arange(rows + 1, dtype=table.dtype)
    cells = [first, side[0] - first, motif[0] - first, side[1] - motif[0] + first]
    possible = jnp.stack(cells).min(axis=0) >= 0
    log_mass = -sum(
        _remainder(cell) + _deviance(cell, mean)
        for cell, mean in zip(cells, expected.ravel(), strict=True)
    )
    log_mass = jnp.where(possible, log_mass, -jnp.inf)
    mass = jnp.exp(log_mass - jnp.max(log_mass))
    above = jnp.sum(jnp.where(first >= table[0, 0], mass, 0))
    below = jnp.sum(jnp.where(first <= table[0, 0], mass, 0))
    return above / jnp.sum(mass), below / jnp.sum(mass)


def _remainder(count: Array) -> Array:
    """log k! - (k log k - k) of whole counts k; Stirling's series from 16 on."""
    small = jnp.asarray(_REMAINDER, count.dtype)[jnp.clip(count, 0, 15).astype(jnp.int32)]
    large = jnp.maximum(count, 16)
    series = 1 / (12 * large) - 1 / (360 * large**3)
    return jnp.where(count < 16, small, 0.5 * jnp.log(2 * jnp.pi * large) + series)


def _deviance(count: Array, mean: Array) -> Array:
    """k log(k / m) + m - k, which is m where k is 0."""
    excess = (count - mean) / jnp.where(mean > 0, mean, 1)
    some = jnp.where(count > 0, excess, 0)
    return jnp.where(count > 0, mean * ((1 + some) * jnp.log1p(some) - some), mean)
