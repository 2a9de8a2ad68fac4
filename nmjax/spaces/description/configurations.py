"""Configurations: dictionaries of the names and values of active choices."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
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


def real_values(
    choices: Sequence[RealChoice],
    requirements: Sequence[Requirement],
    indices: np.ndarray,
    values: np.ndarray,
) -> Config:
    """Names and values of the active real-valued choices float[R] of an architecture int[C]."""
    config: Config = {}
    for choice, value, required in zip(choices, values, requirements, strict=True):
        if is_met(required, indices):
            shortest = float(str(np.float32(choice.check(value))))
            config[choice.name] = min(max(shortest, choice.low), choice.high)
    return config


def check_names(space: str, names: Sequence[str], config: Any) -> None:
    """Raises an NmjaxError unless a configuration is a dictionary of the names of choices."""
    if not isinstance(config, Mapping):
        raise NmjaxError(
            f"Got {config!r} for a configuration of space {space!r}; give a dictionary "
            f"with the names {list(names)}."
        )
    for name in config:
        if name not in names:
            raise unknown_name("choice", str(name), names, of=f"space {space!r}")


def given_options(
    space: str,
    choices: Sequence[Choice],
    requirements: Sequence[Requirement],
    config: Mapping[str, Any],
) -> np.ndarray:
    """Option indices int32[C] of a configuration; those of inactive choices are 0.

    Raises:
      NmjaxError: An option is unknown or missing, or an inactive choice has a value.
    """
    indices = np.zeros(len(choices), np.int32)
    for place, (choice, required) in enumerate(zip(choices, requirements, strict=True)):
        if _is_given(space, choice, is_met(required, indices), config):
            indices[place] = choice.index_of(config[choice.name])
    return indices


def given_values(
    space: str,
    choices: Sequence[RealChoice],
    requirements: Sequence[Requirement],
    indices: np.ndarray,
    config: Mapping[str, Any],
) -> np.ndarray:
    """Real values float32[R] of a configuration; those of inactive choices are lower bounds.

    Raises:
      NmjaxError: A value is out of bounds or missing, or an inactive choice has a value.
    """
    values = np.array([choice.low for choice in choices], np.float32)
    for place, (choice, required) in enumerate(zip(choices, requirements, strict=True)):
        if _is_given(space, choice, is_met(required, indices), config):
            values[place] = choice.check(config[choice.name])
    return values


def _is_given(
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
