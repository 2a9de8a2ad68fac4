"""Exact intervals of a binomial proportion."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.scipy.special import betainc

from nmjax.stats.interval import Interval, check_level
from nmjax.types import Array

_HALVINGS = 40


@partial(jax.jit, static_argnames="level")
def clopper_pearson(count: Array, number: Array, *, level: float = 0.95) -> Interval:
    """Exact interval of a probability, given `count` successes in `number` independent trials.

    Unlike a bootstrap interval, it has positive width where no trial or every trial succeeded
    (Clopper and Pearson, 1934).

    Args:
      count: int[...], 0 to `number`.
      number: int[...]; without any trial the estimate is NaN, between 0 and 1.
      level: Level of the interval.

    Raises:
      NmjaxError: the level is outside (0, 1).

    Example:
      >>> from nmjax.stats import clopper_pearson
      >>> round(float(clopper_pearson(0, 10).high), 3)
      0.308
    """
    check_level(level)
    dtype = jnp.result_type(float)
    count, number = jnp.broadcast_arrays(jnp.asarray(count, dtype), jnp.asarray(number, dtype))
    tail = 0.5 * (1 - level)
    # P(at least k) = betainc(k, n - k + 1, p) rises in p; the ends are where it, and P(at most k),
    # are as small as the tail.
    low = _root(jnp.maximum(count, 1), jnp.maximum(number - count + 1, 1), tail)
    high = _root(jnp.maximum(count + 1, 1), jnp.maximum(number - count, 1), 1 - tail)
    estimate = jnp.where(number > 0, count / jnp.maximum(number, 1), jnp.nan)
    return Interval(estimate, jnp.where(count > 0, low, 0), jnp.where(count < number, high, 1))


def _root(a: Array, b: Array, value: float) -> Array:
    """The p at which betainc(a, b, p) equals `value`, by bisection."""

    def halve(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = 0.5 * (low + high)
        above = betainc(a, b, middle) > value
        return jnp.where(above, low, middle), jnp.where(above, middle, high)

    low, high = jax.lax.fori_loop(0, _HALVINGS, halve, (jnp.zeros_like(a), jnp.ones_like(a)))
    root: Array = 0.5 * (low + high)
    return root
