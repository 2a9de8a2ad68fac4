"""Searches that a long run has finished, kept in one file so that it can be resumed."""

import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.experiments.checkpoint import fingerprint
from nmjax.tasks.files.array_cache import whole_file

_DAMAGED = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile)


class FinishedSearches(NamedTuple):
    """Searches of T tasks, S seeds and M methods with B evaluations each, some yet to be run.

    Attributes:
      rows: int32[T, S, M, B], evaluated rows of the pool; -1 where a search has not been run.
      seconds: float64[T, S, M], seconds of each search.
    """

    rows: np.ndarray
    seconds: np.ndarray

    @property
    def waiting(self) -> list[tuple[int, int]]:
        """(task, seed) pairs whose searches have not all been run, in order."""
        unfinished = (self.rows < 0).any(axis=(2, 3))
        return [(int(task), int(seed)) for task, seed in np.argwhere(unfinished)]


def read_finished(
    path: Path | None, shape: tuple[int, int, int, int], *, config: Any
) -> FinishedSearches:
    """Read the searches that an interrupted run has finished; none if there is no such file.

    Args:
      path: file of `write_finished`; None reads nothing.
      shape: (T, S, M, B).
      config: settings of the run.

    Raises:
      NmjaxError: the file is damaged, or of other settings or another version of nmjax.
    """
    none = FinishedSearches(np.full(shape, -1, np.int32), np.full(shape[:3], np.nan))
    if path is None or not path.exists():
        return none
    try:
        with np.load(path, allow_pickle=False) as file:
            found = FinishedSearches(file["rows"], file["seconds"])
            written = json.loads(str(file["config"]))
    except _DAMAGED as error:
        raise NmjaxError(
            f"{path} is damaged ({error}): restore it from a copy, or remove it to begin anew."
        ) from error
    shapes = [leaf.shape for leaf in found]
    if written != fingerprint(config) or shapes != [leaf.shape for leaf in none]:
        raise NmjaxError(
            f"{path} holds searches with other settings or of another version of nmjax: continue "
            "with those, or choose another folder."
        )
    return found


def write_finished(path: Path | None, found: FinishedSearches, *, config: Any) -> None:
    """Replace the file of the finished searches at once, so that it is always whole.

    Args:
      path: file ending in .npz; None writes nothing.
      found: all searches that have been run so far.
      config: settings of the run.

    Raises:
      NmjaxError: the file cannot be written; the one before is kept.
    """
    if path is None:
        return
    written = np.array(json.dumps(fingerprint(config)))
    try:
        with whole_file(path) as file:
            np.savez_compressed(file, **found._asdict(), config=written)
    except OSError as error:
        raise NmjaxError(
            f"The finished searches cannot be written to {path} ({error}): free space or fix the "
            "permissions, then resume the run; the searches written before are kept."
        ) from error
