"""Motifs: what an architecture can contain, and which architectures contain it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Space, encode, encoding_names
from nmjax.types import Array


@partial(jax.jit, static_argnames="space")
def find_motifs(space: Space, architecture: Array) -> Array:
    """Which motifs architecture int32[..., C] contains: bool[..., F], named by `motif_names`.

    These are each option of each choice; each range of two or more neighboring options of an
    ordinal choice; and in a cell each operation, operation at a depth, pair along an edge and path
    of three (`nmjax.spaces.structure`), found at least once. Motifs imply one another, as "a>b"
    does "a": what is enriched comes with what it implies. Isomorphic architectures may differ in
    them; `nmjax.spaces.canonicalize` comes first where that matters.

    Raises:
      NmjaxError: the space has no discrete choices, or the architectures do not fit it.
    """
    architecture = jnp.asarray(architecture, jnp.int32)
    discrete = _discrete(space)
    if architecture.shape[-1:] != (space.num_choices,):
        raise NmjaxError(
            f"Got architectures {list(architecture.shape)} for space {space.name!r}; give "
            f"[..., {space.num_choices}], an option for each choice."
        )
    features = encode(discrete, architecture)[..., _structural(discrete)]
    ranges = [
        (architecture[..., choice] >= low) & (architecture[..., choice] <= high)
        for choice, low, high in _ranges(discrete)
    ]
    return jnp.concatenate([features > 0.5, *(within[..., None] for within in ranges)], axis=-1)


def motif_names(space: Space) -> tuple[str, ...]:
    """What each of the F motifs is, such as "op1=gat", "gat>output" or "depth=1..2".

    Raises:
      NmjaxError: the space has no discrete choices.
    """
    discrete = _discrete(space)
    names = encoding_names(discrete)
    ranges = [(space.choices[choice], low, high) for choice, low, high in _ranges(discrete)]
    return (
        *(names[index] for index in _structural(discrete)),
        *(f"{c.name}={c.options[low]}..{c.options[high]}" for c, low, high in ranges),
    )


def _discrete(space: Space) -> Space:
    if not space.choices:
        raise NmjaxError(
            f"Space {space.name!r} has only real-valued choices and no motifs; cut their ranges "
            "into the options of ordinal choices."
        )
    return space.replace(continuous=())


def _structural(space: Space) -> np.ndarray:
    """Positions of the encoded features that count something, not values of ordinal choices."""
    num_ordinal = sum(_is_ordinal(choice) for choice in space.choices)
    values = sum(space.num_options) + np.arange(num_ordinal)
    return np.delete(np.arange(len(encoding_names(space))), values)


def _ranges(space: Space) -> list[tuple[int, int, int]]:
    """(choice, first option, last option) of all ranges of ordinal options but one and all."""
    return [
        (index, low, high)
        for index, choice in enumerate(space.choices)
        if _is_ordinal(choice)
        for low in range(len(choice.options))
        for high in range(low + 1, len(choice.options))
        if high - low < len(choice.options) - 1
    ]


def _is_ordinal(choice: Choice) -> bool:
    return choice.kind == "ordinal"
