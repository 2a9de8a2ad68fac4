"""Open a table: the content of a file, not its name, tells the format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmjax.tasks.exports.ax import find_ax_experiment, read_ax
from nmjax.tasks.exports.delimited_exports import recognize
from nmjax.tasks.exports.folders import read_folder
from nmjax.tasks.exports.optuna_trials import (
    is_optuna_journal,
    read_optuna_database,
    read_optuna_journal,
)
from nmjax.tasks.exports.smac import is_smac_history, read_smac_history
from nmjax.tasks.exports.study import table_of_studies
from nmjax.tasks.tables.content import decode, is_database, kind_of, load_content
from nmjax.tasks.tables.delimited import read_delimited
from nmjax.tasks.tables.documents import load_json, read_document
from nmjax.tasks.tables.frames import read_arrow, read_frame, read_parquet
from nmjax.tasks.tables.table import Table


def open_table(source: Any, tasks: Sequence[str] = ()) -> Table:
    """Return the table of a file, a folder or a data frame.

    Args:
      source: Path of a file: delimited text, JSON lines, a JSON document, Parquet or Arrow, as it
        is or compressed; or an export of another tool, which may be a folder. Otherwise a data
        frame, as `history_from_frame` takes it.
      tasks: Names of the studies to read, of an export with several; all by default.

    Raises:
      NmjaxError: The file cannot be read, or `source` is neither.

    Example:
      >>> from nmjax.tasks.tables.opening import open_table
      >>> table = open_table({"task": ["cora"], "config/width": [64], "loss": [0.3]})
      >>> table.size, table.find("width"), table.read("config/width")
      (1, 'config/width', [64])
    """
    if not isinstance(source, str | Path):
        return recognize(read_frame(source))
    path = Path(str(source).removeprefix("sqlite:///"))
    if path.is_dir():
        return read_folder(path, tasks)
    if is_database(path):
        return read_optuna_database(path, tasks)
    content = load_content(path)
    kind = kind_of(content, path.name)
    if kind == "parquet":
        return read_parquet(content, path.name)
    if kind == "arrow":
        return read_arrow(content, path.name)
    text = decode(content, path.name)
    if text.lstrip()[:1] not in ("{", "["):
        return recognize(read_delimited(text, path.name), path)
    if text.startswith('{"op_code"'):  # A journal, whose last line may be half-written.
        text = text[: text.rfind("\n") + 1]
    document = load_json(text, path.name)
    if is_optuna_journal(document):
        return read_optuna_journal(document, path.name, tasks)
    if is_smac_history(document):
        return table_of_studies(path.name, [read_smac_history(document, path)])
    if (experiment := find_ax_experiment(document)) is not None:
        return table_of_studies(path.name, [read_ax(experiment, path.name)])
    return recognize(read_document(document, path.name), path)
