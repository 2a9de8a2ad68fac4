"""Decompress the bytes of files, detect their format, and decode text."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from nmjax.errors import NmjaxError
from nmjax.tasks.tables.table import brief

Kind = Literal["parquet", "arrow", "text"]

_DECOMPRESS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
}
_KINDS: dict[bytes, Kind] = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"FEA1": "arrow",
    b"\xff\xff\xff\xff": "arrow",
}
_DATABASE = b"SQLite format 3\x00"
_REFUSED = {
    _DATABASE: "a compressed database; decompress it",
    b"\x80": "a pickle, which nmjax does not open",
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "a picture",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
}
_BOMS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_SAVE = "Save the table as CSV, Parquet or JSON lines."


def load_content(path: Path) -> bytes:
    """Return the bytes of a file, decompressed if it is compressed by gzip, zip, bzip2 or xz.

    Raises:
      NmjaxError: The file cannot be read, is damaged, or is empty.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NmjaxError(f"{path} cannot be read: {reason}.") from error
    content = _decompressed(content, path.name)
    if not content.strip():
        raise NmjaxError(f"{path.name} is empty, expected a row for each evaluation.")
    return content


def load_text(path: Path, source: str | None = None) -> str:
    """Return the text of a file, decompressed, as `load_content` and `decode` do.

    Args:
      path: The file.
      source: Name of the file in messages about its encoding; its own by default.
    """
    return decode(load_content(path), source or path.name)


def is_database(path: Path) -> bool:
    """Return whether a file is a database of SQLite, by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(len(_DATABASE)) == _DATABASE
    except OSError:
        return False


def kind_of(content: bytes, source: str) -> Kind:
    """Return the kind of a file's content.

    Raises:
      NmjaxError: The content is of a kind that holds no table.
    """
    for magic, kind in _KINDS.items():
        if content.startswith(magic):
            return kind
    for magic, what in _REFUSED.items():
        if content.startswith(magic):
            raise NmjaxError(f"{source} is {what}. {_SAVE}")
    return "text"


def decode(content: bytes, source: str) -> str:
    """Return the text of UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
      NmjaxError: The encoding is another one.
    """
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), None)
    encoding = encoding or _utf16_without_bom(content) or "utf-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NmjaxError(
            f"{source} is not encoded as {encoding.removesuffix('-sig').upper()}: line {line} has "
            f"the byte 0x{content[error.start]:02x}. Save it as UTF-8; if it is Latin-1, by "
            f"`iconv -f latin1 -t utf-8`."
        ) from error
    if "\x00" in text:
        raise NmjaxError(f"{source} has bytes of 0, so it is no text. {_SAVE}")
    return text


def _decompressed(content: bytes, source: str) -> bytes:
    try:
        for magic, decompress in _DECOMPRESS.items():
            if content.startswith(magic):
                return decompress(content)
        if content.startswith(b"PK\x03\x04"):
            return _unzipped(content, source)
    except NmjaxError:
        raise
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise NmjaxError(f"{source} is compressed and damaged: {brief(error)}.") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise NmjaxError(
            f"{source} is a damaged or protected ZIP archive: {brief(error)}."
        ) from error
    return content


def _unzipped(content: bytes, source: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        names = [name for name in names if not name.startswith("__MACOSX/")]  # Added by macOS.
        if "[Content_Types].xml" in names:
            raise NmjaxError(f"{source} is an Excel workbook. {_SAVE}")
        if len(names) != 1:
            raise NmjaxError(f"{source} holds {len(names)} files, expected one: extract them.")
        return archive.read(names[0])


def _utf16_without_bom(content: bytes) -> str | None:
    """Return the encoding of text whose every other byte is 0, as in UTF-16 of Latin letters."""
    head = content[:200]
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if len(head) > 3 and zeros.count(0) > 0.9 * len(zeros):
            return encoding
    return None
