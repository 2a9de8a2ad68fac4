"""Read the pickles of benchmarks without running code that they refer to.

A pickle can call anything that can be imported. Here it can refer to two names only, numpy's scalar
and dtype, and gets restricted versions of them, so it yields plain numbers and runs nothing else.
"""

import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from nmjax.errors import NmjaxError

_STRUCT_CODES = {"f4": "f", "f8": "d", "i4": "i", "i8": "q"}


def read_pickle(path: Path) -> Any:
    """Return the dicts, lists, strings and numbers of the pickle at `path`.

    Numpy scalars of 4- or 8-byte floats and integers become Python numbers.

    Raises:
      NmjaxError: The file is damaged, or refers to anything else.
    """
    try:
        with path.open("rb") as file:
            return _NumbersOnly(file).load()
    except OSError:
        raise
    except Exception as error:
        raise NmjaxError(
            f"{path} is not a table of plain numbers ({error}): reinstall its package."
        ) from error


class _Dtype:
    """A number format as numpy pickles it: created from a code, then given its byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str):
        self.code = code
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 8 or state[1] not in ("<", ">"):
            raise pickle.UnpicklingError("refused a dtype that is not a plain number")
        if state[2:5] != (None, None, None):
            raise pickle.UnpicklingError("refused a dtype with fields")
        self.order = state[1]


class _Call:
    """A function that a pickle can call but not change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]):
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> NoReturn:
        raise pickle.UnpicklingError("refused to change a function")


def _dtype(code: Any, *align_and_copy: bool) -> _Dtype:
    if not isinstance(code, str) or code not in _STRUCT_CODES or align_and_copy != (False, True):
        raise pickle.UnpicklingError(f"refused the dtype {code!r}")
    return _Dtype(code)


def _scalar(dtype: Any, raw: Any) -> float | int:
    if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes):
        raise pickle.UnpicklingError("refused a scalar that is not a plain number")
    number: float | int = struct.unpack(dtype.order + _STRUCT_CODES[dtype.code], raw)[0]
    return number


_ALLOWED = {
    ("numpy", "dtype"): _Call(_dtype),
    ("numpy.core.multiarray", "scalar"): _Call(_scalar),
}


class _NumbersOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"refused {module}.{name}") from None

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError(f"refused the persistent object {pid!r}")
