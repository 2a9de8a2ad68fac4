"""Comparison of methods over tasks (ranks, Friedman's test, groups), and clusters of tasks.

Demšar, 2006, "Statistical comparisons of classifiers over multiple data sets", JMLR 7. Lower values
are better, as for regret.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import chi2
from numpy.typing import ArrayLike

from nmjax.errors import NmjaxError, check_shape
from nmjax.stats import check_level, mean_interval, rank
from nmjax.types import Array


class Friedman(NamedTuple):
    """Test of the hypothesis that all methods are alike.

    Attributes:
      statistic: float[], chi-squared with K - 1 degrees of freedom; NaN where all values tie.
      p_value: float[].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import friedman
      >>> values = jnp.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
      >>> bool(friedman(values).p_value < 0.05)
      True
    """

    statistic: Array
    p_value: Array


def average_ranks(values: Array) -> Array:
    """Ranks float[K] of methods, 1 for the lowest, within each task and averaged over tasks.

    Args:
      values: float[T, K], for instance mean regret over seeds; ties get their average rank.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import average_ranks
      >>> average_ranks(jnp.array([[0.1, 0.3, 0.2], [0.2, 0.2, 0.1]]))
      Array([1.75, 2.75, 1.5 ], dtype=float32)
    """
    check_shape("values", jnp.shape(values), (None, None))
    return jnp.mean(rank(values), axis=0)


def friedman(values: Array) -> Friedman:
    """Friedman's test on float[T, K], corrected for ties (Conover, 1999, section 5.8).

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import friedman
      >>> float(friedman(jnp.array([[1.0, 2.0], [2.0, 1.0]])).statistic)
      0.0
    """
    check_shape("values", jnp.shape(values), (None, None))
    methods = values.shape[-1]
    ranks = rank(values)
    center = 0.5 * (methods + 1)
    between = jnp.sum(jnp.square(jnp.sum(ranks - center, axis=0)))
    within = jnp.sum(jnp.square(ranks - center))
    statistic = (methods - 1) * between / jnp.where(within > 0, within, jnp.nan)
    return Friedman(statistic, chi2.sf(statistic, methods - 1))


def critical_difference(methods: int, tasks: int, *, level: float = 0.95) -> float:
    """Smallest significant difference of two average ranks, by Nemenyi's test.

    Demšar (2006), section 3.2.2.

    Args:
      methods: Number of methods, K.
      tasks: Number of tasks, T.
      level: Confidence level, for all pairs at once.

    Raises:
      NmjaxError: fewer than two methods, no task, or a level outside (0, 1).

    Example:
      >>> from nmjax.analysis import critical_difference
      >>> round(critical_difference(5, 20), 2)
      1.36
    """
    from scipy.stats import studentized_range  # This import is slow.

    check_level(level)
    if methods < 2 or tasks < 1:
        raise NmjaxError(
            f"Got {methods} methods and {tasks} tasks, expected at least 2 and 1: give more "
            "of either."
        )
    quantile = studentized_range.ppf(level, methods, np.inf)
    return float(quantile / np.sqrt(2) * np.sqrt(methods * (methods + 1) / (6 * tasks)))


def differ_by_mean(key: Array, values: Sequence[Array], *, resamples: int = 2000) -> np.ndarray:
    """Pairs of methods whose means differ, bool[K, K], by paired bootstrap over tasks and seeds.

    Two methods differ where the 95% interval of their difference excludes 0. Pairs are compared one
    by one, without correction for their number, on the seeds that both have.

    Args:
      key: PRNG key of the bootstrap, shared by all pairs.
      values: K arrays float[T, S] on the same tasks; of a method with more seeds, the first ones
        are used.
      resamples: Number of resamples.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import differ_by_mean
      >>> values = [jnp.zeros((2, 3)), jnp.ones((2, 3))]
      >>> differ_by_mean(jax.random.key(0), values, resamples=50).tolist()
      [[False, True], [True, False]]
    """
    differ = np.zeros((len(values), len(values)), bool)
    for one, other in combinations(range(len(values)), 2):
        seeds = min(values[one].shape[1], values[other].shape[1])
        difference = values[one][:, :seeds] - values[other][:, :seeds]
        _, low, high = mean_interval(jax.random.clone(key), difference, resamples=resamples)
        differ[one, other] = differ[other, one] = bool((low > 0) | (high < 0))
    return differ


def indistinct_groups(position: ArrayLike, differ: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Maximal groups of methods, consecutive in position, within which no two differ.

    Args:
      position: float[K], for instance average ranks; NaN comes last.
      differ: bool[K, K], symmetric.

    Returns:
      Indices of the methods of each group, lowest position first; groups of one are omitted.

    Example:
      >>> import numpy as np
      >>> from nmjax.analysis import indistinct_groups
      >>> differ = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], bool)
      >>> indistinct_groups([1.0, 2.0, 3.0], differ)
      ((0, 1), (1, 2))
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


def cluster_tasks(similarity: ArrayLike) -> np.ndarray:
    """Cluster T tasks hierarchically, by average linkage on 1 - similarity.

    Args:
      similarity: float[T, T], symmetric and at most 1.

    Returns:
      float[T - 1, 4], SciPy's linkage; leaves are ordered so that neighbors are as similar as the
      tree allows (Bar-Joseph, Gifford and Jaakkola, 2001).

    Raises:
      NmjaxError: there are fewer than two tasks, or the similarity is not square, finite and
        symmetric.

    Example:
      >>> from nmjax.analysis import cluster_tasks
      >>> cluster_tasks([[1.0, 0.75], [0.75, 1.0]]).tolist()
      [[0.0, 1.0, 0.25, 2.0]]
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    values = np.asarray(similarity, float)
    if values.ndim != 2 or len(values) < 2 or values.shape != values.T.shape:
        raise NmjaxError(
            f"Got similarities {list(values.shape)}, expected float[T, T] of at least two tasks: "
            "give one similarity for each pair."
        )
    if not np.allclose(values, values.T, atol=1e-5):
        raise NmjaxError(
            "Got similarities that are not finite and symmetric: give the mean of the two "
            "directions of each pair."
        )
    distance = np.maximum(1 - 0.5 * (values + values.T), 0)
    tree: np.ndarray = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return tree
