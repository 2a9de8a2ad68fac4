"""Which of several methods differ over tasks: average ranks, Friedman's test, groups.

Demšar, 2006, "Statistical comparisons of classifiers over multiple data sets", JMLR 7. What is
ranked is lower for the better, as regret is.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import chi2
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.stats import check_level, mean_interval, rank
from nmjax.types import Array


class Friedman(NamedTuple):
    """A test of whether all methods are alike.

    Attributes:
      statistic: float[], chi-squared with K - 1 degrees of freedom; NaN where all blocks tie.
      p_value: float[].
    """

    statistic: Array
    p_value: Array


def average_ranks(values: Array) -> Array:
    """Ranks float[K] of methods, 1 for the lowest, within each task and averaged over tasks.

    Args:
      values: float[T, K], for instance mean regret over seeds; ties rank at their average.
    """
    return jnp.mean(rank(values), axis=0)


def friedman(values: Array) -> Friedman:
    """Friedman's test, corrected for ties (Conover, 1999, section 5.8), of float[T, K]."""
    methods = values.shape[-1]
    ranks = rank(values)
    center = 0.5 * (methods + 1)
    between = jnp.sum(jnp.square(jnp.sum(ranks - center, axis=0)))
    within = jnp.sum(jnp.square(ranks - center))
    statistic = (methods - 1) * between / jnp.where(within > 0, within, jnp.nan)
    return Friedman(statistic, chi2.sf(statistic, methods - 1))


def critical_difference(methods: int, tasks: int, *, level: float = 0.95) -> float:
    """By how much two average ranks must differ, by Nemenyi's test (Demšar, 2006, section 3.2.2).

    Args:
      methods: K of them.
      tasks: T of them.
      level: of confidence, for all pairs at once.

    Raises:
      NmjaxError: fewer than two methods, no task, or a level outside (0, 1).
    """
    from scipy.stats import studentized_range

    check_level(level)
    if methods < 2 or tasks < 1:
        raise NmjaxError(f"Got {methods} methods and {tasks} tasks; expected at least 2 and 1.")
    quantile = studentized_range.ppf(level, methods, np.inf)
    return float(quantile / np.sqrt(2) * np.sqrt(methods * (methods + 1) / (6 * tasks)))


def differ_by_mean(key: Array, values: Sequence[Array], *, resamples: int = 2000) -> np.ndarray:
    """Which methods differ in mean, bool[K, K], by paired bootstrap over tasks and seeds.

    Two do where the 95% interval of their difference leaves out 0; each pair by itself and on the
    seeds that both have, so of 20 pairs that are alike one is expected to.

    Args:
      key: of the bootstrap, the same for all pairs.
      values: K of float[T, S], the same tasks for all; the first seeds of one with more are those
        of one with fewer.
      resamples: how many.
    """
    differ = np.zeros((len(values), len(values)), bool)
    for one, other in combinations(range(len(values)), 2):
        seeds = min(values[one].shape[1], values[other].shape[1])
        difference = values[one][:, :seeds] - values[other][:, :seeds]
        _, low, high = mean_interval(jax.random.clone(key), difference, resamples=resamples)
        differ[one, other] = differ[other, one] = bool((low > 0) | (high < 0))
    return differ


def indistinct_groups(position: ArrayLike, differ: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """The longest runs of methods, in order of their position, of which no two differ.

    Args:
      position: float[K], for instance average ranks; NaN comes last.
      differ: bool[K, K], symmetric.

    Returns:
      Indices of each run's methods, the lowest position first; runs of one are left out.
    """
    order = np.argsort(np.asarray(position), kind="stable")
    ordered = np.asarray(differ)[np.ix_(order, order)]
    groups: list[tuple[int, ...]] = []
    reached = 0
    for first in range(len(order)):
        last = first + 1
        while last < len(order) and not ordered[first:last, last].any():
            last += 1
        if last > max(reached, first + 1):
            groups.append(tuple(int(index) for index in order[first:last]))
            reached = last
    return tuple(groups)
