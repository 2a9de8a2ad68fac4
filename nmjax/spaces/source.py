"""Spaces as Python source, to be read, edited and imported."""

import itertools
import json
import keyword
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.spaces import catalog
from nmjax.spaces.description.choices import Choice, Condition, RealChoice
from nmjax.spaces.description.space import Space
from nmjax.spaces.description.specs import MAX_INTEGERS

WIDTH = 100
"""Longest line of the source, as far as options can be split."""
MIN_INTEGERS = 3
"""Consecutive integers from which `Integer` is written instead of `Ordinal`."""


def space_source(
    space: Space, *, variable: str = "space", comments: Mapping[str, str] | None = None
) -> str:
    """Return a Python module that defines the space, as `Space` with a keyword for each choice.

    Running it gives an equal space, so save it as a module, edit it, and use it as MODULE:NAME.

    Args:
      space: Space without a cell or functions of its own, or one of the catalog.
      variable: Name that the module gives to the space.
      comments: {choice: comment above it}.

    Raises:
      NmjaxError: The space has a cell or functions of its own, or `variable` is no name of Python.

    Example:
      >>> from nmjax.spaces import Ordinal, Real, Space, space_source
      >>> space = Space("mlp", width=Ordinal(64, 128), rate=Real(1e-4, 1e-1, log=True))
      >>> print(space_source(space))
      import nmjax
      <BLANKLINE>
      space = nmjax.Space(
          "mlp",
          width=nmjax.Ordinal(64, 128),
          rate=nmjax.Real(0.0001, 0.1, log=True),
      )
      <BLANKLINE>
    """
    if not _is_name(variable):
        raise NmjaxError(f"Got variable={variable!r}; give a name of Python, such as 'space'.")
    if space.name in catalog.names() and catalog.get_space(space.name) == space:
        return f"import nmjax\n\n{variable} = nmjax.get_space({_value(space.name)})\n"
    if not (space.cell is None and space.valid is None and space.canonical is None):
        raise NmjaxError(
            f"Space {space.name!r} has a cell or functions, which cannot be written as text; write "
            "the call of Space.build yourself."
        )
    remarks = comments or {}
    if any(not allowed for required in _requirements(space) for _, allowed in required):
        return _built_source(space, variable, remarks)  # `Space` refuses choices that never act.
    return _keyword_source(space, variable, remarks)


def _keyword_source(space: Space, variable: str, comments: Mapping[str, str]) -> str:
    lines = ["import nmjax", "", f"{variable} = nmjax.Space(", f"    {_value(space.name)},"]
    choices: tuple[Choice | RealChoice, ...] = (*space.choices, *space.continuous)
    for is_name, group in itertools.groupby(choices, lambda choice: _is_name(choice.name)):
        lines += ["    **{"] * (not is_name)
        for choice in group:
            indent = 4 if is_name else 8
            lines += _comment(comments.get(choice.name, ""), indent)
            head = f"{choice.name}=" if is_name else f"{_value(choice.name)}: "
            lines += _wrapped(head, *_spec(choice), indent=indent)
        lines += ["    },"] * (not is_name)
    return "\n".join([*lines, ")", ""])


def _built_source(space: Space, variable: str, comments: Mapping[str, str]) -> str:
    lines = ["import nmjax", "", f"{variable} = nmjax.Space.build(", f"    {_value(space.name)},"]
    for choices in (space.choices, space.continuous):
        lines.append("    [")
        for choice in choices:
            lines += _comment(comments.get(choice.name, ""), 8)
            head = [_value(choice.name)]
            if isinstance(choice, Choice):
                middle = [_value(choice.options), _value(choice.kind), _value(choice.scale)]
            else:
                middle = [repr(choice.low), repr(choice.high), _value(choice.scale)]
            conditions = tuple((parent, options) for parent, options in choice.conditions)
            parts = [*head, *middle, _value(conditions)]
            kind = "nmjax.Choice" if isinstance(choice, Choice) else "nmjax.spaces.RealChoice"
            lines += _wrapped("", f"{kind}(", parts, ")", indent=8)
        lines.append("    ],")
    return "\n".join([*lines, ")", ""])


def _spec(choice: Choice | RealChoice) -> tuple[str, list[str], str]:
    """Return the opening, the parts and the closing of a specification."""
    opening, parts, closing = _unconditional(choice)
    for condition in _grouped(choice.conditions):
        opening = f"nmjax.when({opening}"
        closing = f"{closing}, {', '.join(map(_parent, condition))})"
    return opening, parts, closing


def _unconditional(choice: Choice | RealChoice) -> tuple[str, list[str], str]:
    log = ["log=True"] if choice.scale == "log" else []
    if isinstance(choice, RealChoice):
        return "nmjax.Real(", [repr(choice.low), repr(choice.high), *log], ")"
    if choice.kind == "categorical":
        return "[", list(map(_value, choice.options)), "]"
    if _is_range(choice.options):
        first, last = choice.options[0], choice.options[-1]
        return "nmjax.Integer(", [repr(first), repr(last), *log], ")"
    return "nmjax.Ordinal(", [*map(_value, choice.options), *log], ")"


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
    value = _value(options[0]) if single else f"[{', '.join(map(_value, options))}]"
    return f"{parent}={value}" if _is_name(parent) else f"**{{{_value(parent)}: {value}}}"


def _wrapped(head: str, opening: str, parts: list[str], closing: str, *, indent: int) -> list[str]:
    """Return the lines of a call or list, its parts on several lines if one is too short."""
    space = " " * indent
    line = f"{space}{head}{opening}{', '.join(parts)}{closing},"
    if len(line) <= WIDTH:
        return [line]
    rows: list[str] = []
    for part in parts:
        if rows and len(rows[-1]) + len(part) + 2 <= WIDTH:
            rows[-1] += f" {part},"
        else:
            rows.append(f"{space}    {part},")
    end = f"{space}{closing},"
    return [f"{space}{head}{opening}", *rows, end]


def _comment(text: str, indent: int) -> list[str]:
    mark = f"{' ' * indent}# "
    text = printable(text)
    return textwrap.wrap(
        text, WIDTH, initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False
    )


def printable(text: str) -> str:
    """Return text with control characters as Python escapes them."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _value(value: Any) -> str:
    """Return an option or name as Python, text in double quotes."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
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


def _is_name(name: str) -> bool:
    """Whether a name can be a keyword argument; Python normalizes those that are not ASCII."""
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and name != "__debug__"
        and unicodedata.normalize("NFKC", name) == name
    )


def _requirements(space: Space) -> tuple[Any, ...]:
    discrete, continuous = space.requirements
    return (*discrete, *continuous)
