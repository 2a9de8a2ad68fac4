"""Unnamed choices, as the keywords of `Space` take them: ordinal, integer, real, conditional."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.spaces.description.checks import to_python
from nmjax.spaces.description.choices import Choice, Condition, RealChoice, Scale
from nmjax.spaces.description.options import Option

MAX_INTEGERS = 1000


@dataclass(frozen=True, init=False)
class Ordinal:
    """A choice among increasing numbers.

    Args:
      *options: At least one number, in increasing order.
      log: Whether the options are compared on a log scale.

    Example:
      >>> import nmjax
      >>> space = nmjax.spaces.Space(width=nmjax.spaces.Ordinal(64, 128, 256, log=True))
      >>> space.to_config([2])
      {'width': 256}
    """

    options: tuple[float, ...]
    log: bool

    def __init__(self, *options: float, log: bool = False) -> None:
        if len(options) == 1 and isinstance(options[0], list | tuple):
            raise NmjaxError(
                f"Ordinal got one {type(options[0]).__name__}; give its numbers as arguments, as "
                "in Ordinal(64, 128, 256)."
            )
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "log", _checked_flag("Ordinal", log))
        _check(self)

    def named(self, name: str, conditions: Sequence[Condition] = ()) -> Choice:
        """The choice of that name."""
        return Choice(name, self.options, "ordinal", _scale(self.log), tuple(conditions))


@dataclass(frozen=True)
class Integer:
    """A choice among all integers from `low` to `high`, both included.

    Args:
      low: Smallest integer.
      high: Largest integer; at most 1,000 integers are possible, as each is an option.
      log: Whether the integers are compared on a log scale.

    Example:
      >>> from nmjax.spaces import Integer, Space
      >>> Space(depth=Integer(2, 8)).num_options
      (7,)
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        for field in ("low", "high"):
            bound = to_python(getattr(self, field))
            if isinstance(bound, float) and bound.is_integer():
                bound = int(bound)
            if not isinstance(bound, int) or isinstance(bound, bool):
                raise NmjaxError(f"Integer got {field}={bound!r}; give a whole number.")
            object.__setattr__(self, field, bound)
        _checked_flag("Integer", self.log)
        if self.low > self.high:
            raise NmjaxError(f"Integer got low={self.low} and high={self.high}; give low <= high.")
        if self.high - self.low >= MAX_INTEGERS:
            raise NmjaxError(
                f"Integer({self.low}, {self.high}) has {self.high - self.low + 1:,} options, more "
                f"than {MAX_INTEGERS:,}; use Ordinal with a coarser grid, or Real and round the "
                "value."
            )
        _check(self)

    def named(self, name: str, conditions: Sequence[Condition] = ()) -> Choice:
        """The choice of that name."""
        options = tuple(range(self.low, self.high + 1))
        return Choice(name, options, "ordinal", _scale(self.log), tuple(conditions))


@dataclass(frozen=True)
class Real:
    """A real number from `low` to `high`, both included.

    Args:
      low: Lower bound.
      high: Upper bound.
      log: Whether the number is uniform on a log scale.

    Example:
      >>> from nmjax.spaces import Real, Space
      >>> space = Space(rate=Real(1e-4, 1e-1, log=True))
      >>> space.to_config([], [0.01])
      {'rate': 0.01}
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _checked_flag("Real", self.log)
        _check(self)

    def named(self, name: str, conditions: Sequence[Condition] = ()) -> RealChoice:
        """The real-valued choice of that name."""
        return RealChoice(name, self.low, self.high, _scale(self.log), tuple(conditions))


@dataclass(frozen=True)
class Conditional:
    """A choice that is active only under conditions, as `when` makes it."""

    spec: "Spec"
    conditions: tuple[Condition, ...]


Spec = Sequence[Option] | Ordinal | Integer | Real | Conditional


def when(spec: Spec, /, **parents: Option | Sequence[Option]) -> Conditional:
    """A choice that is active only if each parent has one of the given options.

    Inactive choices do not count in encodings, distances, duplicates or moves, and are left out of
    configurations. A parent is a discrete choice that comes earlier in the space; it may itself be
    conditional.

    Args:
      spec: A list of options, `Ordinal`, `Integer` or `Real`.
      **parents: For each parent, an option or a list of options. Write an option that is itself a
        list as a list of one list.

    Raises:
      NmjaxError: No parent is given, or a parent has no options.

    Example:
      >>> from nmjax.spaces import Real, Space, when
      >>> space = Space(optimizer=["adam", "sgd"], momentum=when(Real(0, 1), optimizer="sgd"))
      >>> space.to_config([0], [0.0]), space.to_config([1], [0.5])
      ({'optimizer': 'adam'}, {'optimizer': 'sgd', 'momentum': 0.5})
    """
    if not parents:
        raise NmjaxError("`when` got no parent; name one, as in when(spec, optimizer='sgd').")
    allowed: dict[str, Any] = {
        parent: tuple(options) if isinstance(options, list | tuple) else (options,)
        for parent, options in parents.items()
    }
    conditions = tuple(Condition(parent, options) for parent, options in allowed.items())
    for condition in conditions:
        if not condition.options:
            raise NmjaxError(f"`when` got no option of {condition.parent!r}; give at least one.")
    if isinstance(spec, Conditional):
        return Conditional(spec.spec, (*spec.conditions, *conditions))
    return Conditional(spec, conditions)


def name_choices(specs: Mapping[str, Any]) -> tuple[list[Choice], list[RealChoice]]:
    """The discrete and the real-valued choices that keywords describe, each in its order.

    Raises:
      NmjaxError: A keyword's value describes no choice.
    """
    choices: list[Choice] = []
    continuous: list[RealChoice] = []
    for name, spec in specs.items():
        choice = _named(name, spec)
        if isinstance(choice, Choice):
            choices.append(choice)
        else:
            continuous.append(choice)
    return choices, continuous


def _named(name: str, spec: Any) -> Choice | RealChoice:
    conditions: tuple[Condition, ...] = ()
    if isinstance(spec, Conditional):
        spec, conditions = spec.spec, spec.conditions
    if isinstance(spec, list | tuple):
        return Choice(name, tuple(spec), conditions=conditions)
    if isinstance(spec, Ordinal | Integer | Real):
        return spec.named(name, conditions)
    hint = "a list of options, Ordinal, Integer, Real or when(...)"
    if isinstance(spec, type):
        hint = f"an instance, such as {spec.__name__}(...)"
    elif isinstance(spec, range):
        hint = f"Integer({spec.start}, {spec.stop - 1})"
    elif isinstance(spec, Choice | RealChoice):
        hint += ", or named choices to Space.build"
    raise NmjaxError(f"Choice {name!r} got {spec!r} of type {type(spec).__name__}; give {hint}.")


def _check(spec: Ordinal | Integer | Real) -> None:
    """Raises the error that the named choice would raise, before it has a name."""
    what = type(spec).__name__
    try:
        spec.named(what)
    except NmjaxError as error:
        text = str(error).removeprefix("Real-valued choice ").removeprefix("Choice ")
        raise NmjaxError(what + text.removeprefix(repr(what))) from None


def _checked_flag(what: str, log: Any) -> bool:
    if not isinstance(log, bool):
        raise NmjaxError(f"{what} got log={log!r}; give True or False.")
    return log


def _scale(log: bool) -> Scale:
    return "log" if log else "linear"
