"""The error that nmjax raises for input that a user can correct."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral


class NmjaxError(ValueError):
    """Invalid input: the message says what was given, what is expected, and what to do.

    A subclass of `ValueError`. The command line catches it and exits with status 2.

    Example:
      >>> from nmjax.errors import NmjaxError
      >>> raise NmjaxError("Got budget=0, expected at least 1: give for instance 30.")
      Traceback (most recent call last):
      ...
      nmjax.errors.NmjaxError: Got budget=0, expected at least 1: give for instance 30.
    """


def unknown_name(kind: str, name: object, known: Iterable[str], *, of: str = "") -> NmjaxError:
    """Return the error for a `name` that is not among the `known` ones of its `kind`.

    The message suggests up to three similar names, or lists all where none is similar.

    Args:
      kind: What the name is given for, such as "metric".
      name: Unknown name.
      known: Names that exist.
      of: What the known names belong to, such as "past.csv".

    Example:
      >>> from nmjax.errors import unknown_name
      >>> print(unknown_name("metric", "acuracy", ["accuracy", "time"]))
      Unknown metric 'acuracy': did you mean 'accuracy'?
      >>> print(unknown_name("option", "RBF", ["linear", "matern"], of="'kernel'"))
      'RBF' is not an option of 'kernel'; choose one of 'linear', 'matern'.
    """
    known = list(known)
    text = name if isinstance(name, str) else ""
    nearest = difflib.get_close_matches(text, known, n=3, cutoff=0.4)
    hint = (
        f"did you mean {' or '.join(map(repr, nearest))}?"
        if nearest
        else f"choose one of {', '.join(map(repr, known)) or '(none are installed)'}."
    )
    if not of:
        return NmjaxError(f"Unknown {kind} {name!r}: {hint}")
    article = "an" if kind[0] in "aeiou" else "a"
    return NmjaxError(f"{name!r} is not {article} {kind} of {of}; {hint}")


def missing_attribute(owner: str, name: str, instead: Mapping[str, str]) -> AttributeError:
    """Return the error for an attribute that a class lacks, with what to write instead if known.

    Example:
      >>> from nmjax.errors import missing_attribute
      >>> print(missing_attribute("Study", "best_trial", {"best_trial": "study.best"}))
      A Study has no attribute 'best_trial'; use study.best.
    """
    hint = f"; use {instead[name]}" if name in instead else ""
    return AttributeError(f"A {owner} has no attribute {name!r}{hint}.")


def check_shape(name: str, shape: Sequence[int], expected: Sequence[int | None]) -> None:
    """Validate the shape of an argument.

    Args:
      name: Name of the argument.
      shape: Its shape.
      expected: The expected size of each axis; None is any size.

    Raises:
      NmjaxError: the shapes differ.

    Example:
      >>> from nmjax.errors import check_shape
      >>> check_shape("pool", (10, 3), (None, 3))
    """
    if len(shape) != len(expected) or any(
        size not in (None, found) for found, size in zip(shape, expected, strict=True)
    ):
        sizes = ", ".join("any" if size is None else str(size) for size in expected)
        raise NmjaxError(
            f"Got {name} of shape {list(shape)}, expected [{sizes}]: pass an array of that shape."
        )


def check_seed(seed: object) -> None:
    """Validate the seed of random draws.

    Raises:
      NmjaxError: the seed is not a whole number from 0 to 2**32 - 1.

    Example:
      >>> from nmjax.errors import check_seed
      >>> check_seed(7)
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**32:
        raise NmjaxError(f"Got seed={seed!r}, expected a whole number from 0 to 2**32 - 1.")
