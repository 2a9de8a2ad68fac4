"""Experiments of Ray Tune: a folder of trials with `params.json` and their results."""

from pathlib import Path
from typing import Any

from nmjax.tasks.exports.study import PARAMETER, Study
from nmjax.tasks.tables.content import load_text
from nmjax.tasks.tables.delimited import read_delimited
from nmjax.tasks.tables.documents import load_json
from nmjax.tasks.tables.table import flatten


def read_ray_tune(folder: Path) -> Study | None:
    """Return the trials of an experiment, each with its last result, or None if it is none.

    A trial with `error.txt` failed. Names within nested records are joined by "/".

    Raises:
      NmjaxError: A file cannot be read.
    """
    trials = sorted(path.parent for path in folder.glob("*/params.json"))
    if not trials:
        return None
    return Study(
        folder.name, list(map(_row, trials)), labels=[f"folder {trial.name}" for trial in trials]
    )


def _row(trial: Path) -> dict[str, Any]:
    result = _last_result(trial)
    params = _records(trial / "params.json")
    state = "ERROR" if (trial / "error.txt").exists() else "TERMINATED"
    metrics = {name: value for name, value in result.items() if name != "config"}
    return (
        {f"{PARAMETER}{name}": value for name, value in flatten(params[0], "/").items()}
        | flatten(metrics, "/")
        | {"state": state}
    )


def _last_result(trial: Path) -> dict[str, Any]:
    results, progress = trial / "result.json", trial / "progress.csv"
    if results.is_file() and results.stat().st_size:
        return _records(results)[-1]
    if progress.is_file() and progress.stat().st_size:
        table = read_delimited(load_text(progress), progress.name)
        return {name: table.read(name)[-1] for name in table.names} if table.size else {}
    return {}


def _records(path: Path) -> list[dict[str, Any]]:
    place = f"{path.parent.name}/{path.name}"
    text = load_text(path, place)
    whole = text[: text.rfind("\n") + 1]  # A trial that was killed leaves half a line.
    value = load_json(whole if path.name == "result.json" and whole else text, place)
    records = value if isinstance(value, list) else [value]
    return [record for record in records if isinstance(record, dict)] or [{}]
