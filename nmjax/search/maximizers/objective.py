"""The objective over a space, and the Protocol of a maximizer."""

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
    """A value over a space.

    Attributes:
      space: space of the architectures.
      of_encodings: float[n, D] -> float[n], of soft architectures too.
      of_architectures: points [n, C + R] -> float[n]; -inf where not allowed or not a number.
    """

    space: Space
    of_encodings: Callable[[Array], Array]
    of_architectures: Callable[[Array], Array]


class Maximizer(Protocol):
    """A search for a large value from given starts.

    A point of a space is int32[C] if all choices are discrete; otherwise it is float32[C + R], the
    option indices followed by the real values.
    """

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return points [m, C + R] reached from starts [n, C + R], and their values float[m].

        The best is no worse than the best of the starts.
        """


def optimize_acquisition(
    key: Array,
    value: Callable[[Array], Array],
    starts: Array,
    excluded: Array | None = None,
    *,
    space: Space,
    maximizer: Maximizer,
) -> tuple[Array, Array]:
    """Find the allowed point of the largest value, canonical, and that value float[].

    A point is int32[C] if all choices of the space are discrete; otherwise it is float32[C + R],
    the option indices followed by the real values. Isomorphic architectures are one. If nothing
    allowed is found, the value is -inf.

    Args:
      key: random key of the maximizer.
      value: float[n, D] -> float[n], values of encodings, each independent of the others;
        differentiable for `GradientAscent`.
      starts: points [n, C + R], where to look first; the whole pool for `Exhaustive`.
      excluded: points [E, C + R], canonical, that are not allowed, such as those evaluated before;
        rows of -1 exclude nothing.
      space: space of the architectures.
      maximizer: for instance `LocalAscent()`.

    Raises:
      NmjaxError: the starts do not fit the space, or there are none.

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
        raise NmjaxError("Got no architecture to start from; give one or more, as by sample.")

    def of_architectures(architecture: Array) -> Array:
        canonical = canonical_points(space, architecture)
        found = value(encode_points(space, canonical))
        allowed = are_valid(space, architecture) & ~jnp.isnan(found)
        if excluded is not None:
            allowed = allowed & ~is_among(canonical, excluded)
        return jnp.where(allowed, found, -jnp.inf)

    architecture, worth = maximizer(key, Objective(space, value, of_architectures), starts)
    best = jnp.argmax(worth)
    return canonical_points(space, architecture[best]), worth[best]


def is_among(architecture: Array, others: Array) -> Array:
    """Whether bool[...] each of the points [..., C + R] is one of [E, C + R]."""
    shape = (1,) * (architecture.ndim - 1) + others.shape
    return jnp.any(jnp.all(architecture[..., None, :] == others.reshape(shape), axis=-1), axis=-1)


def fittest(architecture: Array, worth: Array, number: int) -> tuple[Array, Array]:
    """At most `number` points [m, C + R] of the largest values, best first, and these values."""
    worth, rows = jax.lax.top_k(worth, min(number, len(worth)))
    return architecture[rows], worth
