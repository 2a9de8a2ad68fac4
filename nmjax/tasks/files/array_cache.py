"""Files written wholly or not at all, and the cache of converted tables that is made of them."""

import os
import uuid
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nmjax.compilation_cache import cache_folder


def cached_arrays(
    key: str,
    shapes: Mapping[str, tuple[int, ...]],
    build: Callable[[], Mapping[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """The arrays stored under `key`, built and stored where absent.

    Args:
      key: a file name that changes with everything the arrays depend on.
      shapes: {name: shape} of what is expected; a stored file that differs is built anew, as is
        one that is damaged.
      build: makes the arrays, which hold no objects.

    Where the folder cannot be written, a warning is given once and the arrays are built each time.
    """
    path = cache_folder() / f"{key}.npz"
    stored = _read(path)
    if stored is not None and {name: a.shape for name, a in stored.items()} == dict(shapes):
        return stored
    arrays = dict(build())
    try:
        with whole_file(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        _warn_unwritable(str(path.parent), str(error))
    return arrays


def _read(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        return None


@contextmanager
def whole_file(path: Path, *, new: bool = False) -> Iterator[BinaryIO]:
    """A file to write that appears at `path` complete, and on disk, or not at all.

    Until then its bytes are in a neighbor whose name begins with a dot and ends in ".tmp"; a
    killed process leaves that one behind. Folders are made as needed.

    Args:
      path: replaced where it is there already.
      new: refuse that with a FileExistsError; needs a file system with hard links.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        (os.link if new else os.replace)(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    for folder in (path.parent, path.parent.parent):
        _sync_names(folder)


def _sync_names(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # so is every folder on Windows
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@lru_cache
def _warn_unwritable(folder: str, reason: str) -> None:
    warnings.warn(
        f"Converted tables cannot be kept in {folder} ({reason}) and are converted at each load: "
        "set NMJAX_CACHE to a folder that can be written.",
        stacklevel=4,
    )
