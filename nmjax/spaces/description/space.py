"""Spaces: static descriptions of architectures by their choices, options and structure."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from nmjax.errors import NmjaxError, missing_attribute, unknown_name
from nmjax.spaces.cells.cell import Cell
from nmjax.spaces.description import configurations
from nmjax.spaces.description.cell_choices import check_cell
from nmjax.spaces.description.checks import check_distinct, check_types
from nmjax.spaces.description.choices import Choice, RealChoice
from nmjax.spaces.description.requirements import Requirement, resolve
from nmjax.spaces.description.specs import Spec, name_choices
from nmjax.spaces.description.summary import FUNCTIONS, summarize_space
from nmjax.types import Array


@dataclass(frozen=True, init=False, repr=False)
class Space:
    """A static, hashable description of architectures, compared by value.

    An architecture is int32[..., C], an option index for each of C discrete choices; real-valued
    choices are a separate array float32[..., R].

    Args:
      name: Name of the space.
      **choices: A list of options is categorical; `Ordinal`, `Integer` and `Real` are numbers;
        `when` makes a choice conditional. An option is text, a number, a boolean, None, or a list
        of these, which configurations hold as a tuple.

    Attributes:
      name: Name of the space.
      choices: The C discrete choices; the first is the most significant in a flat index.
      continuous: The R real-valued choices.
      cell: The graph that the choices describe, or None.
      valid: Pure, vectorized function int32[..., C] -> bool[...]; None if all architectures are
        valid. At least one must be valid, or sampling does not end.
      canonical: Pure, vectorized, idempotent function int32[..., C] -> int32[..., C] that gives one
        representative of each class of isomorphic architectures; None if no two are isomorphic.
      order: Names of all choices in the order in which they were declared, as in configurations.
        Spaces that differ only in it are equal.

    Raises:
      NmjaxError: There are no choices, names are repeated, a condition names no earlier discrete
        choice, or a cell does not fit the choices.

    Example:
      >>> from nmjax.spaces import Ordinal, Real, Space
      >>> space = Space("mlp", activation=["relu", "tanh"], width=Ordinal(64, 128, 256),
      ...               rate=Real(1e-4, 1e-1, log=True))
      >>> space.to_config([1, 2], [0.001])
      {'activation': 'tanh', 'width': 256, 'rate': 0.001}
      >>> space.from_config({"activation": "tanh", "width": 256, "rate": 0.001})
      (array([1, 2], dtype=int32), array([0.001], dtype=float32))
    """

    name: str
    choices: tuple[Choice, ...]
    continuous: tuple[RealChoice, ...]
    cell: Cell | None
    valid: Callable[[Array], Array] | None
    canonical: Callable[[Array], Array] | None
    order: tuple[str, ...] = field(compare=False)

    def __init__(self, name: str = "space", /, **choices: Spec) -> None:
        self._set(name, *name_choices(choices), order=choices)
        for choice, required in zip(self._all_choices, chain(*self.requirements), strict=True):
            if any(not allowed for _, allowed in required):
                raise NmjaxError(
                    f"Choice {choice.name!r} is never active, as its conditions and those of its "
                    "parents exclude each other; change them or leave it out."
                )

    @classmethod
    def build(
        cls,
        name: str,
        choices: Iterable[Choice],
        continuous: Iterable[RealChoice] = (),
        cell: Cell | None = None,
        valid: Callable[[Array], Array] | None = None,
        canonical: Callable[[Array], Array] | None = None,
    ) -> "Space":
        """The space of named choices, with a cell, a validity rule and canonical forms.

        Args:
          name: Name of the space.
          choices: The discrete choices.
          continuous: The real-valued choices.
          cell: The graph that the choices describe.
          valid: As the attribute.
          canonical: As the attribute.

        Raises:
          NmjaxError: As the class.

        Example:
          >>> from nmjax.spaces import Choice, Space
          >>> space = Space.build("pairs", [Choice("a", (1, 2)), Choice("b", (1, 2))],
          ...                     valid=lambda architecture: architecture.sum(-1) < 2)
          >>> space.size
          4
        """
        space = cls.__new__(cls)
        space._set(name, choices, continuous, cell, valid, canonical)
        return space

    def replace(self, **changes: Any) -> "Space":
        """The space with some attributes replaced, checked anew.

        Example:
          >>> from nmjax.spaces import Space
          >>> Space("a", depth=[1, 2]).replace(name="b").name
          'b'
        """
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        unknown = sorted(set(changes) - set(fields))
        if unknown:
            raise unknown_name("attribute", unknown[0], fields, of="a space")
        space = Space.__new__(Space)
        space._set(**(fields | changes))
        return space

    def _set(
        self,
        name: str,
        choices: Iterable[Choice],
        continuous: Iterable[RealChoice],
        cell: Cell | None = None,
        valid: Callable[[Array], Array] | None = None,
        canonical: Callable[[Array], Array] | None = None,
        order: Iterable[str] = (),
    ) -> None:
        fields = {
            "name": name,
            "choices": _as_tuple(choices),
            "continuous": _as_tuple(continuous),
            "cell": cell,
            "valid": valid,
            "canonical": canonical,
        }
        for attribute, value in fields.items():
            object.__setattr__(self, attribute, value)
        if not isinstance(name, str):
            hint = "keywords, as in Space(**choices)" if isinstance(name, Mapping) else "text"
            raise NmjaxError(f"A space got the name {name!r}; give {hint}.")
        what = f"Space {self.name!r}"
        check_types(what, self.choices, Choice)
        check_types(what, self.continuous, RealChoice)
        if not self.choices and not self.continuous:
            raise NmjaxError(f"{what} has no choices; give at least one.")
        check_distinct(what, self.names)
        declared = [choice for choice in order if choice in self.names]
        object.__setattr__(self, "order", tuple(dict.fromkeys([*declared, *self.names])))
        resolve(self.choices, self.continuous)
        if self.cell is not None:
            check_cell(f"The cell of space {self.name!r}", self.cell, self.choices)

    def to_config(self, architecture: Any, continuous: Any = None) -> configurations.Config:
        """An architecture as a dictionary of names and values; inactive choices are left out.

        Args:
          architecture: int[C], an option index for each discrete choice.
          continuous: float[R], required if the space has real-valued choices.

        Raises:
          NmjaxError: A shape or type does not fit, an index is no option, or a value is out of
            bounds.

        Example:
          >>> from nmjax.spaces import Space
          >>> Space(width=[64, 128], bias=[False, True]).to_config([1, 0])
          {'width': 128, 'bias': False}
        """
        indices = self.check_architecture(architecture)
        values = self._check_continuous(continuous)
        discrete, real = self.requirements
        config = configurations.chosen_options(self.choices, discrete, indices)
        config |= configurations.real_values(self.continuous, real, indices, values)
        return {name: config[name] for name in self.order if name in config}

    def from_config(self, config: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """The architecture int32[C] and the real values float32[R] of a dictionary.

        Inactive choices are absent, None or NaN; they become the first option or the lower bound.

        Args:
          config: A value for each active choice, by name.

        Raises:
          NmjaxError: A name or option is unknown (with the nearest ones), a value is missing or out
            of bounds, or an inactive choice has a value.

        Example:
          >>> from nmjax.spaces import Space
          >>> Space(width=[64, 128], bias=[False, True]).from_config({"width": 128, "bias": True})
          (array([1, 1], dtype=int32), array([], dtype=float32))
        """
        configurations.check_names(self.name, self.order, config)
        discrete, real = self.requirements
        indices = configurations.given_options(self.name, self.choices, discrete, config)
        return indices, configurations.given_values(
            self.name, self.continuous, real, indices, config
        )

    def check_architecture(self, architecture: Any) -> np.ndarray:
        """The architecture as int[C] of option indices.

        Raises:
          NmjaxError: For another shape or type, or an index that is no option.
        """
        indices = np.asarray(architecture)
        if not self.num_choices and not indices.size:
            return np.zeros(0, np.int32)
        if indices.shape != (self.num_choices,) or not np.issubdtype(indices.dtype, np.integer):
            raise NmjaxError(
                f"Got an array {indices.dtype}{list(indices.shape)} for an architecture of space "
                f"{self.name!r}; give one of int[{self.num_choices}]."
            )
        for choice, index in zip(self.choices, indices, strict=True):
            if not 0 <= index < len(choice.options):
                raise NmjaxError(
                    f"Choice {choice.name!r} has {len(choice.options)} options and got index "
                    f"{index}."
                )
        return indices

    def _check_continuous(self, continuous: Any) -> np.ndarray:
        values = np.asarray([] if continuous is None else continuous)
        if values.shape != (self.num_continuous,):
            raise NmjaxError(
                f"Got continuous values of shape {list(values.shape)} for space {self.name!r}; "
                f"give float[{self.num_continuous}], one for each of "
                f"{[real.name for real in self.continuous]}."
            )
        return values

    def __repr__(self) -> str:
        choices = sorted(self._all_choices, key=lambda choice: self.order.index(choice.name))
        is_plain = (self.cell, self.valid, self.canonical) == (None, None, None)
        return summarize_space(self.name, choices, is_plain=is_plain)

    if not TYPE_CHECKING:  # A type checker would accept every attribute.

        def __getattr__(self, name: str) -> Any:
            raise missing_attribute("Space", name, FUNCTIONS)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the discrete choices, then of the real-valued ones."""
        return (*(c.name for c in self.choices), *(r.name for r in self.continuous))

    @property
    def num_choices(self) -> int:
        """Number C of discrete choices."""
        return len(self.choices)

    @property
    def num_continuous(self) -> int:
        """Number R of real-valued choices."""
        return len(self.continuous)

    @property
    def num_options(self) -> tuple[int, ...]:
        """Number of options of each discrete choice."""
        return tuple(len(choice.options) for choice in self.choices)

    @property
    def max_options(self) -> int:
        """Largest number O of options of a choice; 1 without discrete choices."""
        return max((1, *self.num_options))

    @property
    def size(self) -> int:
        """Number of combinations of options, including invalid, isomorphic and inactive ones."""
        return math.prod(self.num_options)

    @property
    def is_conditional(self) -> bool:
        """Whether any choice is conditional."""
        return any(choice.conditions for choice in self._all_choices)

    @property
    def _all_choices(self) -> tuple[Choice | RealChoice, ...]:
        return (*self.choices, *self.continuous)

    @property
    def requirements(self) -> tuple[tuple[Requirement, ...], tuple[Requirement, ...]]:
        """What each discrete, and each real-valued, choice needs to be active."""
        return resolve(self.choices, self.continuous)


def _as_tuple(choices: Any) -> tuple[Any, ...]:
    """The choices as a tuple, of one element if they are no collection."""
    return tuple(choices) if isinstance(choices, Iterable) else (choices,)
