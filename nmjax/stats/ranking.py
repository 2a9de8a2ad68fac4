"""Ranks and rank correlations."""

import jax
import jax.numpy as jnp

from nmjax.types import Array


def rank(x: Array, mask: Array | None = None) -> Array:
    """Ranks along the last axis, 1 for the smallest, ties at their average.

    Args:
      x: float[..., N]; NaN is a failed evaluation and has no rank.
      mask: bool[..., N], False where x is padding; every row by default.

    Returns:
      float[..., N]; NaN where masked or failed.
    """
    x = jnp.asarray(x, jnp.result_type(float))
    valid = _valid(x, mask)

    def one(x, valid):
        ordered = jnp.sort(jnp.where(valid, x, jnp.inf))
        below = jnp.searchsorted(ordered, x, side="left")
        upto = jnp.minimum(jnp.searchsorted(ordered, x, side="right"), jnp.sum(valid))
        return jnp.where(valid, 0.5 * (below + upto + 1).astype(x.dtype), jnp.nan)

    return jnp.vectorize(one, signature="(n),(n)->(n)")(x, valid)


def spearman(a: Array, b: Array, mask: Array | None = None) -> Array:
    """Spearman's rank correlation of a and b along the last axis, ties at average ranks.

    Args:
      a: float[..., N].
      b: float[..., N]; broadcasts with `a`.
      mask: bool[..., N], False where rows are padding.

    Returns:
      float[...] over the rows where neither is NaN or masked; NaN where a side is constant.
    """
    a, b, valid = _pair(a, b, mask)
    count = jnp.maximum(jnp.sum(valid, axis=-1, keepdims=True), 1).astype(a.dtype)

    def centered(x):
        # Ranks 1..n, ties averaged or not, have the mean (n + 1) / 2.
        return jnp.where(valid, rank(x, valid) - 0.5 * (count + 1), 0) / count

    a, b = centered(a), centered(b)
    variances = jnp.sum(a * a, axis=-1) * jnp.sum(b * b, axis=-1)
    return _ratio(jnp.sum(a * b, axis=-1), jnp.sqrt(variances))


def kendall(a: Array, b: Array, mask: Array | None = None) -> Array:
    """Kendall's tau-b of a and b along the last axis, in O(N^2) time and O(N) memory.

    Arguments and result are those of `spearman`.
    """
    a, b, valid = _pair(a, b, mask)

    def one(a, b, valid):
        def row(totals, i):
            paired = valid & valid[i]
            sign_a = jnp.where(paired, jnp.sign(a - a[i]), 0)
            sign_b = jnp.where(paired, jnp.sign(b - b[i]), 0)
            products = jnp.stack([sign_a @ sign_b, sign_a @ sign_a, sign_b @ sign_b])
            return totals + products / a.size, None

        totals, _ = jax.lax.scan(row, jnp.zeros(3, a.dtype), jnp.arange(a.size))
        return _ratio(totals[0], jnp.sqrt(totals[1] * totals[2]))

    return jnp.vectorize(one, signature="(n),(n),(n)->()")(a, b, valid)


def _valid(x: Array, mask: Array | None) -> Array:
    return ~jnp.isnan(x) if mask is None else ~jnp.isnan(x) & jnp.broadcast_to(mask, x.shape)


def _pair(a: Array, b: Array, mask: Array | None) -> tuple[Array, Array, Array]:
    """Both sides and the rows to compare, in one shape."""
    dtype = jnp.result_type(float)
    a, b = jnp.broadcast_arrays(jnp.asarray(a, dtype), jnp.asarray(b, dtype))
    return a, b, _valid(a, mask) & _valid(b, mask)


def _ratio(numerator: Array, denominator: Array) -> Array:
    safe = jnp.where(denominator > 0, denominator, 1)
    return jnp.where(denominator > 0, numerator / safe, jnp.nan)
