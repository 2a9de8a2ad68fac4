"""Real-valued choices where they come in: checked against their bounds, or refused."""

import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces.space import Space


def within_bounds(space: Space, reals: ArrayLike) -> np.ndarray:
    """bool[..., R]: which of reals float[..., R], as float32, are within their bounds; NaN is not.

    Raises:
      NmjaxError: there is not one for each real-valued choice of the space.
    """
    values = np.asarray(reals, np.float32)
    if values.shape[-1:] != (space.num_reals,):
        raise NmjaxError(
            f"Got reals {list(values.shape)} for space {space.name!r}; "
            f"give [..., {space.num_reals}], one for each of {[r.name for r in space.reals]}."
        )
    low, high = np.array([(r.low, r.high) for r in space.reals], np.float32).reshape(-1, 2).T
    return (low <= values) & (values <= high)


def check_discrete(space: Space, what: str) -> None:
    """Raises an NmjaxError where a space has real-valued choices, of which `what` knows nothing."""
    if space.reals:
        raise NmjaxError(
            f"Space {space.name!r} has the real-valued choices {[r.name for r in space.reals]}, "
            f"and {what} knows options only: make them ordinal choices, with numeric options."
        )
