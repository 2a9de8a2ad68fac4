"""What examines must not have taught: tasks that are on both sides of a split."""

from collections.abc import Sequence

import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError

Evaluations = tuple[ArrayLike, ArrayLike, ArrayLike]


def refuse_leakage(
    teaching: Evaluations,
    examining: Evaluations,
    *,
    teaching_names: Sequence[object] | None = None,
    examining_names: Sequence[object] | None = None,
) -> None:
    """Raises where a task is on both sides: the same evaluations, in any order.

    Draws of other rows of one task are not recognized: split the tasks before drawing episodes.

    Args:
      teaching: x float[T, M, D] encodings or architectures, y float[T, M] scores with NaN for
        failed evaluations, mask bool[T, M]; the tasks to learn from.
      examining: the same of meta-validation or test tasks, with T and M of their own.
      teaching_names: T names, by default their numbers.
      examining_names: likewise.

    Raises:
      NmjaxError: some task of the one is a task of the other; names each pair.
    """
    ones, others = _content(*teaching), _content(*examining)
    pairs = [
        f"{teaching_names[i] if teaching_names else i} and "
        f"{examining_names[j] if examining_names else j}"
        for i, one in enumerate(ones)
        for j, other in enumerate(others)
        if one and one == other
    ]
    if pairs:
        raise NmjaxError(
            f"Got tasks with the same evaluations on both sides of a split: {', '.join(pairs)}. "
            "What examines must not have taught: leave one of each pair out."
        )


def _content(x: ArrayLike, y: ArrayLike, mask: ArrayLike) -> list[bytes]:
    """Each task's successful evaluations in one order."""
    x, y, mask = np.asarray(x), np.asarray(y), np.asarray(mask)
    # Adding 0 makes -0 and 0 the same bytes.
    rows = np.concatenate([x.reshape(*y.shape, -1), y[..., None]], axis=-1) + 0.0
    kept = [task[counts] for task, counts in zip(rows, mask & ~np.isnan(y), strict=True)]
    return [task[np.lexsort(task.T)].tobytes() for task in kept]
