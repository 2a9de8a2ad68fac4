"""The folder that a command writes: an empty one named by the user, or the next free one."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nmjax.errors import NmjaxError


@contextmanager
def run_folder(folder: Path | None, *, benchmark: str, target: str) -> Iterator[Path]:
    """Make the folder of a run before the run starts, so that no result is lost for want of one.

    If the run raises before it has written anything, the folders that were made are removed.

    Args:
      folder: new or empty folder; `runs/BENCHMARK-TARGET-NUMBER` with the lowest free number if
        None.
      benchmark: first part of the default name.
      target: second part of the default name.

    Raises:
      NmjaxError: the folder is not empty, is a file, cannot be made, or cannot be written to.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as place:
      ...     with run_folder(Path(place) / "run", benchmark="b", target="t") as folder:
      ...         _ = (folder / "results.json").write_text("{}")
      ...     folder.name
      'run'
    """
    if folder is not None:
        _check_empty(folder)
    try:
        made = _make(folder) if folder is not None else _next_free(benchmark, target)
        with tempfile.TemporaryFile(dir=made[0]):
            pass
    except OSError as error:
        raise NmjaxError(
            f"The run folder cannot be made or written to ({error}): give another --out."
        ) from error
    try:
        yield made[0]
    except BaseException:
        _remove_empty(made[1:])
        raise


def _check_empty(folder: Path) -> None:
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise NmjaxError(f"{folder} cannot be read ({error}): give another --out.") from error
    if taken:
        raise NmjaxError(f"{folder} is not empty: give --out a new folder, or an empty one.")


def _make(folder: Path) -> list[Path]:
    """The folder, followed by the folders that were made for it, innermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [folder, *missing]


def _next_free(benchmark: str, target: str) -> list[Path]:
    """As `_make`, of the first `runs/BENCHMARK-TARGET-NUMBER` that does not exist."""
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
