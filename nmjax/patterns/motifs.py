"""Motifs: parts that an architecture can contain."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Space, encode, encoding_names
from nmjax.types import Array


@partial(jax.jit, static_argnames="space")
def find_motifs(space: Space, architecture: Array) -> Array:
    """Motifs that architectures int32[..., C] contain: bool[..., F], named by `motif_names`.

    A motif is an option of a choice; a range of two or more neighboring options of an ordinal
    choice; and in a cell an operation, an operation at a depth, a pair along an edge or a path of
    three (`nmjax.spaces.structure`). Motifs imply one another, as "a>b" implies "a", so that those
    implied by an enriched motif are enriched too. Isomorphic architectures may differ in their
    motifs; where that matters, apply `nmjax.spaces.canonicalize` first.

    Raises:
      NmjaxError: the space has no discrete choices, or the architectures do not fit it.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import find_motifs
      >>> from nmjax.spaces import Space
      >>> space = Space("tiny", op=["a", "b"])
      >>> find_motifs(space, jnp.array([[0], [1]]))
      Array([[ True, False],
             [False,  True]], dtype=bool)
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
    """Names of the F motifs, such as "op1=gat", "gat>output" or "depth=1..2".

    Raises:
      NmjaxError: the space has no discrete choices.

    Example:
      >>> from nmjax.patterns import motif_names
      >>> from nmjax.spaces import Space
      >>> motif_names(Space("tiny", op=["a", "b"]))
      ('op=a', 'op=b')
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
    """Positions of the encoded features that are counts, not values of ordinal choices."""
    num_ordinal = sum(_is_ordinal(choice) for choice in space.choices)
    values = sum(space.num_options) + np.arange(num_ordinal)
    return np.delete(np.arange(len(encoding_names(space))), values)


def _ranges(space: Space) -> list[tuple[int, int, int]]:
    """Ranges (choice, first option, last option) of ordinal options, neither single nor full."""
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
