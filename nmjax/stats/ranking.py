"""Ranks and rank correlations."""

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.types import Array


def rank(x: Array, mask: Array | None = None) -> Array:
    """Ranks along the last axis, 1 for the smallest, ties at their average.

    Args:
      x: float[..., N]; NaN is a failed evaluation and has no rank.
      mask: bool[..., N], False where x is padding; every row by default.

    Returns:
      float[..., N]; NaN where masked or failed.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import rank
      >>> rank(jnp.array([3.0, 1.0, 3.0]))
      Array([2.5, 1. , 2.5], dtype=float32)
    """
    x = jnp.asarray(x, jnp.result_type(float))
    valid = _valid(x, mask)

    def one(x: Array, valid: Array) -> Array:
        ordered = jnp.sort(jnp.where(valid, x, jnp.inf))
        below = jnp.searchsorted(ordered, x, side="left")
        upto = jnp.minimum(jnp.searchsorted(ordered, x, side="right"), jnp.sum(valid))
        return jnp.where(valid, 0.5 * (below + upto + 1).astype(x.dtype), jnp.nan)

    ranks: Array = jnp.vectorize(one, signature="(n),(n)->(n)")(x, valid)
    return ranks


def spearman(a: Array, b: Array, mask: Array | None = None) -> Array:
    """Spearman's rank correlation of a and b along the last axis; ties get average ranks.

    Args:
      a: float[..., N].
      b: float[..., N]; broadcasts with `a`.
      mask: bool[..., N], False where rows are padding.

    Returns:
      float[...] over the rows where neither is NaN or masked; NaN where a side is constant.

    Raises:
      NmjaxError: the last axes differ.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import spearman
      >>> round(float(spearman(jnp.array([1.0, 2.0, 3.0]), jnp.array([1.0, 3.0, 2.0]))), 2)
      0.5
    """
    a, b, valid = _pair(a, b, mask)
    count = jnp.maximum(jnp.sum(valid, axis=-1, keepdims=True), 1).astype(a.dtype)

    def centered(x: Array) -> Array:
        # Ranks 1..n, ties averaged or not, have the mean (n + 1) / 2.
        return jnp.where(valid, rank(x, valid) - 0.5 * (count + 1), 0) / count

    a, b = centered(a), centered(b)
    variances = jnp.sum(a * a, axis=-1) * jnp.sum(b * b, axis=-1)
    return _ratio(jnp.sum(a * b, axis=-1), jnp.sqrt(variances))


def kendall(a: Array, b: Array, mask: Array | None = None) -> Array:
    """Kendall's tau-b of a and b along the last axis, in O(N^2) time and O(N) memory.

    Arguments and result are those of `spearman`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import kendall
      >>> round(float(kendall(jnp.array([1.0, 2.0, 3.0]), jnp.array([1.0, 3.0, 2.0]))), 2)
      0.33
    """
    a, b, valid = _pair(a, b, mask)

    def one(a: Array, b: Array, valid: Array) -> Array:
        def row(totals: Array, i: Array) -> tuple[Array, None]:
            paired = valid & valid[i]
            sign_a = jnp.where(paired, jnp.sign(a - a[i]), 0)
            sign_b = jnp.where(paired, jnp.sign(b - b[i]), 0)
            products = jnp.stack([sign_a @ sign_b, sign_a @ sign_a, sign_b @ sign_b])
            return totals + products / a.size, None

        totals, _ = jax.lax.scan(row, jnp.zeros(3, a.dtype), jnp.arange(a.size))
        return _ratio(totals[0], jnp.sqrt(totals[1] * totals[2]))

    tau: Array = jnp.vectorize(one, signature="(n),(n),(n)->()")(a, b, valid)
    return tau


def _valid(x: Array, mask: Array | None) -> Array:
    return ~jnp.isnan(x) if mask is None else ~jnp.isnan(x) & jnp.broadcast_to(mask, x.shape)


def _pair(a: Array, b: Array, mask: Array | None) -> tuple[Array, Array, Array]:
    """Both sides, and the rows to compare, broadcast to one shape."""
    dtype = jnp.result_type(float)
    a, b = jnp.asarray(a, dtype), jnp.asarray(b, dtype)
    if not (a.ndim and b.ndim and a.shape[-1] == b.shape[-1]):
        raise NmjaxError(
            f"Got shapes {list(a.shape)} and {list(b.shape)}, expected the same last axis: give "
            "both sides of each pair."
        )
    a, b = jnp.broadcast_arrays(a, b)
    return a, b, _valid(a, mask) & _valid(b, mask)


def _ratio(numerator: Array, denominator: Array) -> Array:
    safe = jnp.where(denominator > 0, denominator, 1)
    return jnp.where(denominator > 0, numerator / safe, jnp.nan)
