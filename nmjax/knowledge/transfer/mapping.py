"""Mappings between spaces that share choices and options, matched by name.

A mapping into a space with all the options of the source is lossless: NAS-Bench-201 contains those
of TransNAS-Bench-101's micro cells, and NAS-Bench-Graph those of its `proteins`. In the opposite
direction, architectures without a counterpart are left out or mapped to the nearest one.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces import Condition, Space, at_options, check_discrete
from nmjax.spaces.description.options import option_text
from nmjax.types import Array

NAS_BENCH_201_TO_TRANSNAS101: Mapping[str, str] = {
    "skip_connect": "skip",
    "nor_conv_1x1": "conv1x1",
    "nor_conv_3x3": "conv3x3",
    **{f"Op{edge}": f"op{edge}" for edge in range(6)},
}
"""Synonyms that map NAS-Bench-201 to the micro cells of TransNAS-Bench-101.

Example:
  >>> from nmjax.knowledge import NAS_BENCH_201_TO_TRANSNAS101
  >>> NAS_BENCH_201_TO_TRANSNAS101["skip_connect"]
  'skip'
"""


class MatchedChoices(NamedTuple):
    """Correspondence of the choices and options of two spaces.

    Attributes:
      choice: int32[C], index of the source's choice for each of the target's; -1 without one.
      option: int32[C, O], index of the target's option for each option of that source choice; -1
        without one.
      missing: Choices and options of the source that the target lacks, as "choice" or
        "choice=option".

    Example:
      >>> from nmjax.knowledge import match_choices
      >>> from nmjax.spaces import Space
      >>> match_choices(Space(width=[8, 16], op=["a"]), Space(width=[8, 32])).missing
      ('width=16', 'op')
    """

    choice: np.ndarray
    option: np.ndarray
    missing: tuple[str, ...]


def rename(space: Space, synonyms: Mapping[str, str]) -> Space:
    """Rename choices and options of a space.

    Args:
      space: Space to rename.
      synonyms: New names by old name.

    Raises:
      NmjaxError: Two choices, or two options of a choice, get the same name.

    Example:
      >>> from nmjax.knowledge import rename
      >>> from nmjax.spaces import Space
      >>> rename(Space(width=[8, 16]), {"width": "channels"}).names
      ('channels',)
    """
    choices = [
        replace(
            choice,
            name=synonyms.get(choice.name, choice.name),
            options=tuple(synonyms.get(option_text(option), option) for option in choice.options),
            conditions=_renamed(choice.conditions, synonyms),
        )
        for choice in space.choices
    ]
    continuous = [
        replace(
            real,
            name=synonyms.get(real.name, real.name),
            conditions=_renamed(real.conditions, synonyms),
        )
        for real in space.continuous
    ]
    return space.replace(choices=tuple(choices), continuous=tuple(continuous))


def _renamed(
    conditions: tuple[Condition, ...], synonyms: Mapping[str, str]
) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            synonyms.get(parent, parent),
            tuple(synonyms.get(option_text(option), option) for option in options),
        )
        for parent, options in conditions
    )


def match_choices(
    source_space: Space, target_space: Space, synonyms: Mapping[str, str] | None = None
) -> MatchedChoices:
    """Match the choices and options of two spaces by name.

    Args:
      source_space: Space to map from.
      target_space: Space to map to.
      synonyms: The target's names of choices and options, by the source's name.

    Raises:
      NmjaxError: The spaces have no choice with a common option, or one of them has real-valued
        choices.

    Example:
      >>> from nmjax.knowledge import match_choices
      >>> from nmjax.spaces import Space
      >>> match_choices(Space(width=[8, 16]), Space(width=[16, 8])).option.tolist()
      [[1, 0]]
    """
    for space in (source_space, target_space):
        check_discrete(space, "a mapping between spaces")
    named = rename(source_space, synonyms or {})
    position = {choice.name: index for index, choice in enumerate(named.choices)}
    choice = [position.get(target.name, -1) for target in target_space.choices]
    option = np.full((target_space.num_choices, source_space.max_options), -1, np.int32)
    for row, index, target in zip(option, choice, target_space.choices, strict=True):
        if index >= 0:
            texts = [option_text(name) for name in target.options]
            found = [option_text(name) for name in named.choices[index].options]
            row[: len(found)] = [texts.index(name) if name in texts else -1 for name in found]
    if (option < 0).all():
        raise NmjaxError(
            f"Spaces {source_space.name!r} and {target_space.name!r} have no choice with an option "
            "in common; give the names that correspond as synonyms."
        )
    missing: list[str] = []
    for index, source in enumerate(source_space.choices):
        if index not in choice:
            missing.append(source.name)
            continue
        to = option[choice.index(index)]
        missing += [
            f"{source.name}={option_text(o)}"
            for o, at in zip(source.options, to, strict=False)
            if at < 0
        ]
    return MatchedChoices(np.array(choice, np.int32), option, tuple(missing))


def map_architectures(
    source_space: Space,
    target_space: Space,
    architecture: ArrayLike,
    synonyms: Mapping[str, str] | None = None,
) -> tuple[Array, Array]:
    """Map architectures from one space to another.

    Args:
      source_space: Space of the architectures.
      target_space: Space to map to.
      architecture: int32[..., C], architectures.
      synonyms: As in `match_choices`.

    Returns:
      Architectures int32[..., C'], with option 0 where a choice has no counterpart; and
      bool[..., C'], whether each choice has one.

    Raises:
      NmjaxError: As in `match_choices`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import map_architectures
      >>> from nmjax.spaces import Space
      >>> mapped, known = map_architectures(
      ...     Space(width=[8, 16]), Space(width=[4, 8]), jnp.array([[0], [1]]))
      >>> mapped.tolist(), known.tolist()
      ([[1], [0]], [[True], [False]])
    """
    return apply_matches(match_choices(source_space, target_space, synonyms), architecture)


def apply_matches(shared: MatchedChoices, architecture: ArrayLike) -> tuple[Array, Array]:
    """Apply matched choices; returns as `map_architectures`."""
    chosen = jnp.asarray(architecture)[..., np.maximum(shared.choice, 0)]
    option = at_options(shared.option, chosen)
    known = option >= 0
    return jnp.where(known, option, 0), known
