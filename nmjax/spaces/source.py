"""Spaces as Python source, to be read, edited and imported."""

import itertools
import textwrap
from collections.abc import Mapping
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.spaces import catalog
from nmjax.spaces.description.choices import Choice, RealChoice
from nmjax.spaces.description.space import Space
from nmjax.spaces.description.spec_source import is_keyword, spec_parts, value_source

WIDTH = 100
"""Longest line of the source, as far as options can be split."""


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
    if not is_keyword(variable):
        raise NmjaxError(f"Got variable={variable!r}; give a name of Python, such as 'space'.")
    if space.name in catalog.names() and catalog.get_space(space.name) == space:
        return f"import nmjax\n\n{variable} = nmjax.get_space({value_source(space.name)})\n"
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
    lines = ["import nmjax", "", f"{variable} = nmjax.Space(", f"    {value_source(space.name)},"]
    listed: list[Choice | RealChoice] = [*space.choices, *space.continuous]
    choices = sorted(listed, key=lambda choice: space.order.index(choice.name))
    for is_name, group in itertools.groupby(choices, lambda choice: is_keyword(choice.name)):
        lines += ["    **{"] * (not is_name)
        for choice in group:
            indent = 4 if is_name else 8
            lines += _comment(comments.get(choice.name, ""), indent)
            head = f"{choice.name}=" if is_name else f"{value_source(choice.name)}: "
            lines += _wrapped(head, *spec_parts(choice, "nmjax."), indent=indent)
        lines += ["    },"] * (not is_name)
    return "\n".join([*lines, ")", ""])


def _built_source(space: Space, variable: str, comments: Mapping[str, str]) -> str:
    lines = [
        "import nmjax",
        "",
        f"{variable} = nmjax.Space.build(",
        f"    {value_source(space.name)},",
    ]
    for choices in (space.choices, space.continuous):
        lines.append("    [")
        for choice in choices:
            lines += _comment(comments.get(choice.name, ""), 8)
            head = [value_source(choice.name)]
            if isinstance(choice, Choice):
                middle = [
                    value_source(choice.options),
                    value_source(choice.kind),
                    value_source(choice.scale),
                ]
            else:
                middle = [repr(choice.low), repr(choice.high), value_source(choice.scale)]
            conditions = tuple((parent, options) for parent, options in choice.conditions)
            parts = [*head, *middle, value_source(conditions)]
            kind = "nmjax.Choice" if isinstance(choice, Choice) else "nmjax.spaces.RealChoice"
            lines += _wrapped("", f"{kind}(", parts, ")", indent=8)
        lines.append("    ],")
    return "\n".join([*lines, ")", ""])


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


def _requirements(space: Space) -> tuple[Any, ...]:
    discrete, continuous = space.requirements
    return (*discrete, *continuous)
