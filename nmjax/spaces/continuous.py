"""Real-valued choices: positions on their scales, bounds, and checks."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces.description.space import Space
from nmjax.types import Array


@partial(jax.jit, static_argnames="space")
def to_scale(space: Space, continuous: Array) -> Array:
    """Positions float32[..., R] in [-1, 1] of real-valued choices float[..., R] on their scales.

    Raises:
      NmjaxError: The last axis does not have one value for each real-valued choice.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Real, Space, to_scale
      >>> to_scale(Space(x=Real(0, 4)), np.array([[0.0], [1.0], [4.0]])).tolist()
      [[-1.0], [-0.5], [1.0]]
    """
    check_continuous(space, jnp.shape(continuous))
    values, columns = jnp.asarray(continuous, jnp.float32), []
    for index, real in enumerate(space.continuous):
        value, low, high = values[..., index], real.low, real.high
        if real.scale == "log":
            value, low, high = jnp.log(value), np.log(low), np.log(high)
        columns.append(2 * (value - low) / (high - low) - 1)
    return jnp.stack(columns, axis=-1) if columns else values


@partial(jax.jit, static_argnames="space")
def from_scale(space: Space, position: Array) -> Array:
    """Real-valued choices float32[..., R] at positions float[..., R] in [-1, 1] of their scales.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Real, Space, from_scale
      >>> from_scale(Space(x=Real(0, 4)), np.array([[-1.0], [0.5]])).tolist()
      [[0.0], [3.0]]
    """
    share = 0.5 * (jnp.asarray(position, jnp.float32) + 1)
    columns = []
    for index, real in enumerate(space.continuous):
        if real.scale == "log":
            low, high = np.log(real.low), np.log(real.high)
            value = jnp.exp(low + (high - low) * share[..., index])
        else:
            value = real.low + (real.high - real.low) * share[..., index]
        columns.append(jnp.clip(value, real.low, real.high))
    return jnp.stack(columns, axis=-1) if columns else share


def within_bounds(space: Space, continuous: ArrayLike) -> np.ndarray:
    """Which of continuous float[..., R], as float32, are within their bounds: bool[..., R].

    NaN is not.

    Raises:
      NmjaxError: The last axis does not have one value for each real-valued choice.

    Example:
      >>> from nmjax.spaces import Real, Space, within_bounds
      >>> within_bounds(Space(x=Real(0, 4)), [[2.0], [5.0], [float("nan")]]).tolist()
      [[True], [False], [False]]
    """
    values = np.asarray(continuous, np.float32)
    check_continuous(space, values.shape)
    low, high = np.array([(r.low, r.high) for r in space.continuous], np.float32).reshape(-1, 2).T
    return (low <= values) & (values <= high)


def check_discrete(space: Space, what: str, instead: str | None = None) -> None:
    """Raises an NmjaxError if a space has real-valued choices, which `what` does not support.

    Args:
      space: Space to check.
      what: What supports discrete choices only, as the subject of the message.
      instead: Name of a function that supports both.

    Example:
      >>> from nmjax.spaces import Space, check_discrete
      >>> check_discrete(Space(op=["conv", "skip"]), "a full list")
    """
    if space.continuous:
        advice = "replace them by Ordinal choices" if instead is None else f"use {instead}"
        raise NmjaxError(
            f"Space {space.name!r} has the real-valued choices "
            f"{[real.name for real in space.continuous]}, and {what} supports discrete choices "
            f"only; {advice}."
        )


def check_continuous(space: Space, shape: tuple[int, ...]) -> None:
    """Raises an NmjaxError if the last axis is not one value for each real-valued choice."""
    if shape[-1:] != (space.num_continuous,):
        raise NmjaxError(
            f"Got continuous values of shape {list(shape)} for space {space.name!r}; expected "
            f"[..., {space.num_continuous}], one for each of "
            f"{[real.name for real in space.continuous]}."
        )
