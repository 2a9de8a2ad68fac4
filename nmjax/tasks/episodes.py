"""Which tasks teach and which examine; and, within a task, support and query."""

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
    """The tasks of the past and the new one.

    Attributes:
      sources: S names.
      target: a name.
      source_indices: int32[S], rows of the suite's tables.
      target_index: row of the suite's tables.
    """

    sources: tuple[str, ...]
    target: str
    source_indices: np.ndarray
    target_index: int


class Episode(NamedTuple):
    """Disjoint draws from each task; a task with too few rows has False in its masks, x and y 0.

    Attributes:
      support_x: float[..., S, D].
      support_y: float[..., S].
      query_x: float[..., Q, D].
      query_y: float[..., Q].
      support_mask: bool[..., S].
      query_mask: bool[..., Q].
    """

    support_x: Array
    support_y: Array
    query_x: Array
    query_y: Array
    support_mask: Array
    query_mask: Array


def make_split(suite: Suite, sources: Sequence[str], target: str) -> Split:
    """The split of chosen tasks.

    Raises:
      NmjaxError: an unknown task, no source, a repeated one, or the target among the sources, under
        its own name or with the same scores under another.
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
        teaching_names=sources,
        examining_names=(target,),
    )
    return Split(tuple(sources), target, indices, target_index)


def leave_one_out(suite: Suite, target: str) -> Split:
    """Every other task is a source.

    Raises:
      NmjaxError: an unknown target, or the suite has no other task.
    """
    return make_split(suite, [task for task in suite.tasks if task != target], target)


def leave_family_out(suite: Suite, target: str) -> Split:
    """Every task that is no sibling of the target is a source.

    Raises:
      NmjaxError: an unknown target, or the suite has no other family.
    """
    siblings = {task for family in suite.families if target in family for task in family}
    return make_split(suite, [task for task in suite.tasks if task not in siblings], target)


def split_meta_validation(
    key: Array,
    sources: Sequence[str],
    families: Sequence[Sequence[str]] | None = None,
    *,
    num_families: int = 1,
) -> np.ndarray:
    """Which sources are for meta-validation, bool[S]: random families of them, each whole.

    Args:
      key: decides which.
      sources: S task names.
      families: siblings grouped, as in `Suite.families`; may name other tasks too. By default each
        task is a family of its own.
      num_families: how many of the families that have a source go to meta-validation.

    Raises:
      NmjaxError: a source is repeated, or in no family or in two; or no family would be left.
    """
    _check_apart(sources, ())
    families = [(task,) for task in sources] if families is None else families
    for task in sources:
        count = sum(task in family for family in families)
        if count != 1:
            raise NmjaxError(f"Task {task!r} is in {count} families, expected exactly one.")
    present = [family for family in families if set(family) & set(sources)]
    if not 1 <= num_families < len(present):
        raise NmjaxError(
            f"num_families is {num_families}, expected 1 to {len(present) - 1}: the sources are "
            f"of {len(present)} families, and one must be left to train on."
        )
    chosen = np.asarray(jax.random.permutation(key, len(present)))[:num_families]
    return np.isin(sources, [task for index in chosen for task in present[index]])


def support_query_masks(key: Array, mask: Array, support: Array | int) -> tuple[Array, Array]:
    """Disjoint random (support, query) masks bool[..., M] over the True rows of `mask`.

    Args:
      key: for the draw, independent along leading axes.
      mask: bool[..., M], rows that can be drawn.
      support: int, or int array that broadcasts with [..., 1]: how many rows support takes (all,
        where there are fewer); query takes the rest.
    """
    rank = jnp.argsort(jnp.argsort(-_priority(key, mask), axis=-1), axis=-1)
    chosen = mask & (rank < support)
    return chosen, mask & ~chosen


def sample_episode(
    key: Array, x: Array, y: Array, mask: Array, *, support: int, query: int
) -> Episode:
    """Random disjoint support and query rows of each task, from those with a score.

    Args:
      key: for the draw, independent along leading axes.
      x: float[..., M, D], encodings.
      y: float[..., M], scores; NaN is a failed evaluation and never drawn.
      mask: bool[..., M], False where a row is padding.
      support: S, static.
      query: Q, static. Support is filled first where rows are few.

    Raises:
      NmjaxError: S and Q are not positive or their sum is over M.
    """
    if support < 1 or query < 1 or support + query > y.shape[-1]:
        raise NmjaxError(
            f"support {support} and query {query} came for {y.shape[-1]} rows a task, expected "
            "positive sizes that fit together."
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
    """float32[..., M]: independent and uniform in [0, 1) where `mask` is True, -1 elsewhere."""
    return jnp.where(mask, jax.random.uniform(key, mask.shape), -1.0)


def _evaluations(suite: Suite, rows: np.ndarray) -> Evaluations:
    y = suite.metrics[suite.score_metric][rows]
    x = np.broadcast_to(np.arange(y.shape[1]), y.shape)
    return x, y, np.ones_like(y, bool)


def _check_apart(one: Sequence[str], other: Sequence[str]) -> None:
    for task in (*one, *other):
        if [*one, *other].count(task) > 1:
            raise NmjaxError(
                f"Task {task!r} is named twice, expected every task on one side and once: what "
                "examines must not have taught."
            )
