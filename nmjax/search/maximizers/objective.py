"""What is maximized over a space, and what a maximizer is."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, canonicalize, encode, is_valid
from nmjax.types import Array


class Objective(NamedTuple):
    """A value over a space.

    Attributes:
      space: of the architectures.
      of_encodings: float[n, D] -> float[n], of soft architectures too.
      of_architectures: int32[n, C] -> float[n]; -inf where not allowed or not a number.
    """

    space: Space
    of_encodings: Callable[[Array], Array]
    of_architectures: Callable[[Array], Array]


class Maximizer(Protocol):
    """A way to a large value from where one starts."""

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Architectures int32[m, C] that it came to from int32[n, C], and their values float[m].

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
    """The allowed architecture int32[C] of the largest value that was found, and that float[].

    It is canonical; isomorphic architectures are one. Where nothing allowed was found, the value is
    -inf.

    Args:
      key: of the maximizer.
      value: float[n, D] -> float[n], of encodings, each by itself; for `GradientAscent`
        differentiable.
      starts: int32[n, C], where to look first; the whole pool for `Exhaustive`.
      excluded: int32[E, C], canonical architectures that are not allowed, as those evaluated
        before; rows of -1 bar nothing.
      space: of the architectures.
      maximizer: for instance `LocalAscent()`.

    Raises:
      NmjaxError: the starts do not fit the space, there are none, or it has real-valued choices.
    """
    starts = jnp.asarray(starts, jnp.int32)
    if space.num_continuous or starts.ndim != 2 or starts.shape[1:] != (space.num_choices,):
        raise NmjaxError(
            f"Got starts {list(starts.shape)} for space {space.name!r} with {space.num_choices} "
            f"discrete choices and {space.num_continuous} real-valued ones; give int32[n, C] of a "
            "space without real-valued choices."
        )
    if not len(starts):
        raise NmjaxError("Got no architecture to start from; give one or more, as by sample.")

    def of_architectures(architecture: Array) -> Array:
        canonical = canonicalize(space, architecture)
        found = value(encode(space, canonical))
        allowed = is_valid(space, architecture) & ~jnp.isnan(found)
        if excluded is not None:
            allowed = allowed & ~is_among(canonical, excluded)
        return jnp.where(allowed, found, -jnp.inf)

    architecture, worth = maximizer(key, Objective(space, value, of_architectures), starts)
    best = jnp.argmax(worth)
    return canonicalize(space, architecture[best]), worth[best]


def is_among(architecture: Array, others: Array) -> Array:
    """Whether bool[...] architecture int32[..., C] is one of int32[E, C]."""
    shape = (1,) * (architecture.ndim - 1) + others.shape
    return jnp.any(jnp.all(architecture[..., None, :] == others.reshape(shape), axis=-1), axis=-1)


def fittest(architecture: Array, worth: Array, number: int) -> tuple[Array, Array]:
    """The architectures int32[m, C] of largest worth, best first, and it; at most `number`."""
    worth, rows = jax.lax.top_k(worth, min(number, len(worth)))
    return architecture[rows], worth
