"""Options of discrete choices: their types, how they compare, and how they are written."""

import ast
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces.description.checks import is_finite, is_number, to_python

Option = str | int | float | bool | None | tuple["Option", ...]


def to_option(value: Any) -> Any:
    """A value as Python's own: scalars of NumPy and JAX, and lists and arrays as tuples."""
    value = to_python(value)
    if hasattr(value, "tolist") and hasattr(value, "ndim"):
        value = value.tolist()
    return tuple(map(to_option, value)) if isinstance(value, list | tuple) else value


def check_option(what: str, option: Any) -> None:
    """Raises an NmjaxError unless `option` is text, a finite number, a boolean, None or a tuple."""
    if isinstance(option, tuple):
        for part in option:
            check_option(what, part)
        return
    if not isinstance(option, str | int | float | None):
        raise NmjaxError(
            f"{what} has the option {option!r} of type {type(option).__name__}; options are text, "
            "numbers, booleans, None or lists of these, so name each option and map the names to "
            "your objects."
        )
    if isinstance(option, str) and (not option or option.strip().splitlines() != [option]):
        raise NmjaxError(
            f"{what} has the option {option!r}; give text that is not empty, on one line, and "
            "without blanks at its ends."
        )
    if isinstance(option, int | float) and not is_finite(option):
        raise NmjaxError(f"{what} has the option {option!r}; give finite numbers.")


def check_unequal(what: str, options: Sequence[Any]) -> None:
    """Raises an NmjaxError if options of different types are equal, such as 1 and True."""
    first: dict[Any, Any] = {}
    for option in options:
        if option in first:
            raise NmjaxError(
                f"{what} has the options {first[option]!r} and {option!r}, which are equal; "
                "give different values."
            )
        first[option] = option


def option_text(option: Any) -> str:
    """An option as one line of text, such as "relu", "0.5", "True", "None" or "[3, 5]"."""
    if isinstance(option, tuple):
        return json.dumps(option, ensure_ascii=False)
    return str(option)


def reads_as(text: str, option: Any) -> bool:
    """Whether text means an option that is not text itself, such as "1e-3", "true" or "(3, 5)"."""
    if isinstance(option, bool):
        return text.lower() == str(option).lower() or _as_number(text) == option
    if option is None:
        return text.lower() in ("none", "null")
    if isinstance(option, tuple):
        return is_equal(option, as_tuple(text))
    return not isinstance(option, str) and _as_number(text) == option


def is_equal(option: Any, value: Any) -> bool:
    """Whether a value equals an option: numbers by value, anything else also by type."""
    if isinstance(option, tuple) and isinstance(value, tuple):
        return len(option) == len(value) and all(map(is_equal, option, value))
    if is_number(option) and is_number(value):
        return bool(option == value)
    return type(option) is type(value) and bool(option == value)


def is_equal_in_float32(option: Any, value: Any) -> bool:
    """Whether a value that was read from float32 rounds the option."""
    if isinstance(option, tuple) and isinstance(value, tuple):
        return len(option) == len(value) and all(map(is_equal_in_float32, option, value))
    if not (is_number(option) and isinstance(value, float)):
        return is_equal(option, value)
    with np.errstate(over="ignore"):
        return bool(np.float32(value) == value and np.float32(option) == np.float32(value))


def is_missing(value: Any) -> bool:
    """Whether a value is None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def as_tuple(text: str) -> Any:
    """The tuple that text spells as a list of JSON or a list or tuple of Python, or None."""
    for read in (json.loads, ast.literal_eval):
        try:
            found = to_option(read(text))
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, tuple) else None
    return None
