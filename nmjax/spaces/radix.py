"""Mixed-radix numbers: option indices to one flat index and back, for NumPy and JAX arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def strides(num_options: Sequence[int]) -> np.ndarray:
    """int32[C]: what one step of each choice adds to the flat index."""
    steps = np.cumprod([1, *num_options[:0:-1]], dtype=np.int64)[: len(num_options)]
    return steps[::-1].astype(np.int32)


def to_flat(architecture: Any, num_options: Sequence[int]) -> Any:
    """int32[...] of int32[..., C]; the first choice is the most significant."""
    return architecture @ strides(num_options)


def from_flat(index: Any, num_options: Sequence[int]) -> Any:
    """int32[..., C] of int32[...]: the inverse of `to_flat`."""
    shape = (1,) * index.ndim + (-1,)
    step = strides(num_options).reshape(shape)
    return index[..., None] // step % np.asarray(num_options, np.int32).reshape(shape)
