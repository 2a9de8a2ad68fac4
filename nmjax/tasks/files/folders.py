"""Where a history's files are: a folder of a file system, or one of an object store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from nmjax.errors import NmjaxError
from nmjax.tasks.files.array_cache import whole_file

LOCAL = ("file", "local")
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Schemes of URLs where an upload appears once it is complete, and what is cut off never does.
Over others that fsspec knows, such as sftp, a file is seen while it is written."""


class Folder(NamedTuple):
    """What a store asks of its folder. Names are relative to it, such as "task=a/b.parquet".

    Attributes:
      put: (name, content): a file appears, complete and lasting, or not at all.
      create: (name, content): as `put`, where there is no such file; one that is there stays.
        Of several at once one wins, if the server knows conditional requests.
      open: (name) -> the file, to read; FileNotFoundError where there is none.
      find: (folder) -> sorted names of the Parquet files of a folder in it, or of all with "*".
    """

    put: Callable[[str, bytes], None]
    create: Callable[[str, bytes], None]
    open: Callable[[str], BinaryIO]
    find: Callable[[str], list[str]]


def locate(folder: str | Path) -> str | Path:
    """The URL of an object store without its last slash, or the path of a local folder.

    Raises:
      NmjaxError: a URL whose files may be seen half-written.
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
    """The folder at what `locate` returned; a client of an object store is kept by fsspec.

    Raises:
      NmjaxError: fsspec, or what it needs for this URL, is not installed.
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

    return Folder(put, create, lambda name: (root / name).open("rb"), find)


def _remote(url: str) -> Folder:
    try:
        from fsspec.core import url_to_fs

        # Listings that were kept would hide what other processes have written since.
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
        if system.exists(path):  # asked here too, as not every server knows the condition
            return
        try:
            system.pipe_file(path, content, mode="create")
        except OSError:
            if not system.exists(path):
                raise

    @_client_errors()
    def read(name: str) -> BinaryIO:
        return system.open(f"{root}/{name}", "rb")

    @_client_errors()
    def find(folder: str) -> list[str]:
        below = system.find(root if folder == "*" else f"{root}/{folder}")
        return sorted(path.removeprefix(f"{root}/") for path in below if path.endswith(".parquet"))

    return Folder(put, create, read, find)


@contextmanager
def _client_errors() -> Iterator[None]:
    """Those that a client has of its own are OSErrors within this."""
    try:
        yield
    except (OSError, ImportError):
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
