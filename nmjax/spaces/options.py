"""Tables of options: a row for each of C choices, a column for each of at most O options."""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.spaces.space import Space
from nmjax.types import Array


def option_mask(space: Space) -> Array:
    """bool[C, O]: which options exist; choices with fewer than O are padded."""
    index = jnp.arange(space.max_options, dtype=jnp.int32)[None, :]
    return index < jnp.asarray(space.num_options, jnp.int32)[:, None]


def at_options(table: ArrayLike, architecture: ArrayLike) -> Array:
    """The entries [..., C] of a table [C, O] at the options that architecture int[..., C] has."""
    table, architecture = jnp.asarray(table), jnp.asarray(architecture)
    choice = np.arange(len(table)).reshape((1,) * (architecture.ndim - 1) + (-1,))
    return table[choice, architecture]
