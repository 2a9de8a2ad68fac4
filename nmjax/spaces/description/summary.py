"""Short texts on a space: its representation, and the functions that look like its methods."""

import math
from collections.abc import Sequence

from nmjax.spaces.description.choices import Choice, RealChoice
from nmjax.spaces.description.spec_source import is_keyword, spec_parts, value_source

LONGEST = 1_000
"""Number of characters from which a representation has counts instead of choices."""

FUNCTIONS = {
    "sample": "nmjax.spaces.sample_mixed(key, space, shape)",
    "encode": "nmjax.spaces.encode(space, architecture, continuous)",
    "mutate": "nmjax.spaces.mutate_mixed(key, space, architecture, continuous)",
    "enumerate": "nmjax.spaces.enumerate_architectures(space)",
}
"""What to write instead of methods that a space lacks."""


def summarize_space(name: str, choices: Sequence[Choice | RealChoice], *, is_plain: bool) -> str:
    """The call that makes a space, with a choice per line, or the numbers of its choices.

    Args:
      name: Name of the space.
      choices: All choices, in the order in which they were declared.
      is_plain: Whether the space has neither a cell nor functions of its own, so that the call can
        be written. A long call is not written either.
    """
    if is_plain and len(text := _call(name, choices)) < LONGEST:
        return text
    options = [len(choice.options) for choice in choices if isinstance(choice, Choice)]
    number = len(choices) - len(options)
    real = f", {number} real-valued" if number else ""
    return (
        f"Space({name!r}, {len(options)} discrete choices{real}, "
        f"{math.prod(options):,} combinations of options)"
    )


def _call(space: str, choices: Sequence[Choice | RealChoice]) -> str:
    lines = [f"Space({value_source(space)},"]
    for choice in choices:
        opening, parts, closing = spec_parts(choice)
        name, spec = choice.name, f"{opening}{', '.join(parts)}{closing}"
        item = f"{name}={spec}" if is_keyword(name) else f"**{{{value_source(name)}: {spec}}}"
        lines.append(f"    {item},")
    return "\n".join([*lines, ")"])
