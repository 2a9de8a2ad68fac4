"""Output folder of a command: an empty one given by the user, or the next free name."""

import fcntl
import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nmjax.errors import NmjaxError


@contextmanager
def run_folder(
    folder: Path | None, *, benchmark: str, target: str, resume: bool = False
) -> Iterator[Path]:
    """Create and lock the output folder before a run starts, so that no results are lost.

    If the run raises an error before it has written anything, created folders are removed.

    Args:
      folder: new or empty folder; `runs/BENCHMARK-TARGET-NUMBER` with the lowest free number if
        None.
      benchmark: first part of the default name.
      target: second part of the default name.
      resume: continue in a folder that an interrupted run left.

    Raises:
      NmjaxError: the folder is not empty, is a file, is in use by another run, cannot be made, or
        cannot be written to.

    Example:
      >>> from pathlib import Path
      >>> from nmjax.cli.run_folder import run_folder
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as place:
      ...     with run_folder(Path(place) / "run", benchmark="b", target="t") as folder:
      ...         _ = (folder / "results.json").write_text("{}")
      ...     folder.name
      'run'
    """
    if folder is not None and not resume:
        _check_empty(folder)
    try:
        made = _make(folder) if folder is not None else _next_free(benchmark, target)
        with tempfile.TemporaryFile(dir=made[0]):
            pass
    except OSError as error:
        raise NmjaxError(
            f"The run folder cannot be made or written to ({error}): give another --out."
        ) from error
    with _locked(made[0]):
        try:
            yield made[0]
        except BaseException:
            _remove_empty(made[1:])
            raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder; the system releases the lock when the process ends, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise NmjaxError(
            f"{folder} is in use by another run: wait for its end, or choose another folder."
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _check_empty(folder: Path) -> None:
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise NmjaxError(f"{folder} cannot be read ({error}): give another --out.") from error
    if taken:
        raise NmjaxError(f"{folder} is not empty: give --out a new folder, or an empty one.")


def _make(folder: Path) -> list[Path]:
    """Create a folder; return it, followed by its created parents, innermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [folder, *missing]


def _next_free(benchmark: str, target: str) -> list[Path]:
    """Create the first `runs/BENCHMARK-TARGET-NUMBER` that does not exist, like `_make`."""
    runs = Path("runs")
    parents = _make(runs)[1:]
    for number in itertools.count(1):
        free = runs / f"{benchmark}-{target}-{number}"
        try:
            free.mkdir()
        except FileExistsError:
            continue
        break
    return [free, free, *parents]


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return
