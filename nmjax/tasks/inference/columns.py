"""Columns of a table as options of a choice: numbers, booleans, lists and text, or missing."""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces.description.checks import is_number
from nmjax.spaces.description.options import Option, as_tuple, check_option, to_option
from nmjax.tasks.tables.values import is_missing, is_nan, with_point

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LEADING_ZERO = re.compile(r"[+-]?0\d+")
_DIGITS = 400
"""Longer integers are beyond the range of a float."""
_EXACT = 2**53
"""Whole numbers that a float holds exactly are at most this large."""


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table, in the rows that count.

    Attributes:
      name: Name in the table.
      values: M options; None where the value is missing.
      present: Where the value is not missing, bool[M].
      fault: Reason why the values cannot be options, or "".
    """

    name: str
    values: tuple[Option, ...]
    present: np.ndarray
    fault: str = ""

    @cached_property
    def distinct(self) -> tuple[Option, ...]:
        """Distinct values that are not missing, in order of appearance."""
        pairs = zip(self.values, self.present, strict=True)
        return tuple(dict.fromkeys(value for value, here in pairs if here))


def parse_column(name: str, values: Sequence[Any], *, commas: bool = False) -> Column:
    """Return a column with values as options.

    Text is read as numbers, booleans or lists if it is written so, unless numbers have leading
    zeros, as in "0012". Whole numbers such as "64.0" become integers if all are whole. "None" and
    "null" are missing.

    Args:
      name: Name of the column.
      values: M values as the table holds them.
      commas: Whether numbers may have decimal commas.
    """
    raw, codes = _distinct(values)
    for value in raw:
        if isinstance(value, Mapping | datetime.date | datetime.time | datetime.timedelta | set):
            what = "records" if isinstance(value, Mapping | set) else "dates or times"
            return Column(name, (), np.zeros(len(values), bool), f"holds {what}")
    cells = [with_point(value) if commas else value for value in raw]
    plain = any(isinstance(v, str) and _LEADING_ZERO.fullmatch(v.strip()) for v in cells)
    options = [_stripped(value) if plain else _parsed(value) for value in cells]
    is_text = any(isinstance(value, str) and not is_missing(value) for value in options)
    here = [not _is_absent(value, is_text) for value in options]
    kept = [value if known else None for value, known in zip(options, here, strict=True)]
    if all(_is_whole(value) for value in kept if value is not None):
        kept = [None if value is None else int(value) for value in kept]
    try:
        for option in kept:
            check_option(f"Column {name!r}", option)
        hash(tuple(kept))
    except (NmjaxError, TypeError) as error:  # Values that cannot be hashed are no options.
        fault = f"has a value that is no option ({error})"
        return Column(name, (), np.zeros(len(values), bool), fault)
    present = np.array(here, bool)[codes] if values else np.zeros(0, bool)
    return Column(name, tuple(kept[code] for code in codes), present)


def _distinct(values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Return the distinct values, and the place among them of each value."""
    places: dict[Any, int] = {}
    raw: list[Any] = []
    codes = []
    for value in values:
        value = None if is_nan(value) else value  # NaN differs from itself.
        try:
            code = places.setdefault((type(value), value), len(raw))
        except TypeError:  # Lists and records cannot be hashed.
            code = len(raw)
        if code == len(raw):
            raw.append(value)
        codes.append(code)
    return raw, codes


def _parsed(value: Any) -> Any:
    """Return an option; text that is written as another kind of value is that value."""
    if not isinstance(value, str):
        return to_option(value)
    text = value.strip()
    if _NUMBER.fullmatch(text):
        is_float = bool(re.search(r"[.eE]", text)) or len(text) > _DIGITS
        return float(text) if is_float else int(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text[:1] + text[-1:] in ("[]", "()"):
        found = as_tuple(text)
        return text if found is None else found
    return text


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else to_option(value)


def _is_absent(value: Any, is_text: bool) -> bool:
    """Whether a value is missing; among text, "-", "none" and the like are options."""
    if is_text and isinstance(value, str):
        return value.lower() in ("", "nan", "<na>") or value in ("None", "null")
    return is_missing(value)


def _is_whole(value: Any) -> bool:
    if not is_number(value):
        return False
    return isinstance(value, int) or (value.is_integer() and abs(value) <= _EXACT)
