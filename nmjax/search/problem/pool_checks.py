"""Checks of the pool of a problem, and removal of its duplicates."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, canonicalize_mixed, is_valid, within_bounds
from nmjax.types import Array


class DistinctRows(NamedTuple):
    """Rows of a pool without duplicates.

    Attributes:
      rows: int[M], first row of each of the M distinct architectures, ascending.
      inverse: int[N], position in `rows` of each row of the pool. `rows[inverse]` is the first row
        with the same architecture, and values[inverse] spreads values [M, ...] over the pool.

    Example:
      >>> import numpy as np
      >>> from nmjax.search import distinct_rows
      >>> from nmjax.spaces import Space
      >>> distinct_rows(Space(width=[8, 16]), np.array([[1], [0], [1]])).inverse.tolist()
      [0, 1, 0]
    """

    rows: np.ndarray
    inverse: np.ndarray


def distinct_rows(space: Space, pool: Array, continuous: Array | None = None) -> DistinctRows:
    """Find the distinct architectures of a pool.

    Architectures are the same if they are isomorphic or differ in inactive choices only. A table of
    evaluations may contain duplicates, which `make_problem` refuses.

    Args:
      space: Space of the architectures.
      pool: int32[N, C], architectures.
      continuous: float32[N, R], real-valued choices of the pool, if the space has any.

    Raises:
      NmjaxError: The pool is empty or does not fit the space.

    Example:
      >>> import numpy as np
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import distinct_rows, make_problem
      >>> from nmjax.spaces import Space
      >>> space = Space(width=[8, 16])
      >>> pool, scores = np.array([[1], [0], [1]]), np.array([0.7, 0.5, 0.7])
      >>> rows, inverse = distinct_rows(space, pool)
      >>> make_problem(space, pool[rows], scores[rows], default_knowledge(space)).score.tolist()
      [0.699999988079071, 0.5]
    """
    checked = check_pool(space, pool)
    return _distinct(space, checked, check_continuous(space, continuous, size=len(checked)))


def check_pool(space: Space, pool: Array) -> Array:
    """Return the pool as int32[N, C].

    Raises:
      NmjaxError: It has another shape, or a row is not an architecture of the space.
    """
    given = np.asarray(pool)
    if given.ndim != 2 or not len(given) or given.shape[1] != space.num_choices:
        raise NmjaxError(
            f"Got a pool {list(given.shape)} for space {space.name!r}; "
            f"give one or more architectures as int32[N, {space.num_choices}]."
        )
    if given.size and not np.issubdtype(given.dtype, np.integer):
        raise NmjaxError(
            f"Got a pool of {given.dtype} for space {space.name!r}; give option indices as int32."
        )
    wrong = np.argwhere((given < 0) | (given >= np.array(space.num_options, int)[None, :]))
    if len(wrong):
        row, place = wrong[0]
        choice = space.choices[place]
        raise NmjaxError(
            f"Row {row} of the pool has option {given[row, place]} of choice {choice.name!r}, "
            f"which has {len(choice.options)}; give indices from 0 to {len(choice.options) - 1}."
        )
    checked = jnp.asarray(given, jnp.int32)
    invalid = np.flatnonzero(~np.asarray(is_valid(space, checked)))
    if len(invalid):
        raise NmjaxError(
            f"Row {invalid[0]} of the pool, {given[invalid[0]].tolist()}, is not allowed in space "
            f"{space.name!r}; leave it out."
        )
    return checked


def check_continuous(space: Space, continuous: Array | None, *, size: int) -> np.ndarray:
    """Return the real-valued choices of a pool as float[N, R].

    Raises:
      NmjaxError: They have another shape, or are out of bounds.
    """
    numbers = np.zeros((size, 0)) if continuous is None else np.asarray(continuous)
    shape = size, space.num_continuous
    if numbers.shape != shape or not within_bounds(space, numbers).all():
        raise NmjaxError(
            f"Got continuous {list(numbers.shape)} for {size} architectures of space "
            f"{space.name!r}; give continuous=float32[N, {space.num_continuous}], each within its "
            "bounds."
        )
    return numbers


def check_score(score: Array | None, *, size: int) -> np.ndarray:
    """Return the scores of a pool as float[N], NaN where unknown.

    Raises:
      NmjaxError: They have another shape, or scores are given and none is finite.
    """
    known = np.full(size, np.nan) if score is None else np.asarray(score)
    if known.shape != (size,) or (score is not None and not np.isfinite(known).any()):
        raise NmjaxError(
            f"Got scores {list(known.shape)} for {size} architectures; "
            "give one number each, NaN for failures, at least one finite."
        )
    return known


def check_cost(cost: Array | None, *, size: int) -> np.ndarray:
    """Return the costs of a pool as float[N].

    Raises:
      NmjaxError: They have another shape, or one is not positive.
    """
    costs = np.ones(size) if cost is None else np.asarray(cost)
    if costs.shape != (size,) or not np.all(costs > 0):
        raise NmjaxError(
            f"Got costs {list(costs.shape)} for {size} architectures; "
            "give one positive number each."
        )
    return costs


def check_feasibility(feasibility: ArrayLike | None, *, size: int) -> np.ndarray | None:
    """Return the probabilities that the architectures of a pool meet known limits, float[N].

    Raises:
      NmjaxError: They have another shape, one is not in [0, 1], or all are 0.
    """
    if feasibility is None:
        return None
    found = np.asarray(feasibility)
    if found.shape != (size,) or not np.all((found >= 0) & (found <= 1)):
        raise NmjaxError(
            f"Got feasibility {list(found.shape)} for {size} architectures; give one probability "
            "from 0 to 1 each."
        )
    if not found.any():
        raise NmjaxError(
            f"Got feasibility 0 for all {size} architectures; loosen the limit, or give other "
            "architectures."
        )
    return found


def check_distinct(space: Space, pool: Array, continuous: np.ndarray) -> None:
    """Refuse a pool with duplicates.

    Raises:
      NmjaxError: Two rows are the same or isomorphic architectures.
    """
    rows, inverse = _distinct(space, pool, continuous)
    repeated = np.setdiff1d(np.arange(len(inverse)), rows)
    if len(repeated):
        row = repeated[0]
        raise NmjaxError(
            f"Rows {rows[inverse[row]]} and {row} of the pool are the same or isomorphic "
            f"architectures, one of {len(repeated)} duplicates; keep each once: "
            "rows, inverse = distinct_rows(space, pool, continuous), then pool[rows] and "
            "score[rows]."
        )


def _distinct(space: Space, pool: Array, continuous: np.ndarray) -> DistinctRows:
    numbers = continuous.astype(np.float32)
    canonical = (np.asarray(leaf) for leaf in canonicalize_mixed(space, pool, numbers))
    values = np.concatenate([leaf.astype(np.float64) for leaf in canonical], axis=1)
    _, first, inverse = np.unique(values, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return DistinctRows(first[order], np.argsort(order)[inverse.ravel()])
