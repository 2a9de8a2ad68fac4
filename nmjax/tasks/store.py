"""Converted tables on disk: written once, atomically, and opened in milliseconds afterwards."""

import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np


def cache_folder() -> Path:
    """Where converted tables live: `NMJAX_CACHE`, else the user's cache folder."""
    if chosen := os.environ.get("NMJAX_CACHE"):
        return Path(chosen)
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(user) / "nmjax"


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
        _write(path, arrays)
    except OSError as error:
        _warn_unwritable(str(path.parent), str(error))
    return arrays


def _read(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        return None


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@lru_cache
def _warn_unwritable(folder: str, reason: str) -> None:
    warnings.warn(
        f"Converted tables cannot be kept in {folder} ({reason}) and are converted at each load: "
        "set NMJAX_CACHE to a folder that can be written.",
        stacklevel=4,
    )
