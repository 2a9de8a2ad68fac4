"""Named choices: discrete options, real-valued ranges, and the conditions that activate them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces.description.checks import (
    check_bounds,
    check_distinct,
    check_name,
    check_ordinal,
    check_scale,
    is_finite,
    is_number,
    to_python,
)
from nmjax.spaces.description.options import (
    Option,
    check_option,
    check_unequal,
    is_equal,
    is_equal_in_float32,
    is_missing,
    option_text,
    reads_as,
    to_option,
)

Kind = Literal["categorical", "ordinal"]
Scale = Literal["linear", "log"]


class Condition(NamedTuple):
    """A requirement on another choice: the parent has one of these options.

    Attributes:
      parent: Name of a discrete choice that comes earlier in the space.
      options: Options of the parent under which the conditional choice is active. With no options
        the choice is never active.

    Example:
      >>> from nmjax.spaces import Choice, Condition
      >>> Choice("nesterov", (False, True), conditions=(Condition("optimizer", ("sgd",)),)).name
      'nesterov'
    """

    parent: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Choice:
    """A named decision among options.

    Attributes:
      name: Unique in its space, without blanks or "=".
      options: Text, finite numbers, booleans, None, and lists of these, which may be mixed. NumPy
        scalars become Python's, and lists become tuples. An architecture holds the index of an
        option.
      kind: "categorical", or "ordinal" for increasing numbers, whose values the encoding includes.
      scale: "linear" or "log", the scale on which the options of an ordinal choice are compared.
      conditions: Requirements for the choice to be active; all must hold.

    Raises:
      NmjaxError: There are no options, two options are equal or written alike, an option is of
        another type, is empty or begins or ends with a blank, or the options of an ordinal choice
        are not increasing finite numbers.

    Example:
      >>> from nmjax.spaces import Choice
      >>> width = Choice("width", (64, 128, 256), kind="ordinal", scale="log")
      >>> width.values.tolist()
      [-1.0, 0.0, 1.0]
      >>> width.index_of(128)
      1
    """

    name: str
    options: tuple[Option, ...]
    kind: Kind = "categorical"
    scale: Scale = "linear"
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        what = f"Choice {self.name!r}"
        check_name(what, self.name)
        object.__setattr__(self, "options", tuple(map(to_option, self.options)))
        object.__setattr__(self, "conditions", _conditions(what, self.conditions))
        if not self.options:
            raise NmjaxError(f"{what} has no options; give at least one.")
        for option in self.options:
            check_option(what, option)
        check_distinct(what, [option_text(option) for option in self.options])
        check_unequal(what, self.options)
        if self.kind not in ("categorical", "ordinal"):
            raise NmjaxError(f"{what} has kind {self.kind!r}; give 'categorical' or 'ordinal'.")
        check_scale(what, self.scale)
        if self.kind == "ordinal":
            check_ordinal(what, self.options, self.scale)

    @property
    def values(self) -> np.ndarray:
        """Options of an ordinal choice on its scale, spread over [-1, 1]: float32[O]."""
        options = np.asarray(self.options, np.float64)
        options = np.log(options) if self.scale == "log" else options
        span = options[-1] - options[0]
        values = 2 * (options - options[0]) / span - 1 if span else np.zeros(1)
        return values.astype(np.float32)

    def index_of(self, value: Any) -> int:
        """Index of the option that equals `value`.

        Numbers match by value (128.0 is the option 128, and a float32 matches the option that it
        rounds); booleans match booleans only, and text matches text only. A list matches a tuple.

        Raises:
          NmjaxError: No option equals `value`; the message suggests the nearest ones.
        """
        value = to_option(value)
        for same in (is_equal, is_equal_in_float32):
            found = [index for index, option in enumerate(self.options) if same(option, value)]
            if len(found) == 1:
                return found[0]
        raise self._no_option(value)

    def index_of_text(self, text: str) -> int:
        """Index of the option that is written as `text`, such as "gat", "1e-3", "true" or "[3, 5]".

        Raises:
          NmjaxError: No option is written so; the message suggests the nearest ones.
        """
        names = [option_text(option) for option in self.options]
        if text in names:
            return names.index(text)
        for index, option in enumerate(self.options):
            if reads_as(text, option):
                return index
        raise unknown_name("option", text, names, of=repr(self.name))

    def _no_option(self, value: Any) -> NmjaxError:
        if is_missing(value):
            return NmjaxError(
                f"Choice {self.name!r} got {value}; give one of {list(self.options)}."
            )
        if self.kind == "ordinal" and is_number(value) and is_finite(value):
            numbers = [option for option in self.options if is_number(option)]
            nearest = min(numbers, key=lambda option: abs(float(option) - float(value)))
            return NmjaxError(
                f"Choice {self.name!r} got {value!r}, which is not one of its options; the "
                f"nearest is {nearest!r}."
            )
        names = [option if isinstance(option, str) else repr(option) for option in self.options]
        text = value if isinstance(value, str) else repr(value)
        if text in names:
            return NmjaxError(
                f"Choice {self.name!r} got {value!r} of type {type(value).__name__}; give an "
                f"option as it was declared, one of {list(self.options)}."
            )
        return unknown_name("option", text, names, of=repr(self.name))


@dataclass(frozen=True)
class RealChoice:
    """A named real-valued choice in [low, high], uniform on its scale.

    Attributes:
      name: Unique in its space, without blanks or "=".
      low: Lower bound, inclusive.
      high: Upper bound, inclusive.
      scale: "linear" or "log".
      conditions: Requirements for the choice to be active; all must hold.

    Raises:
      NmjaxError: The bounds are not finite and increasing in float32, or not positive on a log
        scale.

    Example:
      >>> from nmjax.spaces import RealChoice
      >>> RealChoice("rate", 1e-4, 1e-1, scale="log").check(0.01)
      0.01
    """

    name: str
    low: float
    high: float
    scale: Scale = "linear"
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        what = f"Real-valued choice {self.name!r}"
        check_name(what, self.name)
        object.__setattr__(self, "conditions", _conditions(what, self.conditions))
        for bound in ("low", "high"):
            object.__setattr__(self, bound, to_python(getattr(self, bound)))
        check_scale(what, self.scale)
        check_bounds(what, self.low, self.high, self.scale)

    def check(self, value: Any) -> float:
        """The value as a float within the bounds.

        Raises:
          NmjaxError: The value is missing, not a number, NaN, or out of bounds.
        """
        value = to_python(value)
        if is_number(value) and is_finite(value):
            low, rounded, high = np.array([self.low, value, self.high], np.float64).astype(
                np.float32
            )
            if low <= rounded <= high:
                return float(value)
        raise NmjaxError(
            f"Choice {self.name!r} got {value!r}; give a number from {self.low} to {self.high}."
        )


def _conditions(what: str, conditions: Iterable[Any]) -> tuple[Condition, ...]:
    """The conditions in one form: pairs of a parent and its options, as files hold them too."""
    found = []
    for parent, options in conditions:
        if isinstance(options, str) or not isinstance(parent, str):
            raise NmjaxError(
                f"{what} has the condition {(parent, options)!r}; give the name of a choice and a "
                "tuple of its options."
            )
        found.append(Condition(parent, tuple(map(to_option, options))))
    return tuple(found)
