"""Choices as the Python expressions that specify them, as in `Ordinal(2, 4)`."""

import json
import keyword
import unicodedata
from collections.abc import Iterable
from typing import Any

from nmjax.spaces.description.choices import Choice, Condition, RealChoice
from nmjax.spaces.description.specs import MAX_INTEGERS

MIN_INTEGERS = 3
"""Consecutive integers from which `Integer` is written instead of `Ordinal`."""


def spec_parts(choice: Choice | RealChoice, prefix: str = "") -> tuple[str, list[str], str]:
    """Return the opening, the parts and the closing of a specification.

    Args:
      choice: Named choice.
      prefix: Text before each name of nmjax, such as "nmjax.".
    """
    opening, parts, closing = _unconditional(choice, prefix)
    for condition in _grouped(choice.conditions):
        opening = f"{prefix}when({opening}"
        closing = f"{closing}, {', '.join(map(_parent, condition))})"
    return opening, parts, closing


def _unconditional(choice: Choice | RealChoice, prefix: str) -> tuple[str, list[str], str]:
    log = ["log=True"] if choice.scale == "log" else []
    if isinstance(choice, RealChoice):
        return f"{prefix}Real(", [repr(choice.low), repr(choice.high), *log], ")"
    if choice.kind == "categorical":
        return "[", list(map(value_source, choice.options)), "]"
    if _is_range(choice.options):
        first, last = choice.options[0], choice.options[-1]
        return f"{prefix}Integer(", [repr(first), repr(last), *log], ")"
    return f"{prefix}Ordinal(", [*map(value_source, choice.options), *log], ")"


def _grouped(conditions: Iterable[Condition]) -> list[list[Condition]]:
    """Conditions in groups without a parent twice, as keywords of `when` cannot repeat one."""
    groups: list[list[Condition]] = []
    for condition in conditions:
        if not groups or condition.parent in [known.parent for known in groups[-1]]:
            groups.append([])
        groups[-1].append(condition)
    return groups


def _parent(condition: Condition) -> str:
    parent, options = condition
    single = len(options) == 1 and not isinstance(options[0], tuple)
    value = value_source(options[0]) if single else f"[{', '.join(map(value_source, options))}]"
    return f"{parent}={value}" if is_keyword(parent) else f"**{{{value_source(parent)}: {value}}}"


def value_source(value: Any) -> str:
    """Return an option or name as Python, text in double quotes."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_source, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if value.isprintable() else repr(value)
    return repr(value)


def _is_range(options: tuple[Any, ...]) -> bool:
    first = options[0]
    return (
        MIN_INTEGERS <= len(options) <= MAX_INTEGERS
        and all(type(option) is int for option in options)
        and options == tuple(range(first, first + len(options)))
    )


def is_keyword(name: str) -> bool:
    """Whether a name can be a keyword argument; Python normalizes those that are not ASCII."""
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and name != "__debug__"
        and unicodedata.normalize("NFKC", name) == name
    )
