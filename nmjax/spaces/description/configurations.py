"""Configurations: dictionaries of the names and values of active choices."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces.description.checks import to_python
from nmjax.spaces.description.choices import Choice, RealChoice
from nmjax.spaces.description.options import is_missing
from nmjax.spaces.description.requirements import Requirement, is_met

Config = dict[str, Any]


def chosen_options(
    choices: Sequence[Choice], requirements: Sequence[Requirement], indices: np.ndarray
) -> Config:
    """Names and options of the active discrete choices of an architecture int[C]."""
    return {
        choice.name: choice.options[index]
        for choice, index, required in zip(choices, indices, requirements, strict=True)
        if is_met(required, indices)
    }


def is_given(
    space: str, choice: Choice | RealChoice, active: bool, config: Mapping[str, Any]
) -> bool:
    """Whether a choice is active, and therefore has a value in a configuration.

    Raises:
      NmjaxError: An active choice is missing, or an inactive one has a value.
    """
    value = to_python(config.get(choice.name))
    if active and choice.name not in config:
        raise NmjaxError(
            f"The configuration {dict(config)} of space {space!r} has no {choice.name!r}; "
            "give a value for each active choice."
        )
    if not active and not is_missing(value):
        needs = " and ".join(
            f"{parent} in {list(options)}" for parent, options in choice.conditions
        )
        raise NmjaxError(
            f"Choice {choice.name!r} got {value!r} but is active only with {needs}; leave it out."
        )
    return active
