"""Match the values of a column with the options of a choice."""

import ast
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nmjax.spaces import Choice, RealChoice
from nmjax.spaces.description.checks import is_number
from nmjax.spaces.description.options import is_equal, option_text, to_option
from nmjax.tasks.tables.values import is_missing, is_nan, shown, to_number, with_point

MISSING = -1
OUTSIDE = -2
RELATIVE_TOLERANCE = 1e-6
"""Largest relative difference between an option and a number that was rounded when written."""
SPACING_SHARE = 0.1
"""Largest such difference relative to the distance to the second-nearest option."""
_LISTED = 20
_TRUE, _FALSE = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no")


def parse_options(column: Sequence[Any], choice: Choice, *, commas: bool = False) -> np.ndarray:
    """Return the option index of each value, `MISSING` or `OUTSIDE`: int[M].

    A value is an option if it is written as the option is. A missing value is the option None, if
    there is one. Otherwise the first of these forms that exactly one option shares decides:

    1. text without blanks and without quotes around it, whose escapes such as "\\n" are read;
    2. true or false in any case, 1 or 0, yes or no, for a boolean option;
    3. a number: equal, or rounded by at most 1e-6 of it, if no other option is near;
    4. the elements of a list or tuple, so that "[3, 5]" is the option "3,5" or "(3,5)".

    Args:
      column: Values.
      choice: Choice of the options.
      commas: Whether numbers may have decimal commas.
    """
    keys = [f"{type(value).__name__} {value!r}" for value in column]
    distinct = dict(zip(keys, column, strict=True))
    places = {option_text(option): place for place, option in enumerate(choice.options)}
    found = {key: _option_index(value, choice, places, commas) for key, value in distinct.items()}
    return np.array([found[key] for key in keys], int)


def parse_bounded(
    column: Sequence[Any], real: RealChoice, *, commas: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a real-valued choice, NaN where missing, and where they are outside.

    Args:
      column: M values.
      real: The choice.
      commas: Whether numbers may have decimal commas.

    Returns:
      float64[M], bool[M].
    """
    values = np.array([to_number(with_point(v) if commas else v) for v in column], float)
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    inside = (rounded >= np.float32(real.low)) & (rounded <= np.float32(real.high))
    missing = np.array([is_missing(value) for value in column], bool)
    return np.where(missing, np.nan, values), ~inside & ~missing


def not_an_option(choice: Choice, column: str, value: Any) -> str:
    """Return the part of a message that says that a value is not an option."""
    options = [option_text(option) for option in choice.options]
    listed = ", ".join(options)
    if len(options) > _LISTED:
        near = difflib.get_close_matches(str(value), options, n=3, cutoff=0) or options[:3]
        listed = f"the {len(options)} options of {choice.name!r}, such as {', '.join(near)}"
    return f"{column} is {shown(value)}, expected one of {listed}"


def out_of_bounds(real: RealChoice, column: str, value: Any) -> str:
    """Return the part of a message that says that a value is out of bounds."""
    return f"{column} is {shown(value)}, expected a number from {real.low} to {real.high}"


def _option_index(value: Any, choice: Choice, places: Mapping[str, int], commas: bool) -> int:
    """Return the option of a value, MISSING or OUTSIDE; `places` has each option by its text."""
    if value is not None and not is_nan(value) and (text := _text(value)) in places:
        return places[text]
    if is_missing(value) and None in choice.options:
        return choice.options.index(None)
    forms: tuple[Callable[[Any, Choice], Iterator[int]], ...]
    forms = (_equal_texts, _equal_booleans, _equal_numbers, _equal_lists)
    value = with_point(value) if commas else value
    for form in forms:
        if len(found := list(form(value, choice))) == 1:
            return found[0]
    return MISSING if is_missing(value) else OUTSIDE


def _text(value: Any) -> str:
    try:
        return option_text(to_option(value))
    except TypeError:  # A list of dates, for instance.
        return str(value)


def _equal_texts(value: Any, choice: Choice) -> Iterator[int]:
    """Yield the options with the same text apart from blanks and quotes."""
    if isinstance(value, str):
        wanted = {_squeezed(value), _squeezed(_unquoted(value))}
        for index, option in enumerate(choice.options):
            if isinstance(option, str) and _squeezed(option) in wanted:
                yield index


def _equal_booleans(value: Any, choice: Choice) -> Iterator[int]:
    """Yield the option that equals a boolean; 1 and 0 are numbers if some options are."""
    text = str(value).strip().lower()
    numeric = any(map(is_number, choice.options))
    if text in (*_TRUE, *_FALSE) and not (numeric and text not in ("true", "false")):
        for index, option in enumerate(choice.options):
            if isinstance(option, bool) and option == (text in _TRUE):
                yield index


def _equal_numbers(value: Any, choice: Choice) -> Iterator[int]:
    """Yield the option that equals a number, or else the nearest, if no other is near."""
    number = np.nan if isinstance(value, bool | np.bool_) else to_number(value)
    numbers = np.array([_option_number(option) for option in choice.options], float)
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.abs(numbers - number)
    if np.isnan(distance).all():
        return
    order = np.argsort(distance)  # NaN is last.
    nearest = int(order[0])
    if distance[nearest] == 0:
        yield from np.flatnonzero(distance == 0).tolist()
        return
    spacing = distance[order[1]] if len(order) > 1 else np.nan
    near = distance[nearest] <= RELATIVE_TOLERANCE * abs(numbers[nearest])
    if near and not distance[nearest] > SPACING_SHARE * spacing:
        yield nearest


def _equal_lists(value: Any, choice: Choice) -> Iterator[int]:
    wanted = _elements(value)
    if wanted is not None:
        for index, option in enumerate(choice.options):
            if is_equal(_elements(option), wanted):
                yield index


def _option_number(option: Any) -> float:
    """Return the number of an option; text is one only as Python writes it, not as in "0012"."""
    if isinstance(option, str):
        number = to_number(option)
        return number if option in (repr(number), f"{number:g}") else np.nan
    return float(option) if is_number(option) else np.nan


def _elements(value: Any) -> tuple[Any, ...] | None:
    """Return the elements of a list, or of text that is one, or None."""
    if isinstance(value, str):
        if "," not in value and value.strip()[:1] not in ("[", "("):
            return None
        try:
            value = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            bare = value.strip()
            bare = bare[1:-1] if bare[:1] + bare[-1:] in ("[]", "()") else bare
            return tuple(_unquoted(part) for part in bare.split(","))
    value = to_option(value)
    return value if isinstance(value, tuple) else None


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _unquoted(text: str) -> str:
    """Return text without the quotes of a string literal of Python or JSON around it."""
    bare = text.strip()
    if len(bare) < 2 or bare[0] != bare[-1] or bare[0] not in "'\"":
        return bare
    try:
        value = ast.literal_eval(bare)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return bare[1:-1]
    return value if isinstance(value, str) else bare
