"""Objective over a space, and the protocol of its maximizers."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.maximizers.points import (
    are_valid,
    canonical_points,
    encode_points,
    point_size,
)
from nmjax.spaces import Space
from nmjax.types import Array


class Objective(NamedTuple):
    """Function over a space, to be maximized.

    Attributes:
      space: Space of the architectures.
      of_encodings: float[n, D] -> float[n], values of encodings, soft ones included.
      of_architectures: Points [n, C + R] -> float[n]; -inf if a point is not allowed or its value
        is NaN.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search.maximizers import Exhaustive, Objective
      >>> from nmjax.spaces import Space
      >>> objective = Objective(Space(a=[1, 2, 3]), lambda x: x[:, 0], lambda points: points[:, 0])
      >>> Exhaustive()(None, objective, jnp.array([[0], [2]]))[1].tolist()
      [0, 2]
    """

    space: Space
    of_encodings: Callable[[Array], Array]
    of_architectures: Callable[[Array], Array]


class Maximizer(Protocol):
    """Search for a large value of an objective from given starts.

    A point of a space is int32[C] if all choices are discrete; otherwise it is float32[C + R], the
    option indices followed by the real values.

    Example:
      >>> from nmjax.search import Exhaustive, LocalAscent, Maximizer
      >>> maximizers: list[Maximizer] = [Exhaustive(), LocalAscent()]
    """

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return points [m, C + R] reached from starts [n, C + R], and their values float[m].

        The best point must be no worse than the best of the starts.
        """


def optimize_acquisition(
    key: Array,
    value: Callable[[Array], Array],
    starts: Array,
    excluded: Array | None = None,
    *,
    space: Space,
    maximizer: Maximizer,
    value_of_points: Callable[[Array], Array] | None = None,
) -> tuple[Array, Array]:
    """Return the allowed point of the largest value, in canonical form, and its value float[].

    A point is int32[C] if all choices of the space are discrete; otherwise it is float32[C + R],
    the option indices followed by the real values. Isomorphic architectures are treated as one. If
    no allowed point is found, the value is -inf.

    Args:
      key: Random key of the maximizer.
      value: float[n, D] -> float[n], value of each encoding, independent of the others;
        differentiable for `GradientAscent`.
      starts: Points [n, C + R] where the maximizer begins; the whole pool for `Exhaustive`.
      excluded: Points [E, C + R], canonical, that are not allowed, such as those already evaluated;
        rows of -1 exclude nothing.
      space: Space of the architectures.
      maximizer: Maximizer of the value, for instance `LocalAscent()`.
      value_of_points: Canonical points [n, C + R] -> float[n], values of architectures, if they
        depend on more than the encoding, such as known limits; -inf if one is not allowed. By
        default they are those of their encodings.

    Raises:
      NmjaxError: The starts have the wrong shape, or there are none.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import LocalAscent, optimize_acquisition
      >>> from nmjax.spaces import Space
      >>> space = Space(a=[1, 2, 3], b=[1, 2])
      >>> weights = jnp.array([0.0, 1.0, 2.0, 0.0, 5.0])
      >>> best, value = optimize_acquisition(
      ...     jax.random.key(0), lambda encoding: encoding @ weights, jnp.zeros((1, 2)),
      ...     space=space, maximizer=LocalAscent())
      >>> best.tolist(), float(value)
      ([2, 1], 7.0)
    """
    starts = jnp.asarray(starts, jnp.float32 if space.num_continuous else jnp.int32)
    if starts.ndim != 2 or starts.shape[1] != point_size(space):
        raise NmjaxError(
            f"Got starts {list(starts.shape)} for space {space.name!r} with {space.num_choices} "
            f"discrete choices and {space.num_continuous} real-valued ones; give "
            f"[n, {point_size(space)}]."
        )
    if not len(starts):
        raise NmjaxError("Got no starts; give one or more architectures, for instance from sample.")

    def of_architectures(architecture: Array) -> Array:
        canonical = canonical_points(space, architecture)
        if value_of_points is None:
            found = value(encode_points(space, canonical))
        else:
            found = value_of_points(canonical)
        allowed = are_valid(space, architecture) & ~jnp.isnan(found)
        if excluded is not None:
            allowed = allowed & ~is_among(canonical, excluded)
        return jnp.where(allowed, found, -jnp.inf)

    architecture, worth = maximizer(key, Objective(space, value, of_architectures), starts)
    best = jnp.argmax(worth)
    return canonical_points(space, architecture[best]), worth[best]


def is_among(architecture: Array, others: Array) -> Array:
    """Return whether bool[...] each of the points [..., C + R] is one of [E, C + R].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search.maximizers import is_among
      >>> is_among(jnp.array([[0, 1], [2, 2]]), jnp.array([[2, 2], [-1, -1]])).tolist()
      [False, True]
    """
    shape = (1,) * (architecture.ndim - 1) + others.shape
    return jnp.any(jnp.all(architecture[..., None, :] == others.reshape(shape), axis=-1), axis=-1)


def fittest(architecture: Array, worth: Array, number: int) -> tuple[Array, Array]:
    """Return the `number` best points [m, C + R] at most, best first, and their values."""
    worth, rows = jax.lax.top_k(worth, min(number, len(worth)))
    return architecture[rows], worth
