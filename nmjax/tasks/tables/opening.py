"""Open a table: the content of a file, not its name, tells the format."""

from pathlib import Path
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.tasks.tables.content import decode, kind_of, load_content
from nmjax.tasks.tables.delimited import read_delimited
from nmjax.tasks.tables.documents import load_json, read_document
from nmjax.tasks.tables.frames import read_arrow, read_frame, read_parquet
from nmjax.tasks.tables.table import Table


def open_table(source: Any) -> Table:
    """Return the table of a file or a data frame.

    Args:
      source: Path of a file: delimited text, JSON lines, a JSON document, Parquet or Arrow, as it
        is or compressed. Otherwise a data frame, as `history_from_frame` takes it.

    Raises:
      NmjaxError: The file cannot be read, or `source` is neither.

    Example:
      >>> from nmjax.tasks.tables.opening import open_table
      >>> table = open_table({"task": ["cora"], "config/width": [64], "loss": [0.3]})
      >>> table.size, table.find("width"), table.read("config/width")
      (1, 'config/width', [64])
    """
    if not isinstance(source, str | Path):
        return read_frame(source)
    path = Path(source)
    if path.is_dir():
        raise NmjaxError(f"{path} is a folder, expected a file.")
    content = load_content(path)
    kind = kind_of(content, path.name)
    if kind == "parquet":
        return read_parquet(content, path.name)
    if kind == "arrow":
        return read_arrow(content, path.name)
    if kind == "sqlite":
        raise NmjaxError(f"{path.name} is a database, expected a table.")
    text = decode(content, path.name)
    if text.lstrip()[:1] in ("{", "["):
        return read_document(load_json(text, path.name), path.name)
    return read_delimited(text, path.name)
