"""Checks of names, options, numbers and bounds, which raise an NmjaxError that says what to do."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeGuard

import numpy as np

from nmjax.errors import NmjaxError

_FLOAT32 = np.finfo(np.float32)
# Twice a span and its reciprocal must be normal float32 numbers, as others are flushed to 0.
_LARGEST, _SMALLEST = 2.0**125, 2.0**-125
_FEWEST_STEPS = 256


def to_python(value: Any) -> Any:
    """A scalar of NumPy or JAX as Python's; anything else as it is."""
    is_scalar = isinstance(value, np.generic) or (hasattr(value, "dtype") and value.shape == ())
    return value.item() if is_scalar else value


def check_distinct(what: str, names: Sequence[str]) -> None:
    """Raises an NmjaxError if a name occurs more than once."""
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise NmjaxError(f"{what} has {twice} more than once; give each a different name.")


def check_types(what: str, choices: Sequence[Any], expected: type) -> None:
    """Raises an NmjaxError unless all choices are of the expected type."""
    wrong = [choice for choice in choices if not isinstance(choice, expected)]
    if wrong:
        raise NmjaxError(
            f"{what} got {wrong[0]!r} of type {type(wrong[0]).__name__}; give a "
            f"{expected.__name__}, or use keywords: Space(name, block=['conv', 'mlp'])."
        )


def check_name(what: str, name: Any) -> None:
    """Raises an NmjaxError unless `name` is text without blanks or "="."""
    if not isinstance(name, str) or not name or "=" in name or name.split() != [name]:
        raise NmjaxError(
            f"{what} has the name {name!r}; give a name without blanks or '=', such as "
            "'learning_rate'."
        )


def check_ordinal(what: str, options: Sequence[Any], scale: str) -> None:
    """Raises an NmjaxError unless the options are increasing numbers that fit the scale."""
    numbers = [float(option) for option in options if is_number(option)]
    if len(numbers) < len(options) or any(b <= a for a, b in pairwise(numbers)):
        raise NmjaxError(
            f"{what} is ordinal with the options {list(options)}; give increasing numbers."
        )
    if scale == "linear" and not math.isfinite(2 * (numbers[-1] - numbers[0])):
        raise NmjaxError(
            f"{what} spans from {numbers[0]} to {numbers[-1]}, more than a float can hold; "
            "give options in a larger unit."
        )
    if scale == "log" and numbers[0] <= 0:
        raise NmjaxError(f"{what} starts at {numbers[0]} on a log scale; give positive values.")
    if scale == "log" and any(math.log(b) <= math.log(a) for a, b in pairwise(numbers)):
        raise NmjaxError(
            f"{what} has the options {list(options)}, of which some have equal logarithms; use a "
            "linear scale."
        )


def check_bounds(what: str, low: Any, high: Any, scale: str) -> None:
    """Raises an NmjaxError unless the bounds are finite, increasing, and fit float32 and scale."""
    if not (is_number(low) and is_number(high) and is_finite(low) and is_finite(high)):
        raise NmjaxError(f"{what} has bounds [{low!r}, {high!r}]; give two finite numbers.")
    if max(abs(low), abs(high), high - low) > _LARGEST:
        raise NmjaxError(
            f"{what} has bounds [{low}, {high}], beyond the range of float32; give it in a larger "
            "unit."
        )
    if scale == "log" and low <= 0:
        raise NmjaxError(f"{what} starts at {low} on a log scale; give positive values.")
    if scale == "log" and low < float(_FLOAT32.tiny):
        raise NmjaxError(
            f"{what} starts at {low} on a log scale, below the smallest normal float32; give at "
            f"least {float(_FLOAT32.tiny):.3g}."
        )
    if not np.float32(low) < np.float32(high) or high - low < _SMALLEST:
        raise NmjaxError(
            f"{what} has bounds [{low}, {high}]; give low < high, different in float32."
        )
    step = float(np.spacing(np.float32(max(abs(low), abs(high)))))
    if high - low < _FEWEST_STEPS * step:
        raise NmjaxError(
            f"{what} has bounds [{low}, {high}], between which float32 has steps of {step:g}; give "
            f"differences to a constant, such as 0 to {high - low:g}."
        )


def check_scale(what: str, scale: str) -> None:
    """Raises an NmjaxError unless the scale is "linear" or "log"."""
    if scale not in ("linear", "log"):
        raise NmjaxError(f"{what} has the scale {scale!r}; give 'linear' or 'log'.")


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is an int or a float, and not a boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(number: float) -> bool:
    """Whether a number is finite as a float."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
