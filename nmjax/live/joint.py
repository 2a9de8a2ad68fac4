"""Spaces that join the architectures of a family with the numbers of training."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.live.family import Family, number_of
from nmjax.live.settings import TrainingConfig, TrainingHyper
from nmjax.spaces import Ordinal, Space
from nmjax.types import Array


def training_space(family: Family, name: str = "live", /, **numbers: Ordinal) -> Space:
    """The family's choices, followed by choices of training numbers.

    Args:
      family: Family of the children.
      name: Name of the space.
      **numbers: An `Ordinal` for each field of `TrainingHyper` that is searched.

    Raises:
      NmjaxError: A keyword is not a field of `TrainingHyper`.

    Example:
      >>> from nmjax.live import MLPFamily, training_space
      >>> from nmjax.spaces import Ordinal
      >>> training_space(MLPFamily(4, 3), learning_rate=Ordinal(0.01, 0.1)).names[-1]
      'learning_rate'
    """
    unknown = sorted(set(numbers) - set(TrainingHyper._fields))
    if unknown:
        raise NmjaxError(
            f"Got the training numbers {unknown}; choose among {list(TrainingHyper._fields)}."
        )
    choices = [spec.named(number) for number, spec in numbers.items()]
    return Space.build(name, [*family.space.choices, *choices])


def optimizer_configs(space: Space, config: TrainingConfig) -> list[TrainingConfig]:
    """The settings for each option of the choice `optimizer`; those given without that choice."""
    if "optimizer" not in space.names:
        return [config]
    options: Any = space.choices[space.names.index("optimizer")].options
    return [replace(config, optimizer=name) for name in options]


def split_architecture(
    space: Space, family: Family, architecture: ArrayLike
) -> tuple[Array, TrainingHyper]:
    """The family's architecture int32[..., C'] and the training numbers of int32[..., C].

    Numbers without a choice in the space have the defaults of `TrainingHyper`.

    Args:
      space: A space with all choices of the family, such as `training_space` makes.
      family: Family of the children.
      architecture: int32[..., C], may be traced.

    Raises:
      NmjaxError: The space lacks a choice of the family, or has it with other options.

    Example:
      >>> from nmjax.live import MLPFamily, split_architecture, training_space
      >>> from nmjax.spaces import Ordinal
      >>> family = MLPFamily(4, 3)
      >>> space = training_space(family, learning_rate=Ordinal(0.01, 0.1))
      >>> own, hyper = split_architecture(space, family, [1, 2, 0, 1, 1])
      >>> own.tolist(), round(float(hyper.learning_rate), 2)
      ([1, 2, 0, 1], 0.1)
    """
    rows = jnp.asarray(architecture, jnp.int32)
    options = {choice.name: choice.options for choice in space.choices}
    for choice in family.space.choices:
        if options.get(choice.name) != choice.options:
            raise NmjaxError(
                f"Space {space.name!r} has {options.get(choice.name, 'no options')} for the choice "
                f"{choice.name!r}, of which the family has {choice.options}: make the space by "
                "training_space."
            )
    columns = np.array([space.names.index(name) for name in family.space.names], np.int32)
    numbers = {
        name: number_of(space, name, rows) for name in TrainingHyper._fields if name in options
    }
    return rows[..., columns], TrainingHyper(**numbers)
