"""The one error that nmjax raises for what a user can mend."""

import difflib
from collections.abc import Iterable


class NmjaxError(ValueError):
    """What came, what was expected, and what to do, in one sentence."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> NmjaxError:
    """The error for a `name` that is not among the `known` ones of its `kind`, nearest first."""
    known = list(known)
    nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = (
        f"did you mean {' or '.join(map(repr, nearest))}?"
        if nearest
        else f"choose one of {', '.join(map(repr, known)) or '(none are installed)'}."
    )
    return NmjaxError(f"Unknown {kind} {name!r}: {hint}")
