"""Option indices: as one flat index, and into tables with a row for each choice."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.spaces.description.space import Space
from nmjax.types import Array


def strides(num_options: Sequence[int]) -> np.ndarray:
    """int32[C]: what one step of each choice adds to the flat index."""
    steps = np.cumprod([1, *num_options[:0:-1]], dtype=np.int64)[: len(num_options)]
    return steps[::-1].astype(np.int32)


def to_flat(architecture: Any, num_options: Sequence[int]) -> Any:
    """Flat index int32[...] of NumPy or JAX int32[..., C], the first choice most significant."""
    return architecture @ strides(num_options)


def from_flat(index: Any, num_options: Sequence[int]) -> Any:
    """int32[..., C] of int32[...]: the inverse of `to_flat`."""
    shape = (1,) * index.ndim + (-1,)
    step = strides(num_options).reshape(shape)
    return index[..., None] // step % np.asarray(num_options, np.int32).reshape(shape)


def option_mask(space: Space) -> Array:
    """Which options exist, bool[C, O]; choices with fewer than O options are padded.

    Example:
      >>> from nmjax.spaces import Space, option_mask
      >>> option_mask(Space(a=[1, 2, 3], b=[1, 2])).tolist()
      [[True, True, True], [True, True, False]]
    """
    index = jnp.arange(space.max_options, dtype=jnp.int32)[None, :]
    return index < jnp.asarray(space.num_options, jnp.int32)[:, None]


def at_options(table: ArrayLike, architecture: ArrayLike) -> Array:
    """The entries [..., C] of a table [C, O] at the options of architecture int[..., C].

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import at_options
      >>> at_options(np.array([[1, 2], [3, 4]]), np.array([1, 0])).tolist()
      [2, 3]
    """
    table, architecture = jnp.asarray(table), jnp.asarray(architecture)
    choice = np.arange(len(table)).reshape((1,) * (architecture.ndim - 1) + (-1,))
    return table[choice, architecture]
