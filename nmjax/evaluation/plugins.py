"""User code loaded by MODULE:NAME; its errors are reported with the user's own lines."""

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, get_space

OWN_SPACE = "MODULE:NAME, where NAME is a Space or a function without arguments that returns one"
_OURS = Path(__file__).parent


def load_named(name: str, kind: str, fits: Callable[[Any], bool], expected: str) -> Any:
    """Import the object `MODULE:NAME`, also from modules in the working folder.

    Args:
      name: MODULE:NAME.
      kind: kind of object, such as "function", for messages.
      fits: whether an object is of that kind.
      expected: form of `name` with an example, for messages.

    Raises:
      NmjaxError: there is no such module or name, the object does not fit, or importing failed.

    Example:
      >>> from nmjax.evaluation.plugins import load_named
      >>> load_named("math:sqrt", "function", callable, "MODULE:FUNCTION")(4.0)
      2.0
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise NmjaxError(f"Got {name!r}; give {expected}.")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    with reraise_user_error(f"Importing {module!r}"):
        found = getattr(importlib.import_module(module), attribute, None)
    if not fits(found):
        raise NmjaxError(f"{module!r} has no {kind} {attribute!r}; give {expected}.")
    return found


def load_space(name: str) -> Space:
    """Return a space by its name in the catalog or as MODULE:NAME, a space or a function.

    Raises:
      NmjaxError: there is no such space, module or name, the object is neither a space nor a
        function that returns one, or it raises an error.

    Example:
      >>> from nmjax.evaluation.plugins import load_space
      >>> load_space("nas-bench-graph").name
      'nas-bench-graph'
    """
    if ":" not in name:
        try:
            return get_space(name)
        except NmjaxError as error:
            raise NmjaxError(f"{error} Give your own space as {OWN_SPACE}.") from None
    found = load_named(name, "space", lambda it: isinstance(it, Space) or callable(it), OWN_SPACE)
    if not isinstance(found, Space):
        with reraise_user_error(name):
            found = found()
    if not isinstance(found, Space):
        raise NmjaxError(f"{name} returned a {type(found).__name__}; give {OWN_SPACE}.")
    return found


@contextmanager
def reraise_user_error(what: str) -> Iterator[None]:
    """Raise errors of user code as NmjaxErrors that show the user's own lines.

    Raises:
      NmjaxError: in place of any other error; an NmjaxError is passed on.
    """
    try:
        yield
    except NmjaxError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        theirs = [
            frame
            for frame in frames
            if Path(frame.filename).parent != _OURS and "importlib" not in frame.filename
        ]
        lines = "".join(f"\n{line}" for line in traceback.format_list(theirs)).rstrip()
        raise NmjaxError(f"{what} failed: {type(error).__name__}: {error}{lines}") from error
