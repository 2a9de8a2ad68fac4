"""Splits of tasks into past and new ones, and of a task's rows into support and query."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.tasks.leakage import Evaluations, refuse_leakage
from nmjax.tasks.suites.suite import Suite
from nmjax.types import Array


class Split(NamedTuple):
    """Source tasks and the target task of a suite.

    Attributes:
      sources: S names.
      target: Name of the target.
      source_indices: Rows of the sources in the suite's tables, int32[S].
      target_index: Row of the target in the suite's tables.

    Example:
      >>> from nmjax.tasks import leave_one_out, load_suite
      >>> split = leave_one_out(load_suite("nas-bench-201"), "cifar10")
      >>> split.sources, split.target_index
      (('cifar100', 'imagenet'), 0)
    """

    sources: tuple[str, ...]
    target: str
    source_indices: np.ndarray
    target_index: int


class Episode(NamedTuple):
    """Disjoint support and query rows of each task.

    Rows that a task lacks have x = 0, y = 0 and mask False.

    Attributes:
      support_x: float[..., S, D].
      support_y: float[..., S].
      query_x: float[..., Q, D].
      query_y: float[..., Q].
      support_mask: bool[..., S].
      query_mask: bool[..., Q].

    Example:
      >>> import jax
      >>> from nmjax.tasks import CurveRanges, sample_curves
      >>> episode = sample_curves(
      ...     jax.random.key(0), CurveRanges(), tasks=4, support=5, query=10)
      >>> episode.support_x.shape, episode.query_y.shape
      ((4, 5, 1), (4, 10))
    """

    support_x: Array
    support_y: Array
    query_x: Array
    query_y: Array
    support_mask: Array
    query_mask: Array


def make_split(suite: Suite, sources: Sequence[str], target: str) -> Split:
    """Return the split into the given sources and target.

    Raises:
      NmjaxError: A task is unknown or repeated, there is no source, or a source is the target, by
        name or by having the same scores.

    Example:
      >>> from nmjax.tasks import load_suite, make_split
      >>> make_split(load_suite("nas-bench-201"), ["cifar10"], "imagenet").source_indices.tolist()
      [0]
    """
    for task in (*sources, target):
        if task not in suite.tasks:
            raise unknown_name("task", task, suite.tasks)
    if not sources:
        raise NmjaxError(f"Target {target!r} of {suite.name!r} has no sources left, expected one.")
    _check_apart(sources, (target,))
    indices = np.array([suite.tasks.index(task) for task in sources], np.int32)
    target_index = suite.tasks.index(target)
    refuse_leakage(
        _evaluations(suite, indices),
        _evaluations(suite, np.array([target_index])),
        training_names=sources,
        evaluation_names=(target,),
    )
    return Split(tuple(sources), target, indices, target_index)


def leave_one_out(suite: Suite, target: str) -> Split:
    """Return the split with every other task of the suite as a source.

    Raises:
      NmjaxError: The target is unknown, or the suite has no other task.

    Example:
      >>> from nmjax.tasks import leave_one_out, load_suite
      >>> leave_one_out(load_suite("nas-bench-201"), "imagenet").sources
      ('cifar10', 'cifar100')
    """
    return make_split(suite, [task for task in suite.tasks if task != target], target)


def leave_family_out(suite: Suite, target: str) -> Split:
    """Return the split with every task of the other families as a source.

    Raises:
      NmjaxError: The target is unknown, or the suite has no other family.

    Example:
      >>> from nmjax.tasks import leave_family_out, load_suite
      >>> leave_family_out(load_suite("nas-bench-graph"), "cora").sources
      ('cs', 'physics', 'photo', 'computers', 'arxiv')
    """
    siblings = {task for family in suite.families if target in family for task in family}
    return make_split(suite, [task for task in suite.tasks if task not in siblings], target)


def fold_tasks(
    key: Array,
    tasks: Sequence[str],
    families: Sequence[Sequence[str]] | None = None,
    *,
    folds: int = 4,
) -> np.ndarray:
    """Assign tasks to random folds for cross-fitting, each family as a whole: int[T].

    Folds differ by at most one family. There are fewer of them if there are fewer families.

    Args:
      key: Random key.
      tasks: T names.
      families: Related tasks grouped, as in `Suite.families`; may contain other tasks. By default,
        and if all tasks are of one family, each task is its own family.
      folds: Number of folds, at least two.

    Raises:
      NmjaxError: A task is repeated, or not in exactly one family; there are fewer than two tasks
        or folds.

    Example:
      >>> import jax
      >>> from nmjax.tasks import fold_tasks
      >>> sorted(fold_tasks(jax.random.key(0), ["a", "b", "c", "d"], folds=2).tolist())
      [0, 0, 1, 1]
    """
    _check_apart(tasks, ())
    families = [(task,) for task in tasks] if families is None else families
    for task in tasks:
        count = sum(task in family for family in families)
        if count != 1:
            raise NmjaxError(f"Task {task!r} is in {count} families, expected exactly one.")
    if len(tasks) < 2 or folds < 2:
        raise NmjaxError(f"Got {len(tasks)} tasks and {folds} folds; give at least two of each.")
    present = [family for family in families if set(family) & set(tasks)]
    present = present if len(present) > 1 else [(task,) for task in tasks]
    order = np.asarray(jax.random.permutation(key, len(present)))
    fold_of = {
        task: int(place) % folds
        for family, place in zip(present, order, strict=True)
        for task in family
    }
    return np.array([fold_of[task] for task in tasks])


def support_query_masks(key: Array, mask: Array, support: Array | int) -> tuple[Array, Array]:
    """Split the rows where `mask` is True into random disjoint support and query masks.

    Args:
      key: Random key; draws are independent along leading axes.
      mask: Rows to draw from, bool[..., M].
      support: Number of support rows, an int or an int array that broadcasts with [..., 1]. All
        rows if there are fewer. The query gets the rest.

    Returns:
      (support, query), each bool[..., M].

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.tasks import support_query_masks
      >>> support, query = support_query_masks(jax.random.key(0), jnp.ones(5, bool), 2)
      >>> int(support.sum()), int(query.sum()), bool((support & query).any())
      (2, 3, False)
    """
    rank = jnp.argsort(jnp.argsort(-_priority(key, mask), axis=-1), axis=-1)
    chosen = mask & (rank < support)
    return chosen, mask & ~chosen


def sample_episode(
    key: Array, x: Array, y: Array, mask: Array, *, support: int, query: int
) -> Episode:
    """Draw random disjoint support and query rows of each task, from those with a score.

    The support is filled first if a task has few rows.

    Args:
      key: Random key; draws are independent along leading axes.
      x: Encodings, float[..., M, D].
      y: Scores, float[..., M]; failed evaluations, which are NaN, are not drawn.
      mask: bool[..., M], False where a row is padding.
      support: Number S of support rows, static.
      query: Number Q of query rows, static.

    Raises:
      NmjaxError: S or Q is not positive, or their sum is greater than M.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.tasks import sample_episode
      >>> x, y, mask = jnp.zeros((3, 9, 2)), jnp.zeros((3, 9)), jnp.ones((3, 9), bool)
      >>> sample_episode(jax.random.key(0), x, y, mask, support=4, query=5).query_x.shape
      (3, 5, 2)
    """
    if support < 1 or query < 1 or support + query > y.shape[-1]:
        raise NmjaxError(
            f"Got support {support} and query {query}, expected positive sizes whose sum is at "
            f"most {y.shape[-1]}, the number of rows of a task."
        )
    usable = mask & ~jnp.isnan(y)
    _, row = jax.lax.top_k(_priority(key, usable), support + query)
    known = jnp.take_along_axis(usable, row, axis=-1)
    drawn_y = jnp.where(known, jnp.take_along_axis(y, row, axis=-1), 0)
    drawn_x = jnp.take_along_axis(x, row[..., None], axis=-2)
    drawn_x = jnp.where(known[..., None], drawn_x, 0)
    return Episode(
        support_x=drawn_x[..., :support, :],
        support_y=drawn_y[..., :support],
        query_x=drawn_x[..., support:, :],
        query_y=drawn_y[..., support:],
        support_mask=known[..., :support],
        query_mask=known[..., support:],
    )


def _priority(key: Array, mask: Array) -> Array:
    """Return uniform numbers in [0, 1) where `mask` is True, -1 elsewhere: float32[..., M]."""
    return jnp.where(mask, jax.random.uniform(key, mask.shape), -1.0)


def _evaluations(suite: Suite, rows: np.ndarray) -> Evaluations:
    y = suite.metrics[suite.score_metric][rows]
    x = np.broadcast_to(np.arange(y.shape[1]), y.shape)
    return x, y, np.ones_like(y, bool)


def _check_apart(one: Sequence[str], other: Sequence[str]) -> None:
    for task in (*one, *other):
        if [*one, *other].count(task) > 1:
            raise NmjaxError(
                f"Task {task!r} is named twice, expected each task once, either as a source or as "
                "the target."
            )
