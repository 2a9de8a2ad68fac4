"""Save objects to files and load them: a registry of serializers and the file format.

A file is a ZIP archive with a member `description.json` and one `.npy` member for each array. It
contains no pickled objects, so loading a file never executes code from it.
"""

import io
import json
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Space
from nmjax.tasks.files.array_cache import whole_file
from nmjax.version import __version__

FORMAT, VERSION = "nmjax", 1
_DESCRIPTION = "description.json"
_DAMAGES = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, LookupError, TypeError, ValueError),
    *(AttributeError, ArithmeticError, RuntimeError, SyntaxError, tokenize.TokenError),
)
"""Errors that the content of a damaged file can cause."""


class Serialized(NamedTuple):
    """An object as JSON-compatible values and arrays.

    Attributes:
      description: JSON-compatible values.
      arrays: NumPy arrays by name.

    Example:
      >>> from nmjax.storage import Serialized
      >>> Serialized({"rate": 0.1}, {"x": np.zeros(3)}).description
      {'rate': 0.1}
    """

    description: dict[str, Any]
    arrays: dict[str, np.ndarray]


class Serializer(NamedTuple):
    """A pair of functions that convert objects of a class to `Serialized` and back.

    Attributes:
      type: Class of the objects.
      serialize: (object) -> `Serialized`.
      deserialize: (`Serialized`, `Space` or None) -> object.

    Example:
      >>> from nmjax.storage import Serialized, Serializer
      >>> serializer = Serializer(
      ...     int, lambda number: Serialized({"n": number}, {}), lambda s, _: s.description["n"])
      >>> serializer.deserialize(serializer.serialize(3), None)
      3
    """

    type: type
    serialize: Callable[[Any], Serialized]
    deserialize: Callable[[Serialized, Space | None], Any]


_SERIALIZERS: dict[str, Serializer] = {}


def register_serializer(name: str, serializer: Serializer) -> None:
    """Register a class for `save` and `load`.

    Args:
      name: Name of the class in files; an earlier registration under this name is replaced.
      serializer: Conversion of its objects.

    Example:
      >>> from nmjax.knowledge import MetaKnowledge
      >>> from nmjax.storage import Serializer, register_serializer
      >>> from nmjax.storage.knowledge import deserialize_knowledge, serialize_knowledge
      >>> serializer = Serializer(MetaKnowledge, serialize_knowledge, deserialize_knowledge)
      >>> register_serializer("knowledge", serializer)
    """
    _SERIALIZERS[name] = serializer


def save(item: Any, path: str | os.PathLike[str]) -> None:
    """Write knowledge, a study, or an object of another registered class to one file.

    The write is atomic and replaces an existing file.

    Args:
      item: What to save, such as the result of `learn`.
      path: Path of the file; missing folders are created.

    Raises:
      NmjaxError: The class of the object is not registered, or the file cannot be written.

    Example:
      >>> import tempfile
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.spaces import Space
      >>> from nmjax.storage import load, save
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     save(default_knowledge(Space(width=[8, 16])), f"{folder}/knowledge.nmjax")
      ...     load(f"{folder}/knowledge.nmjax").space.names
      ('width',)
    """
    found = [(name, each) for name, each in _SERIALIZERS.items() if isinstance(item, each.type)]
    if not found:
        classes = sorted(each.type.__name__ for each in _SERIALIZERS.values())
        raise NmjaxError(
            f"Got a {type(item).__name__} to save; give an object of {' or '.join(classes)}."
        )
    name, serializer = found[-1]
    serialized = serializer.serialize(item)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "nmjax": __version__,
        "kind": name,
        "shapes": _shapes(serialized.arrays),
        "content": serialized.description,
    }
    text = json.dumps(content, indent=1, allow_nan=False)
    try:
        with whole_file(Path(path)) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(_DESCRIPTION, text)
            for key, array in serialized.arrays.items():
                archive.writestr(f"{key}.npy", _to_bytes(array), zipfile.ZIP_DEFLATED)
    except OSError as error:
        raise NmjaxError(f"Cannot write {path}: {error}. Give a writable path.") from None


def load(path: str | os.PathLike[str], *, space: Space | None = None) -> Any:
    """Load an object that `save` wrote.

    Args:
      path: Path of the file.
      space: The space, required only if it is not in the catalog and has a custom cell or custom
        functions; its choices must equal the saved ones.

    Raises:
      NmjaxError: The file does not exist, was not written by `save`, is incomplete, was written by
        a newer version, or requires `space`.

    Example:
      >>> import tempfile
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.spaces import get_space
      >>> from nmjax.storage import load, save
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     save(default_knowledge(get_space("nas-bench-201")), f"{folder}/knowledge.nmjax")
      ...     load(f"{folder}/knowledge.nmjax").space == get_space("nas-bench-201")
      True
    """
    try:
        name, serialized = _read(Path(path))
    except NmjaxError:
        raise
    except OSError as error:
        raise NmjaxError(f"Cannot read {path}: {error}.") from None
    except _DAMAGES:
        raise NmjaxError(
            f"{path} is not a file that nmjax.save wrote, or it is incomplete; save it again."
        ) from None
    if name not in _SERIALIZERS:
        raise NmjaxError(
            f"{path} holds a {name!r}; this version of nmjax reads {sorted(_SERIALIZERS)}: import "
            "the module that registers it, or update nmjax."
        )
    try:
        return _SERIALIZERS[name].deserialize(serialized, space)
    except NmjaxError:
        raise
    except _DAMAGES:
        raise NmjaxError(f"The content of {path} is not a valid {name!r}; save it again.") from None


def _read(path: Path) -> tuple[str, Serialized]:
    with zipfile.ZipFile(path) as archive:
        content = json.loads(archive.read(_DESCRIPTION))
        if content["format"] != FORMAT:
            raise ValueError(content["format"])
        if content["version"] > VERSION:
            raise NmjaxError(
                f"{path} was written by nmjax {content['nmjax']} in format {content['version']}; "
                f"this is nmjax {__version__}, which reads up to {VERSION}: update nmjax."
            )
        arrays = {key: _from_bytes(archive.read(f"{key}.npy")) for key in content["shapes"]}
    if (shapes := _shapes(arrays)) != content["shapes"]:
        raise ValueError(shapes)
    return content["kind"], Serialized(content["content"], arrays)


def _shapes(arrays: Mapping[str, np.ndarray]) -> dict[str, list[Any]]:
    """Return the dtype and shape of each array as JSON keeps them."""
    return {name: [str(array.dtype), list(array.shape)] for name, array in arrays.items()}


def _to_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()


def _from_bytes(content: bytes) -> np.ndarray:
    array: np.ndarray = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array
