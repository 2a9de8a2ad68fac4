"""Checks of evaluated architectures on the host."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.search.maximizers.points import are_valid, canonical_points, empty_points, join
from nmjax.spaces import Space, within_bounds
from nmjax.types import Array


def check_architecture(space: Space, index: Any, known: np.ndarray) -> Array:
    """Return the canonical point [C + R] of a new architecture.

    Args:
      space: Space of the architecture.
      index: int[C], or a pair of int[C] and float[R] if the space has real-valued choices.
      known: Points [M, C + R], canonical, that were observed before.

    Raises:
      NmjaxError: The index is not an architecture of the space, or was observed before.
    """
    architecture, continuous = _parts(space, index)
    wrong = np.shape(continuous) != (space.num_continuous,)
    if wrong or not within_bounds(space, continuous).all():
        raise NmjaxError(
            f"Got the real values {continuous!r} for space {space.name!r}; give "
            f"float[{space.num_continuous}], each within its bounds."
        )
    given = join(space, jnp.asarray(architecture, jnp.int32), jnp.asarray(continuous))
    if not bool(are_valid(space, given)):
        raise NmjaxError(
            f"Got the architecture {np.asarray(architecture).tolist()}, which space "
            f"{space.name!r} does not allow; give a valid one."
        )
    point = canonical_points(space, given)
    if known.size and (known == np.asarray(point)).all(axis=-1).any():
        raise NmjaxError(
            f"Architecture {np.asarray(given).tolist()} or one isomorphic to it was observed "
            "before; each is evaluated once, so give another one."
        )
    return point


def check_architectures(space: Space, indices: Any) -> Array:
    """Return the canonical points [M, C + R] of architectures.

    Args:
      space: Space of the architectures.
      indices: int[M, C], or a pair of int[M, C] and float[M, R].

    Raises:
      NmjaxError: An index is not an architecture of the space, or is repeated.
    """
    mixed = space.num_continuous > 0
    each = list(zip(*indices, strict=True)) if mixed else list(indices)
    points = np.array(empty_points(space, len(each)))
    for place, index in enumerate(each):
        points[place] = check_architecture(space, index, points)
    return jnp.asarray(points)


def _parts(space: Space, index: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the option indices and the real values of an architecture."""
    try:
        architecture, continuous = index if space.num_continuous else (index, ())
        values = np.asarray(continuous, np.float32)
        return space.check_architecture(architecture), values
    except (TypeError, ValueError) as error:
        if isinstance(error, NmjaxError):
            raise
        pair = f" and float[{space.num_continuous}]" if space.num_continuous else ""
        raise NmjaxError(
            f"Got {index!r} as an architecture; give int[{space.num_choices}]{pair}, an option "
            "index for each choice."
        ) from error
