"""The folder that a command writes: one that is empty, named by the user or the next free one."""

import itertools
from pathlib import Path

from nmjax.errors import NmjaxError


def check_run_folder(folder: Path | None) -> None:
    """Refuses a folder in which something would be overwritten.

    Raises:
      NmjaxError: the folder has something in it, or is a file.
    """
    if folder is not None and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise NmjaxError(f"{folder} is not empty: give --out a new folder, or an empty one.")


def make_run_folder(folder: Path | None, *, benchmark: str, target: str) -> Path:
    """The given folder, or the next free one of `runs/BENCHMARK-TARGET-NUMBER`.

    Raises:
      NmjaxError: as `check_run_folder`, or the folder cannot be made.
    """
    check_run_folder(folder)
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        for number in itertools.count(1):
            free = Path("runs") / f"{benchmark}-{target}-{number}"
            if not free.exists():
                free.mkdir(parents=True)
                break
        return free
    except OSError as error:
        raise NmjaxError(
            f"No run folder could be made ({error}): name another by --out."
        ) from error
