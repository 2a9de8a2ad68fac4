"""Spaces restricted to a subset of their options."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import (
    Cell,
    Condition,
    RealChoice,
    Space,
    at_options,
    canonicalize,
    is_valid,
    to_index,
)
from nmjax.spaces.cells.isomorphism import look_up, representatives
from nmjax.spaces.description.options import Option
from nmjax.spaces.enumeration import ENUMERABLE
from nmjax.spaces.indexing import from_flat
from nmjax.types import Array


def restrict_space(
    space: Space, kept: np.ndarray, continuous: tuple[RealChoice, ...] | None = None
) -> Space:
    """Restrict a space to a subset of its options.

    The cell, validity and isomorphism are those of the original space; one of the remaining members
    of an isomorphism class represents it. Above ten million architectures classes are not merged.

    Args:
      space: Space to restrict.
      kept: bool[C, O], options to keep.
      continuous: Real-valued choices with ranges within the original ones, which are the default.

    Raises:
      NmjaxError: A choice keeps no option, nodes of a cell keep different ones, or no valid
        architecture is left.

    Example:
      >>> import numpy as np
      >>> from nmjax.knowledge import restrict_space
      >>> from nmjax.spaces import Space
      >>> restrict_space(Space(op=["a", "b", "c"]), np.array([[True, False, True]])).size
      2
    """
    options = [
        np.flatnonzero(row[:count]) for row, count in zip(kept, space.num_options, strict=True)
    ]
    for choice, chosen in zip(space.choices, options, strict=True):
        if not len(chosen):
            raise NmjaxError(f"Choice {choice.name!r} keeps no option; keep at least one.")
    continuous = space.continuous if continuous is None else continuous
    if continuous == space.continuous and tuple(map(len, options)) == space.num_options:
        return space
    left = {
        choice.name: tuple(choice.options[i] for i in chosen)
        for choice, chosen in zip(space.choices, options, strict=True)
    }
    choices = tuple(
        replace(choice, options=left[choice.name], conditions=_remaining(choice.conditions, left))
        for choice in space.choices
    )
    continuous = tuple(
        replace(real, conditions=_remaining(real.conditions, left)) for real in continuous
    )
    cell = space.cell
    if cell is not None and cell.topology is not None:
        topologies = tuple(cell.topologies[i] for i in options[cell.topology])
        cell = Cell(cell.labels, topologies, cell.topology)
    num_options = tuple(map(len, options))
    index = pad_options(options)

    def valid(architecture: Array) -> Array:
        remains: Array = is_valid(space, at_options(index, architecture))
        return remains

    restricted = Space.build(
        f"{space.name}-restricted",
        choices,
        continuous,
        cell,
        None if space.valid is None else valid,
    )
    if restricted.size > ENUMERABLE:
        return restricted
    everything = from_flat(np.arange(restricted.size, dtype=np.int32), num_options)
    if not np.any(is_valid(restricted, everything)):
        raise NmjaxError(
            f"No architecture of space {space.name!r} with only the options "
            f"{[list(choice.options) for choice in choices]} is valid; keep more options."
        )
    if space.canonical is None:
        return restricted
    codes = to_index(space, canonicalize(space, at_options(index, everything)))
    table = representatives(np.asarray(codes))

    def canonical(architecture: Array) -> Array:
        return look_up(table, num_options, architecture)

    return restricted.replace(canonical=canonical)


def _remaining(
    conditions: tuple[Condition, ...], left: Mapping[str, tuple[Option, ...]]
) -> tuple[Condition, ...]:
    """Conditions without the parents' options that were removed."""
    return tuple(
        Condition(parent, tuple(option for option in options if option in left[parent]))
        for parent, options in conditions
    )


def pad_options(options: list[np.ndarray]) -> np.ndarray:
    """Pad ragged option indices to int32[C, O] by repeating the last index of each row."""
    longest = max(map(len, options), default=0)
    rows = [np.pad(chosen, (0, longest - len(chosen)), mode="edge") for chosen in options]
    return np.array(rows, np.int32).reshape(len(rows), longest)
