"""Parts of architectures: indicators in [0, 1] of what an architecture contains.

They are functions of the encoding, so that they apply to soft choices too.
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.spaces.description.space import Space
from nmjax.spaces.encoding import encoding_groups
from nmjax.types import Array

_THRESHOLDS = tuple(np.linspace(-0.75, 0.75, 7).tolist())
_RAMP = 0.25


@partial(jax.jit, static_argnames="space")
def encoded_parts(space: Space, encoding: Array) -> Array:
    """Indicators float32[..., F] of the parts that encodings float32[..., D] contain.

    A part is an option of a choice; an ordinal choice at or below an option, or at or above it; a
    real-valued choice below or above one of seven thresholds, with a linear ramp; and in a cell an
    operation, wherever it occurs.

    Args:
      space: Space of the architectures.
      encoding: Encodings, as from `encode`.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Ordinal, Space, encode, encoded_parts
      >>> space = Space(op=["conv", "skip"], width=Ordinal(64, 128, 256))
      >>> encoded_parts(space, encode(space, np.array([1, 0]))).tolist()
      [0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    """
    one_hot = encoding[..., : sum(space.num_options)]
    kinds = np.array(encoding_groups(space))
    operations = encoding[..., np.flatnonzero(kinds == "operations")]
    ranges = jnp.einsum(
        "...d,dr->...r", one_hot, _ordinal_ranges(space), precision=jax.lax.Precision.HIGHEST
    )
    parts = [one_hot, ranges, jnp.clip(operations, 0, 1)]
    ordinal = sum(choice.kind == "ordinal" for choice in space.choices)
    first = one_hot.shape[-1] + ordinal
    for column in range(first, first + space.num_continuous):
        position = encoding[..., column, None]
        thresholds = jnp.asarray(_THRESHOLDS, position.dtype)
        thresholds = thresholds.reshape((1,) * (position.ndim - 1) + (-1,))
        above = jnp.clip((position - thresholds) / _RAMP + 0.5, 0, 1)
        parts += [above, 1 - above]
    return jnp.concatenate(parts, axis=-1)


@lru_cache
def _ordinal_ranges(space: Space) -> np.ndarray:
    """Which options float32[sum(O_i), R] each range at one end of an ordinal choice contains."""
    firsts = np.cumsum([0, *space.num_options])
    columns = []
    for choice, first, options in zip(space.choices, firsts, space.num_options, strict=False):
        if choice.kind != "ordinal":
            continue
        for option in range(1, options - 1):
            columns += [range(first, first + option + 1), range(first + option, first + options)]
    ranges = np.zeros((firsts[-1], len(columns)), np.float32)
    for column, rows in enumerate(columns):
        ranges[list(rows), column] = 1
    return ranges
