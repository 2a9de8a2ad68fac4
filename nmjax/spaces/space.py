"""What an architecture is: a static description of choices, their options and the structure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces.cells.cell import Cell
from nmjax.types import Array

Option = str | int | float
Scale = Literal["linear", "log"]


def _check_scale(what: str, scale: str, low: float) -> None:
    if scale not in ("linear", "log"):
        raise NmjaxError(f"{what} has the scale {scale!r}; give 'linear' or 'log'.")
    if scale == "log" and low <= 0:
        raise NmjaxError(f"{what} starts at {low} on a log scale; give positive values.")


def _check_name(what: str, name: str) -> None:
    if not name or "=" in name or name.split() != [name]:
        raise NmjaxError(f"{what} is named {name!r}; give a name without blanks or '='.")


def _check_distinct(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise NmjaxError(f"{what} has {twice} more than once; give each a name of its own.")


@dataclass(frozen=True)
class Choice:
    """A decision among named options.

    Attributes:
      name: unique in its space, without blanks.
      options: what can be chosen, numbers of NumPy as Python's; an architecture holds the index.
      kind: "ordinal" options are increasing numbers, whose values the encoding tells too.
      scale: on which an ordinal choice's options are compared.

    Raises:
      NmjaxError: for no options, repeated ones, or ordinal ones that are not increasing numbers.
    """

    name: str
    options: tuple[Option, ...]
    kind: Literal["categorical", "ordinal"] = "categorical"
    scale: Scale = "linear"

    def __post_init__(self):
        plain = (o.item() if isinstance(o, np.generic) else o for o in self.options)
        object.__setattr__(self, "options", tuple(plain))
        what = f"Choice {self.name!r}"
        _check_name(what, self.name)
        if not self.options:
            raise NmjaxError(f"{what} has no options; give at least one.")
        texts = [str(option) for option in self.options]
        _check_distinct(what, texts)
        blank = [text for text in texts if text.split() != [text]]
        if blank:
            raise NmjaxError(f"{what} has the options {blank}; give options without blanks.")
        if self.kind not in ("categorical", "ordinal"):
            raise NmjaxError(f"{what} has kind {self.kind!r}; give 'categorical' or 'ordinal'.")
        if self.kind == "ordinal":
            numbers = [float(o) for o in self.options if isinstance(o, int | float)]
            if len(numbers) < len(texts) or any(np.diff(numbers) <= 0):
                raise NmjaxError(
                    f"{what} is ordinal with the options {texts}; give increasing numbers."
                )
            _check_scale(what, self.scale, numbers[0])

    @property
    def values(self) -> np.ndarray:
        """float32[O]: an ordinal choice's options on its scale, spread over [-1, 1]."""
        options = np.asarray(self.options, np.float64)
        options = np.log(options) if self.scale == "log" else options
        span = options[-1] - options[0]
        values = 2 * (options - options[0]) / span - 1 if span else np.zeros(1)
        return values.astype(np.float32)


@dataclass(frozen=True)
class Real:
    """A real-valued choice in [low, high], uniform on its scale.

    Raises:
      NmjaxError: for bounds that are not finite and increasing, or not positive on a log scale.
    """

    name: str
    low: float
    high: float
    scale: Scale = "linear"

    def __post_init__(self):
        what = f"Real {self.name!r}"
        _check_name(what, self.name)
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise NmjaxError(f"{what} has bounds [{self.low}, {self.high}]; give low < high.")
        _check_scale(what, self.scale, self.low)


@dataclass(frozen=True)
class Space:
    """A static, hashable description of architectures.

    An architecture is int32[..., C], an option index for each of C choices; real-valued choices
    are a separate float32[..., R].

    Attributes:
      name: of the space.
      choices: the C discrete choices, the first being the most significant in a flat index.
      continuous: the R real-valued choices.
      cell: the graph that the choices describe, if they describe one.
      valid: int32[..., C] -> bool[...], pure and vectorized; None where all are valid. Some
        architecture must be, or sampling does not end.
      canonical: int32[..., C] -> int32[..., C], pure and vectorized: one architecture for each
        class of isomorphic ones; None where no two are isomorphic.

    Raises:
      NmjaxError: for no choices at all, repeated names, or a cell that does not fit the choices.
    """

    name: str
    choices: tuple[Choice, ...]
    continuous: tuple[Real, ...] = ()
    cell: Cell | None = None
    valid: Callable[[Array], Array] | None = None
    canonical: Callable[[Array], Array] | None = None

    def __post_init__(self):
        object.__setattr__(self, "choices", tuple(self.choices))
        object.__setattr__(self, "continuous", tuple(self.continuous))
        what = f"Space {self.name!r}"
        if not self.choices and not self.continuous:
            raise NmjaxError(f"{what} has no choices; give at least one.")
        _check_distinct(what, list(self.names))
        if self.cell is not None:
            self._check_cell(self.cell)

    def _check_cell(self, cell: Cell) -> None:
        what = f"The cell of space {self.name!r}"
        used = [*cell.labels, *([] if cell.topology is None else [cell.topology])]
        if not all(0 <= index < self.num_choices for index in used):
            raise NmjaxError(f"{what} names choices {used}; there are {self.num_choices}.")
        if len({self.choices[index].options for index in cell.labels}) != 1:
            raise NmjaxError(f"{what} has nodes with different options; give all the same.")
        if cell.topology is not None:
            options = self.choices[cell.topology].options
            if len(options) != len(cell.topologies):
                raise NmjaxError(
                    f"{what} has {len(cell.topologies)} topologies for the {len(options)} options "
                    f"of {self.choices[cell.topology].name!r}; give one for each."
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the discrete choices, then of the real-valued ones."""
        return (*(c.name for c in self.choices), *(r.name for r in self.continuous))

    @property
    def num_choices(self) -> int:
        """C."""
        return len(self.choices)

    @property
    def num_continuous(self) -> int:
        """R."""
        return len(self.continuous)

    @property
    def num_options(self) -> tuple[int, ...]:
        """The number of options of each choice."""
        return tuple(len(choice.options) for choice in self.choices)

    @property
    def max_options(self) -> int:
        """O, the largest number of options of a choice; 1 where there is none."""
        return max((1, *self.num_options))

    @property
    def size(self) -> int:
        """The number of ways to choose, valid or not, isomorphic or not."""
        return math.prod(self.num_options)
