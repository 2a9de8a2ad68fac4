"""Files that appear complete or not at all, and a cache of converted tables made of them."""

import os
import uuid
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
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
    """Return the arrays stored under `key`; build and store them if they are missing.

    If the folder cannot be written, a warning is given once, and the arrays are built each time.

    Args:
      key: File name that changes with everything the arrays depend on.
      shapes: Expected {name: shape}; a stored file that differs or is damaged is replaced.
      build: Function that returns the arrays, which contain no objects.
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
    """Open a file to write that appears at `path` complete, and durable, or not at all.

    The bytes are first written to a file next to it whose name begins with a dot and ends in
    ".tmp", which a killed process leaves behind. Folders are made as needed, and removed again if
    writing fails.

    Args:
      path: File to write; replaced if it exists.
      new: Raise a FileExistsError if it exists; needs a file system with hard links.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    with new_folders(path.parent):
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            (os.link if new else os.replace)(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    for folder in (path.parent, path.parent.parent):
        sync_names(folder)


@contextmanager
def new_folders(*folders: Path) -> Iterator[None]:
    """Make folders and their parents; those that were missing are removed if the block raises."""
    missing = [p for folder in folders for p in (folder, *folder.parents) if not p.exists()]
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in sorted(set(missing), key=lambda p: len(p.parts), reverse=True):
            with suppress(OSError):
                folder.rmdir()
        raise


def sync_names(folder: Path) -> None:
    """Make the names in a folder durable, where the operating system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # as for every folder on Windows
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@lru_cache
def _warn_unwritable(folder: str, reason: str) -> None:
    warnings.warn(
        f"Converted tables cannot be stored in {folder} ({reason}) and are converted at each load: "
        "set NMJAX_CACHE to a folder that can be written.",
        stacklevel=4,
    )
