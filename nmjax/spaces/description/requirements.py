"""What a choice needs to be active: its own conditions and those of its ancestors."""

from functools import lru_cache

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces.description.choices import Choice, RealChoice

# Pairs of the index of an ancestor and the indices of its options under which the choice is active.
Requirement = tuple[tuple[int, tuple[int, ...]], ...]


@lru_cache(maxsize=256)
def resolve(
    choices: tuple[Choice, ...], continuous: tuple[RealChoice, ...]
) -> tuple[tuple[Requirement, ...], tuple[Requirement, ...]]:
    """The requirements of each discrete and of each real-valued choice; empty if always active.

    Conditions are closed over ancestors: a child needs all that its parents need. Each ancestor
    occurs once, so the activity of a choice is a product over distinct choices, and multilinear.

    Raises:
      NmjaxError: A condition names an unknown choice or option, a real-valued choice, or a choice
        that does not come earlier.
    """
    places = {choice.name: place for place, choice in enumerate(choices)}
    real_names = {choice.name for choice in continuous}
    discrete: list[Requirement] = []
    for place, choice in enumerate(choices):
        discrete.append(_closed(choice, places, real_names, choices, discrete, place))
    real = [
        _closed(choice, places, real_names, choices, discrete, len(choices))
        for choice in continuous
    ]
    return tuple(discrete), tuple(real)


def is_met(required: Requirement, indices: np.ndarray) -> bool:
    """Whether the options int[C] of an architecture meet a requirement."""
    return all(indices[parent] in allowed for parent, allowed in required)


def _closed(
    choice: Choice | RealChoice,
    places: dict[str, int],
    real_names: set[str],
    choices: tuple[Choice, ...],
    known: list[Requirement],
    before: int,
) -> Requirement:
    allowed: dict[int, set[int]] = {}
    for parent, options in choice.conditions:
        place = _parent_place(choice.name, parent, places, real_names, before)
        own = (place, tuple(choices[place].index_of(option) for option in options))
        for ancestor, indices in (*known[place], own):
            allowed[ancestor] = allowed.get(ancestor, set(indices)) & set(indices)
    return tuple((ancestor, tuple(sorted(allowed[ancestor]))) for ancestor in sorted(allowed))


def _parent_place(
    name: str, parent: str, places: dict[str, int], real_names: set[str], before: int
) -> int:
    if parent in real_names:
        raise NmjaxError(
            f"Choice {name!r} is conditional on {parent!r}, which is real-valued; a parent must be "
            "a discrete choice."
        )
    if parent not in places:
        known = [other for other in places if other != name]
        raise unknown_name("possible parent", parent, known, of=f"choice {name!r}")
    if places[parent] >= before:
        raise NmjaxError(
            f"Choice {name!r} is conditional on {parent!r}, which does not come before it; list "
            "parents first."
        )
    return places[parent]
