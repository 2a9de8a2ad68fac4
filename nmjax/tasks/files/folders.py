"""Folders of a history's files, on a file system or an object store."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import BinaryIO, NamedTuple

from nmjax.errors import NmjaxError
from nmjax.tasks.files.array_cache import whole_file
from nmjax.tasks.files.transactions import pending, put_all

LOCAL = ("file", "local")
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Schemes of URLs where a file appears once its upload is complete, and never if it is interrupted.
With others that fsspec knows, such as sftp, a file is visible while it is written."""


class Folder(NamedTuple):
    """Operations of a store on its folder. Names are relative to it, such as "task=a/b.parquet".

    Attributes:
      put_all: (files, new): write files (name, content), and those of {name: content} that do not
        exist yet. Each appears complete and durable or not at all. In a local folder they appear
        together, even if the process is killed. On an object store they appear one after the other,
        the new ones last, and are removed if one fails.
      create: (name, content): write a file unless it exists. Of several concurrent calls one wins,
        if the server supports conditional requests.
      open: (name) -> open a file for reading; FileNotFoundError if there is none.
      find: (folder) -> sorted names of the Parquet files in a subfolder, or in all with "*".
    """

    put_all: Callable[[Iterable[tuple[str, bytes]], Mapping[str, bytes]], None]
    create: Callable[[str, bytes], None]
    open: Callable[[str], BinaryIO]
    find: Callable[[str], list[str]]


def locate(folder: str | Path) -> str | Path:
    """Return the URL of an object store without its last slash, or the path of a local folder.

    Raises:
      NmjaxError: The name is empty, or files at the URL would be visible while they are written.
    """
    if not str(folder).strip():
        raise NmjaxError(f"Got {folder!r} as a folder; give its name, or '.' for this one.")
    scheme, mark, rest = str(folder).partition("://")
    if not mark or scheme in LOCAL:
        return Path(rest if mark else folder)
    if scheme not in OBJECT_STORES:
        raise NmjaxError(
            f"{folder} is neither local nor on one of {', '.join(OBJECT_STORES)}, where files "
            "appear whole: mount it, and give the path."
        )
    return f"{scheme}://{rest.rstrip('/')}"


def folder_at(location: str | Path) -> Folder:
    """Return the folder at a result of `locate`; fsspec keeps the clients of object stores.

    Raises:
      NmjaxError: fsspec, or its client for the URL, is not installed.
    """
    return _local(location) if isinstance(location, Path) else _remote(location)


def _local(root: Path) -> Folder:
    def put(files: Iterable[tuple[str, bytes]], new: Mapping[str, bytes]) -> None:
        put_all(root, files, new=new)

    def create(name: str, content: bytes) -> None:
        with suppress(FileExistsError), whole_file(root / name, new=True) as file:
            file.write(content)

    def find(folder: str) -> list[str]:
        pattern = f"{folder}/*.parquet"
        waiting = {name for name in pending(root) if PurePath(name).match(pattern)}
        moved = {f"{p.parent.name}/{p.name}" for p in root.glob(pattern)}
        return sorted(waiting | moved)

    def read(name: str) -> BinaryIO:
        with suppress(FileNotFoundError):
            return (root / name).open("rb")
        with suppress(FileNotFoundError, KeyError):
            return pending(root)[name].open("rb")
        return (root / name).open("rb")  # It may have been moved in between.

    return Folder(put, create, read, find)


def _remote(url: str) -> Folder:
    try:
        from fsspec.core import url_to_fs

        # Cached listings would hide files that other processes have written since.
        with _client_errors():
            system, root = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise NmjaxError(
            f"{url} cannot be reached ({error}): install nmjax with the extra s3, gcs or azure."
        ) from error

    @_client_errors()
    def create(name: str, content: bytes) -> None:
        path = f"{root}/{name}"
        if system.exists(path):  # Not every server supports the condition.
            return
        try:
            system.pipe_file(path, content, mode="create")
        except OSError:
            if not system.exists(path):
                raise

    def put(files: Iterable[tuple[str, bytes]], new: Mapping[str, bytes]) -> None:
        written: list[str] = []
        try:
            for name, content in files:
                with _client_errors():
                    system.pipe_file(f"{root}/{name}", content)
                written.append(name)
            for name, content in new.items():
                create(name, content)
        except BaseException:
            with _client_errors():
                for name in written:
                    system.rm_file(f"{root}/{name}")
            raise

    @_client_errors()
    def read(name: str) -> BinaryIO:
        file: BinaryIO = system.open(f"{root}/{name}", "rb")
        return file

    @_client_errors()
    def find(folder: str) -> list[str]:
        below = system.find(root if folder == "*" else f"{root}/{folder}")
        return sorted(path.removeprefix(f"{root}/") for path in below if path.endswith(".parquet"))

    return Folder(put, create, read, find)


@contextmanager
def _client_errors() -> Iterator[None]:
    """Turn errors that a client defines itself into OSErrors."""
    try:
        yield
    except (OSError, ImportError):
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
