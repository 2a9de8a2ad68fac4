"""Checks of the arrays that make up a history."""

import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, within_bounds


def checked(what: str, values: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers as an array of that shape, or refuse them."""
    array = np.asarray(values)
    if array.shape != shape or not (
        np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)
    ):
        raise NmjaxError(
            f"{what} is {array.dtype}{list(array.shape)}, expected float{list(shape)}."
        )
    return array


def checked_architecture(architecture: ArrayLike) -> np.ndarray:
    """Return option indices int[T, M, C], or refuse them."""
    rows = np.asarray(architecture)
    if rows.ndim != 3 or 0 in rows.shape[:2] or not np.issubdtype(rows.dtype, np.integer):
        raise NmjaxError(
            f"architecture is {rows.dtype}{list(rows.shape)}, expected int[T, M, C] with at least "
            "one task and evaluation: stack per-task arrays with stack_tasks."
        )
    return rows


def checked_mask(mask: ArrayLike | None, shape: tuple[int, int]) -> np.ndarray:
    """Return the mask bool[T, M], all True by default, or refuse it."""
    known = np.ones(shape, bool) if mask is None else np.asarray(mask)
    if known.dtype != bool or known.shape != shape:
        raise NmjaxError(
            f"mask is {known.dtype}{list(known.shape)}, expected bool{list(shape)}: "
            "mark real rows True and padding False."
        )
    return known


def checked_context(context: ArrayLike | None, tasks: int) -> np.ndarray:
    """Return the contexts float[T, K], K = 0 by default, or refuse them."""
    described = np.zeros((tasks, 0)) if context is None else np.asarray(context)
    if described.ndim != 2:
        raise NmjaxError(
            f"context has {described.ndim} axes, expected float[T, K]: one row for each task."
        )
    described = checked("context", described, (tasks, described.shape[1]))
    with np.errstate(over="ignore"):
        beyond = described[np.isinf(described.astype(np.float32))]
    if beyond.size:
        raise NmjaxError(
            f"context has the number {beyond[0]:g}, expected numbers within the range of float32: "
            "use NaN where a number is unknown."
        )
    return described


def checked_continuous(
    continuous: ArrayLike | None, rows: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Return the real-valued choices float[T, M, R], R = 0 by default, or refuse them."""
    numbers = np.zeros((*rows.shape[:2], 0)) if continuous is None else np.asarray(continuous)
    if numbers.ndim != 3 or rows.shape[-1] + numbers.shape[-1] == 0:
        raise NmjaxError(
            f"continuous are {list(numbers.shape)} and architecture {list(rows.shape)}, expected "
            "float[T, M, R] and int[T, M, C] with at least one choice."
        )
    numbers = checked("continuous", numbers, (*rows.shape[:2], numbers.shape[2]))
    if not np.isfinite(numbers[known]).all():
        raise NmjaxError(
            "continuous are not all finite, expected numbers in rows that are not padding."
        )
    return numbers


def check_precision(name: str, values: np.ndarray, mask: np.ndarray) -> None:
    """Refuse values that are mostly equal in float32, such as -2.5e8 + [0, 1, 2]."""
    if values.dtype.itemsize < 4 or values.dtype == np.float32:
        return
    for task, (row, known) in enumerate(zip(values, mask & np.isfinite(values), strict=True)):
        kept = row[known].astype(np.float64)
        largest = np.abs(kept).max(initial=0.0)
        if not 0 < largest <= np.finfo(np.float32).max:
            continue
        distinct = len(np.unique(np.round(kept / largest, 12)))
        stored = len(np.unique(kept.astype(np.float32)))
        if stored < distinct / 2:
            raise NmjaxError(
                f"Task {task}: metric {name!r} has {distinct} different values, of which float32 "
                f"distinguishes {stored}. Subtract a constant, such as {kept.min():g}, first."
            )


def check_within_bounds(continuous: np.ndarray, mask: np.ndarray, space: Space) -> None:
    """Refuse real-valued choices float[T, M, R] that are out of their bounds."""
    wrong = ~within_bounds(space, continuous) & mask[..., None]
    if wrong.any():
        task, row, index = np.argwhere(wrong)[0]
        real = space.continuous[index]
        raise NmjaxError(
            f"Task {task}, row {row}: {real.name!r} is {continuous[task, row, index]}, expected "
            f"{real.low} to {real.high}."
        )


def check_options(rows: np.ndarray, mask: np.ndarray, space: Space) -> None:
    """Refuse architectures int[T, M, C] with other choices, or with indices that are no option."""
    if rows.shape[-1] != space.num_choices:
        raise NmjaxError(
            f"architecture has {rows.shape[-1]} choices, expected {space.num_choices} as in "
            f"space {space.name!r}."
        )
    wrong = ((rows < 0) | (rows >= np.array(space.num_options))) & mask[..., None]
    if wrong.any():
        task, row, choice = np.argwhere(wrong)[0]
        raise NmjaxError(
            f"Task {task}, row {row}: option {rows[task, row, choice]} of choice "
            f"{space.choices[choice].name!r}, expected 0 to {space.num_options[choice] - 1}."
        )
