"""Check that no task is on both sides of a split."""

import itertools
from collections.abc import Sequence

import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError

Evaluations = tuple[ArrayLike, ArrayLike, ArrayLike]


def refuse_leakage(
    training: Evaluations,
    evaluation: Evaluations,
    *,
    training_names: Sequence[object] | None = None,
    evaluation_names: Sequence[object] | None = None,
) -> None:
    """Raise an error if a task to learn from is also a task to evaluate on.

    Two tasks are the same if their successful evaluations are, in any order. Different rows of one
    task are not recognized, so split tasks before episodes are drawn.

    Args:
      training: Tasks to learn from: encodings or architectures float[T, M, D], scores float[T, M]
        with NaN for failed evaluations, and the mask bool[T, M].
      evaluation: Likewise, the tasks for meta-validation or testing, with other T and M.
      training_names: T names for the message, by default indices.
      evaluation_names: Likewise.

    Raises:
      NmjaxError: Tasks are on both sides; the message names each pair.

    Example:
      >>> import numpy as np
      >>> from nmjax.tasks import refuse_leakage
      >>> x, y, mask = np.zeros((2, 1, 1)), np.array([[0.1], [0.2]]), np.ones((2, 1), bool)
      >>> refuse_leakage((x[:1], y[:1], mask[:1]), (x[1:], y[1:], mask[1:]))
    """
    pairs = [
        f"{training_names[i] if training_names else i} and "
        f"{evaluation_names[j] if evaluation_names else j}"
        for i, j in equal_tasks(training, evaluation)
    ]
    if pairs:
        raise NmjaxError(
            f"Got tasks with the same evaluations on both sides of a split: {', '.join(pairs)}. "
            "Remove one of each pair."
        )


def equal_tasks(ours: Evaluations, theirs: Evaluations) -> list[tuple[int, int]]:
    """Return the indices of tasks that have the same successful evaluations, in any order.

    Args:
      ours: Tasks as in `refuse_leakage`.
      theirs: Likewise.
    """
    return [
        (i, j)
        for (i, one), (j, other) in itertools.product(
            enumerate(_contents(*ours)), enumerate(_contents(*theirs))
        )
        if one and one == other
    ]


def _contents(x: ArrayLike, y: ArrayLike, mask: ArrayLike) -> list[bytes]:
    """Return the successful evaluations of each task as bytes, in a canonical order."""
    x, y, mask = np.asarray(x), np.asarray(y), np.asarray(mask)
    # Adding 0 turns -0 into 0.
    rows = np.concatenate([x.reshape(*y.shape, -1), y[..., None]], axis=-1) + 0.0
    kept = [task[valid] for task, valid in zip(rows, mask & ~np.isnan(y), strict=True)]
    return [task[np.lexsort(task.T)].tobytes() for task in kept]
