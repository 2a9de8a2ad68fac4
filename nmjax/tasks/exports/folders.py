"""Folders that other tools write."""

from collections.abc import Sequence
from pathlib import Path

from nmjax.errors import NmjaxError
from nmjax.tasks.exports.delimited_exports import recognize
from nmjax.tasks.exports.keras_tuner import read_keras_tuner
from nmjax.tasks.exports.ray_tune import read_ray_tune
from nmjax.tasks.exports.smac import read_smac
from nmjax.tasks.exports.study import Study, choose_studies, table_of_studies
from nmjax.tasks.tables.content import load_text
from nmjax.tasks.tables.delimited import read_delimited
from nmjax.tasks.tables.table import Table

DEPTH = 2
"""Levels of folders below the given one that may hold studies."""


def read_folder(folder: Path, tasks: Sequence[str]) -> Table:
    """Return the trials of the studies of a folder, or of the folders in it.

    Args:
      folder: An experiment of Ray Tune, a project of Keras Tuner, an output folder of SMAC, an
        experiment of Syne Tune, or a folder of several.
      tasks: Names of the studies to read; all by default.

    Raises:
      NmjaxError: There is none, two studies have different objectives, or a file is damaged.
    """
    try:
        studies = _studies(folder.resolve(), DEPTH)
    except OSError as error:
        raise NmjaxError(f"{folder} cannot be read: {error.strerror}.") from error
    if not studies:
        raise NmjaxError(
            f"{folder} is a folder without trials of Ray Tune, Keras Tuner, SMAC or Syne Tune. "
            "Give a file, or open a folder that nmjax wrote by open_store."
        )
    return table_of_studies(folder.name, choose_studies(folder.name, studies, tasks))


def _studies(folder: Path, depth: int) -> list[Study]:
    for read in (read_ray_tune, read_keras_tuner, read_smac, _read_syne_tune):
        if (study := read(folder)) is not None:
            return [study]
    if not depth:
        return []
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    return [study for path in below for study in _studies(path, depth - 1)]


def _read_syne_tune(folder: Path) -> Study | None:
    paths = [folder / name for name in ("results.csv.zip", "results.csv")]
    path = next((path for path in paths if path.is_file()), None)
    if path is None or not (folder / "metadata.json").is_file():
        return None
    table = read_delimited(load_text(path), path.name)
    table = recognize(table, path)
    columns = {name: table.read(name) for name in table.names}
    rows = [{name: values[row] for name, values in columns.items()} for row in range(table.size)]
    return Study(folder.name, rows, table.objectives, table.directions, labels=list(table.labels))
