"""Intervals: an estimate between the quantiles of draws."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.types import Array, PyTree


class Interval(NamedTuple):
    """An estimate and its confidence interval.

    Attributes:
      estimate: float[...], the statistic of the values as they are.
      low: float[...], the lower end.
      high: float[...], the upper end.
    """

    estimate: Array
    low: Array
    high: Array


def check_level(level: float) -> None:
    """Refuses what is no probability that an interval could have.

    Raises:
      NmjaxError: `level` is not inside (0, 1).
    """
    if not 0 < level < 1:
        raise NmjaxError(f"Got level={level}, expected one inside (0, 1): give for instance 0.95.")


def central_range(draws: Array, *, level: float = 0.95) -> tuple[Array, Array]:
    """The ends float[...] between which lies a share `level` of draws float[S, ...].

    As many lie below as above.

    Raises:
      NmjaxError: the level is outside (0, 1).
    """
    check_level(level)
    tail = 0.5 * (1 - level)
    low, high = jnp.quantile(draws, jnp.array([tail, 1 - tail]), axis=0)
    return low, high


def draws_interval(draws: PyTree, *, level: float = 0.95) -> PyTree:
    """What draws of a posterior, or repeated evaluations, say of a number derived from each.

    Args:
      draws: a pytree of float[S, ...], the number derived from each of S draws.
      level: of the interval.

    Returns:
      The tree with an `Interval` of float[...] in each leaf: the mean of the draws between
      quantiles.

    Raises:
      NmjaxError: the level is outside (0, 1).
    """

    def interval(leaf: Array) -> Interval:
        return Interval(jnp.mean(leaf, axis=0), *central_range(leaf, level=level))

    return jax.tree.map(interval, draws)
