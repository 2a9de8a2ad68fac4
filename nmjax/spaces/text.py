"""Architectures as text: `link=0112 op1=gat op2=gcn op3=skip op4=fc`."""

from typing import Any

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces.space import Choice, Space


def to_text(space: Space, architecture: Any) -> str:
    """One architecture int[C] as `choice=option` words.

    Raises:
      NmjaxError: for another shape, or an index that is no option.
    """
    indices = np.asarray(architecture)
    if indices.shape != (space.num_choices,) or not np.issubdtype(indices.dtype, np.integer):
        raise NmjaxError(
            f"Got an array {indices.dtype}{list(indices.shape)} for an architecture of space "
            f"{space.name!r}; give one of int[{space.num_choices}]."
        )
    words = []
    for choice, index in zip(space.choices, indices, strict=True):
        if not 0 <= index < len(choice.options):
            raise NmjaxError(
                f"Choice {choice.name!r} has {len(choice.options)} options and got index {index}."
            )
        words.append(f"{choice.name}={choice.options[index]}")
    return " ".join(words)


def parse(space: Space, text: str) -> np.ndarray:
    """The architecture int32[C] that `text` describes, its words in any order.

    Raises:
      NmjaxError: for a word that is not `choice=option`, an unknown choice or option (with the
        nearest known ones), or a choice that is missing or given twice.
    """
    choices = {choice.name: choice for choice in space.choices}
    found: dict[str, int] = {}
    for word in text.split():
        name, equals, option = word.partition("=")
        if not equals:
            raise NmjaxError(f"Got the word {word!r}; write an architecture as choice=option.")
        if name not in choices:
            raise unknown_name(f"choice of space {space.name!r}", name, choices)
        if name in found:
            raise NmjaxError(f"Choice {name!r} is given twice; give it once.")
        found[name] = _option_index(choices[name], option)
    missing = [name for name in choices if name not in found]
    if missing:
        raise NmjaxError(
            f"The choices {missing} are missing; add a word such as "
            f"'{missing[0]}={choices[missing[0]].options[0]}' for each."
        )
    return np.array([found[name] for name in choices], np.int32)


def _option_index(choice: Choice, text: str) -> int:
    names = [str(option) for option in choice.options]
    if text in names:
        return names.index(text)
    for index, option in enumerate(choice.options):
        if isinstance(option, int | float) and _as_number(text) == option:
            return index
    raise unknown_name(f"option of {choice.name!r}", text, names)


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
