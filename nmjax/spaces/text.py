"""Architectures as text: `link=0112 op1=gat op2=gcn op3=skip op4=fc`."""

import re
import shlex
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces.description.configurations import chosen_options
from nmjax.spaces.description.options import option_text
from nmjax.spaces.description.requirements import is_met
from nmjax.spaces.description.space import Space


def to_text(space: Space, architecture: Any, continuous: Any = None) -> str:
    """One architecture int[C] as `choice=option` words; inactive choices are left out.

    An option with blanks or quotes is quoted, as in a shell: `kernel='[3, 5]'`.

    Args:
      space: Space of the architecture.
      architecture: int[C].
      continuous: float[R]; without it, real-valued choices are left out.

    Raises:
      NmjaxError: For another shape, or an index that is no option.

    Example:
      >>> from nmjax.spaces import Space, to_text
      >>> to_text(Space(op=["gat", "gcn"], width=[64, 128]), [1, 0])
      'op=gcn width=64'
    """
    if continuous is None:
        indices = space.check_architecture(architecture)
        config = chosen_options(space.choices, space.requirements[0], indices)
    else:
        config = space.to_config(architecture, continuous)
    words = ((_quoted(name), _quoted(option_text(value))) for name, value in config.items())
    return " ".join(f"{name}={value}" for name, value in words)


def parse(space: Space, text: str) -> np.ndarray:
    """The architecture int32[C] that `text` describes, its words in any order.

    Real-valued choices are not read; use `Space.from_config` for them.

    Raises:
      NmjaxError: A word is not `choice=option`, a choice or option is unknown (with the nearest
        ones), or a choice is missing, inactive or given twice.

    Example:
      >>> from nmjax.spaces import Space, parse
      >>> parse(Space(op=["gat", "gcn"], width=[64, 128]), "width=64 op=gcn").tolist()
      [1, 0]
    """
    choices = {choice.name: choice for choice in space.choices}
    found: dict[str, int] = {}
    for word in _words(text):
        name, equals, option = word.partition("=")
        if not equals:
            raise NmjaxError(f"Got the word {word!r}; write an architecture as choice=option.")
        if name not in choices:
            raise unknown_name("choice", name, choices, of=f"space {space.name!r}")
        if name in found:
            raise NmjaxError(f"Choice {name!r} is given twice; give it once.")
        found[name] = choices[name].index_of_text(option)
    required = dict(zip(choices, space.requirements[0], strict=True))
    place = {name: number for number, name in enumerate(choices)}
    indices = np.zeros(space.num_choices, np.int32)
    missing = []
    for name in choices:
        active = is_met(required[name], indices)
        if active and name not in found:
            missing.append(name)
        if not active and name in found:
            raise NmjaxError(f"Choice {name!r} is inactive in {text!r}; leave it out.")
        indices[place[name]] = found.get(name, 0)
    if missing:
        option = _quoted(option_text(choices[missing[0]].options[0]))
        raise NmjaxError(
            f"The choices {missing} are missing; add a word such as {missing[0]}={option} for each."
        )
    return indices


def _quoted(text: str) -> str:
    return shlex.quote(text) if re.search(r"[\s'\"\\\\]", text) else text


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise NmjaxError(f"Got {text!r} with {str(error).lower()}; close each quotation.") from None
