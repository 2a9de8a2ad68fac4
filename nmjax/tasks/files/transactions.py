"""Several files that appear in a local folder together or not at all, even if a writer is killed.

A writer first stores its files in `.appends/ID`, where readers do not look, and commits them by a
journal there that names their places. Then it moves them. If it is killed before the journal is
complete, nothing was written, and the next writer removes the files. If it is killed later, readers
find the rest through the journal, and the next writer moves them.
"""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nmjax.tasks.files.array_cache import new_folders, sync_names, whole_file

try:
    import fcntl
except ImportError:  # on Windows, where unfinished appends are kept
    fcntl = None  # type: ignore[assignment]

STAGING = ".appends"
JOURNAL = "journal.json"
ATTEMPTS = 100


def put_all(
    root: Path, files: Iterable[tuple[str, bytes]], *, new: Mapping[str, bytes] | None = None
) -> None:
    """Write files that appear together, and durable, or not at all.

    Args:
      root: Folder, made as needed.
      files: (name relative to the folder, content); an error in their making ends the writing.
      new: {name: content} of files that are kept if they exist.

    Raises:
      FileExistsError: One of the new files exists with other content.
    """
    with new_folders(root), _registered(root):
        staged = _make_staged(root)
        try:
            names = [_stage(staged / str(n), *file) for n, file in enumerate(files)]
            places = enumerate((new or {}).items(), start=len(names))
            kept = [_stage(staged / str(n), *file) for n, file in places]
            _check_new(root, new or {})
            with new_folders(*{(root / name).parent for name in (*names, *kept)}):
                if len(names) == 1 and not kept:
                    _move(os.replace, staged / "0", root / names[0])
                elif names or kept:
                    _write_journal(staged, names, kept)
        except BaseException:
            (staged / JOURNAL).unlink(missing_ok=True)
            _remove(staged)
            raise
        if len(names) == 1 and not kept:
            _sync(root, names)
            _remove(staged)
        else:
            with suppress(OSError):
                _publish(root, staged)


def pending(root: Path) -> dict[str, Path]:
    """Return {name: path} of files that were committed, and may not have been moved yet."""
    found: dict[str, Path] = {}
    for staged in _appends(root):
        names, kept = _read_journal(staged)
        found |= {name: staged / str(n) for n, name in enumerate((*names, *kept))}
    return found


def _appends(root: Path) -> list[Path]:
    try:
        return sorted((root / STAGING).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _make_staged(root: Path) -> Path:
    staged = root / STAGING / uuid.uuid4().hex
    for _ in range(ATTEMPTS):  # Another writer may remove the empty folder in between.
        with suppress(FileNotFoundError, FileExistsError):
            staged.mkdir(parents=True)
            return staged
    staged.mkdir(parents=True)
    return staged


def _stage(place: Path, name: str, content: bytes) -> str:
    with place.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return name


def _check_new(root: Path, new: Mapping[str, bytes]) -> None:
    for name, content in new.items():
        if (root / name).exists() and (root / name).read_bytes() != content:
            raise FileExistsError(f"another process has written {root / name} meanwhile")


def _write_journal(staged: Path, names: Sequence[str], kept: Sequence[str]) -> None:
    with whole_file(staged / JOURNAL) as file:
        file.write(json.dumps({"files": names, "new": kept}).encode())


def _read_journal(staged: Path) -> tuple[list[str], list[str]]:
    """Return the names of the files and of the new ones; none if they were not committed."""
    try:
        journal = json.loads((staged / JOURNAL).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    return journal["files"], journal["new"]


def _publish(root: Path, staged: Path) -> None:
    """Move committed files to their places; several processes may do so at once."""
    names, kept = _read_journal(staged)
    for n, name in enumerate(kept, start=len(names)):
        with suppress(FileExistsError):
            _move(os.link, staged / str(n), root / name)
        (staged / str(n)).unlink(missing_ok=True)
    for n, name in enumerate(names):
        _move(os.replace, staged / str(n), root / name)
    _sync(root, [*names, *kept])
    if not any((staged / str(n)).exists() for n in range(len(names))):
        _remove(staged)


def _move(move: Callable[[Path, Path], None], source: Path, place: Path) -> None:
    """Move a file unless another process has; one that fails may have removed the folder."""
    for _ in range(ATTEMPTS):
        try:
            return move(source, place)
        except FileNotFoundError:
            if not source.exists():
                return None
            place.parent.mkdir(parents=True, exist_ok=True)
    return None


def _sync(root: Path, names: Sequence[str]) -> None:
    for folder in {root, *((root / name).parent for name in names)}:
        sync_names(folder)


def _remove(staged: Path) -> None:
    shutil.rmtree(staged, ignore_errors=True)
    with suppress(OSError):
        staged.parent.rmdir()


@contextmanager
def _registered(root: Path) -> Iterator[None]:
    """Hold a lock that writers share; the only one first finishes what killed ones left."""
    if fcntl is None:
        yield
        return
    handle = os.open(root, os.O_RDONLY)
    try:
        with suppress(OSError):  # Some file systems have no locks.
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _recover(root)
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _recover(root: Path) -> None:
    for staged in _appends(root):
        if (staged / JOURNAL).exists():
            _publish(root, staged)
        else:
            _remove(staged)
