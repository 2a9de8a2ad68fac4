"""Folders of a history's files, on a file system or an object store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from nmjax.errors import NmjaxError
from nmjax.tasks.files.array_cache import whole_file

LOCAL = ("file", "local")
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Schemes of URLs where a file appears once its upload is complete, and never if it is interrupted.
With others that fsspec knows, such as sftp, a file is visible while it is written."""


class Folder(NamedTuple):
    """Operations of a store on its folder. Names are relative to it, such as "task=a/b.parquet".

    Attributes:
      put: (name, content): write a file, which appears complete and durable or not at all.
      create: (name, content): as `put`, but keep a file that exists. Of several concurrent calls
        one wins, if the server supports conditional requests.
      remove: (name): remove a file.
      open: (name) -> open a file for reading; FileNotFoundError if there is none.
      find: (folder) -> sorted names of the Parquet files in a subfolder, or in all with "*".
    """

    put: Callable[[str, bytes], None]
    create: Callable[[str, bytes], None]
    remove: Callable[[str], None]
    open: Callable[[str], BinaryIO]
    find: Callable[[str], list[str]]


def locate(folder: str | Path) -> str | Path:
    """Return the URL of an object store without its last slash, or the path of a local folder.

    Raises:
      NmjaxError: Files at the URL would be visible while they are written.
    """
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
    def put(name: str, content: bytes) -> None:
        with whole_file(root / name) as file:
            file.write(content)

    def create(name: str, content: bytes) -> None:
        with suppress(FileExistsError), whole_file(root / name, new=True) as file:
            file.write(content)

    def find(folder: str) -> list[str]:
        return sorted(f"{p.parent.name}/{p.name}" for p in root.glob(f"{folder}/*.parquet"))

    def remove(name: str) -> None:
        (root / name).unlink(missing_ok=True)

    return Folder(put, create, remove, lambda name: (root / name).open("rb"), find)


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
    def put(name: str, content: bytes) -> None:
        system.pipe_file(f"{root}/{name}", content)

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

    @_client_errors()
    def read(name: str) -> BinaryIO:
        file: BinaryIO = system.open(f"{root}/{name}", "rb")
        return file

    @_client_errors()
    def find(folder: str) -> list[str]:
        below = system.find(root if folder == "*" else f"{root}/{folder}")
        return sorted(path.removeprefix(f"{root}/") for path in below if path.endswith(".parquet"))

    @_client_errors()
    def remove(name: str) -> None:
        system.rm_file(f"{root}/{name}")

    return Folder(put, create, remove, read, find)


@contextmanager
def _client_errors() -> Iterator[None]:
    """Turn errors that a client defines itself into OSErrors."""
    try:
        yield
    except (OSError, ImportError):
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
