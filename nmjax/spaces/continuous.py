"""Real-valued choices: on their scales, within their bounds, or refused."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces.space import Space
from nmjax.types import Array


@partial(jax.jit, static_argnames="space")
def to_scale(space: Space, continuous: Array) -> Array:
    """Positions float32[..., R] in [-1, 1] of real-valued choices float[..., R] on their scales.

    Raises:
      NmjaxError: there is not one for each real-valued choice of the space.
    """
    _check_number(space, jnp.shape(continuous))
    values, columns = jnp.asarray(continuous, jnp.float32), []
    for index, real in enumerate(space.continuous):
        value, low, high = values[..., index], real.low, real.high
        if real.scale == "log":
            value, low, high = jnp.log(value), np.log(low), np.log(high)
        columns.append(2 * (value - low) / (high - low) - 1)
    return jnp.stack(columns, axis=-1) if columns else values


@partial(jax.jit, static_argnames="space")
def from_scale(space: Space, position: Array) -> Array:
    """Real-valued choices float32[..., R] at positions float[..., R] in [-1, 1] of their scales."""
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
    """bool[..., R]: which of continuous float[..., R], as float32, are within their bounds; NaN is
    not.

    Raises:
      NmjaxError: there is not one for each real-valued choice of the space.
    """
    values = np.asarray(continuous, np.float32)
    _check_number(space, values.shape)
    low, high = np.array([(r.low, r.high) for r in space.continuous], np.float32).reshape(-1, 2).T
    return (low <= values) & (values <= high)


def check_discrete(space: Space, what: str) -> None:
    """Raises an NmjaxError where a space has real-valued choices, of which `what` knows nothing."""
    if space.continuous:
        raise NmjaxError(
            f"Space {space.name!r} has the real-valued choices "
            f"{[real.name for real in space.continuous]}, and {what} supports discrete choices "
            "only; replace them by ordinal choices with numeric options."
        )


def _check_number(space: Space, shape: tuple[int, ...]) -> None:
    if shape[-1:] != (space.num_continuous,):
        raise NmjaxError(
            f"Got continuous values of shape {list(shape)} for space {space.name!r}; expected "
            f"[..., {space.num_continuous}], one for each of "
            f"{[real.name for real in space.continuous]}."
        )
