"""Interval estimates from draws."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.types import Array, PyTree


class Interval(NamedTuple):
    """An estimate with the two ends of its interval.

    Attributes:
      estimate: float[...], the statistic of the data as they are.
      low: float[...], the lower end.
      high: float[...], the upper end.

    Example:
      >>> from nmjax.stats import Interval
      >>> Interval(0.5, 0.4, 0.6).high
      0.6
    """

    estimate: Array
    low: Array
    high: Array


def check_level(level: float) -> None:
    """Validate the level of an interval.

    Raises:
      NmjaxError: `level` is not inside (0, 1).

    Example:
      >>> from nmjax.stats import check_level
      >>> check_level(0.95)
    """
    if not 0 < level < 1:
        raise NmjaxError(f"Got level={level}, expected one inside (0, 1): give for instance 0.95.")


def central_range(draws: Array, *, level: float = 0.95) -> tuple[Array, Array]:
    """Quantiles float[...] between which a share `level` of draws float[S, ...] lies.

    The same share lies below and above.

    Raises:
      NmjaxError: the level is outside (0, 1).

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import central_range
      >>> low, high = central_range(jnp.arange(101.0), level=0.9)
      >>> round(float(low)), round(float(high))
      (5, 95)
    """
    check_level(level)
    tail = 0.5 * (1 - level)
    low, high = jnp.quantile(draws, jnp.array([tail, 1 - tail]), axis=0)
    return low, high


def draws_interval(draws: PyTree, *, level: float = 0.95) -> PyTree:
    """Mean and central interval of draws, for each leaf of a pytree.

    Args:
      draws: a pytree of float[S, ...], S draws of a posterior or S repeated evaluations.
      level: Level of the interval.

    Returns:
      The tree with an `Interval` of float[...] in place of each leaf: the mean of the draws and the
      quantiles around it.

    Raises:
      NmjaxError: the level is outside (0, 1).

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import draws_interval
      >>> draws_interval(jnp.arange(101.0)).estimate
      Array(50., dtype=float32)
    """

    def interval(leaf: Array) -> Interval:
        return Interval(jnp.mean(leaf, axis=0), *central_range(leaf, level=level))

    return jax.tree.map(interval, draws)
