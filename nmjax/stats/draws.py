"""Random draws that are cheap to compile."""

import math
from collections.abc import Sequence

import jax
from jax.typing import DTypeLike

from nmjax.types import Array


def normals(
    keys: Array, shapes: Sequence[tuple[int, ...]], dtype: DTypeLike = float
) -> tuple[Array, ...]:
    """A standard normal array of each of several shapes.

    Each is what `jax.random.normal` draws by its own key under JAX's default generator; but all are
    drawn as one, since XLA compiles each draw on its own, for a third of a second on a CPU. Every
    draw is as long as the longest.

    Args:
      keys: key[n].
      shapes: n of them.
      dtype: floating.
    """
    sizes = [math.prod(shape) for shape in shapes]
    longest = max(sizes)
    drawn = jax.vmap(lambda key: jax.random.normal(key, (longest,), dtype))(keys)
    each = zip(drawn, sizes, shapes, strict=True)
    return tuple(row[:size].reshape(shape) for row, size, shape in each)
