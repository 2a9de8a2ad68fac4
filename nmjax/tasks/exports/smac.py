"""Run histories of SMAC: `runhistory.json`, with `scenario.json` beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.tasks.exports.study import PARAMETER, Study
from nmjax.tasks.tables.content import load_text
from nmjax.tasks.tables.documents import load_json

STATUSES = ("RUNNING", "SUCCESS", "CRASHED", "TIMEOUT", "MEMORYOUT")
"""Statuses by the numbers that SMAC 2 writes."""
_FIELDS = ("config_id", "instance", "seed", "budget", "cost", "time", "status")


def is_smac_history(document: Any) -> bool:
    """Return whether a JSON document is a run history of SMAC."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("data"), list)
        and isinstance(document.get("configs"), dict)
    )


def read_smac(folder: Path) -> Study | None:
    """Return the run history in a folder, or None if it has none.

    Raises:
      NmjaxError: The file cannot be read.
    """
    path = folder / "runhistory.json"
    if not path.is_file():
        return None
    document = load_json(load_text(path), path.name)
    if not is_smac_history(document):
        raise NmjaxError(f"{path} is damaged, expected a run history of SMAC.")
    return read_smac_history(document, path)


def read_smac_history(document: Mapping[str, Any], path: Path) -> Study:
    """Return the runs of a run history; costs are minimized.

    Of a multi-fidelity history, only the runs with the largest budget are read. The scenario beside
    the file names the study and the objectives.

    Args:
      document: Content of the file.
      path: The file.

    Raises:
      NmjaxError: A run is damaged.
    """
    scenario = _scenario(path.with_name("scenario.json"))
    runs = [
        _run(run, f"{path.name}, run {place + 1}") for place, run in enumerate(document["data"])
    ]
    largest = max((run["budget"] for run in runs), default=0)
    kept = [place for place, run in enumerate(runs) if run["budget"] == largest]
    stated = scenario.get("objectives")
    stated = [stated] if isinstance(stated, str) else stated
    width = max((len(_costs(run)) for run in runs), default=1)
    unnamed = not isinstance(stated, list) or len(stated) != width or stated == ["cost"]
    names = [f"cost_{n}" for n in range(width)] if unnamed else list(map(str, stated or []))
    names = ["cost"] if unnamed and width == 1 else names
    rows = []
    for place in kept:
        run = runs[place]
        config = document["configs"].get(str(run["config_id"]))
        if not isinstance(config, Mapping):
            raise NmjaxError(
                f"{path.name}, run {place + 1} has the unknown configuration {run['config_id']!r}."
            )
        costs = dict(zip(names, [*_costs(run), *[None] * width], strict=False))
        params = {f"{PARAMETER}{name}": value for name, value in config.items()}
        others = {name: run[name] for name in ("instance", "seed", "budget", "time")}
        rows.append(params | others | costs | {"status": run["status"]})
    return Study(
        str(scenario.get("name") or path.resolve().parent.name),
        rows,
        dict.fromkeys(names, "min"),
        unnamed=unnamed and width == 1,
        labels=[f"run {place + 1}" for place in kept],
    )


def _scenario(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    value = load_json(load_text(path), path.name)
    return value if isinstance(value, Mapping) else {}


def _run(run: Any, place: str) -> dict[str, Any]:
    """Return a run as fields: SMAC 1 wrote a key and a value, SMAC 2 a list or a record."""
    try:
        if isinstance(run, Mapping):
            fields = {name: run[name] for name in _FIELDS}
        elif isinstance(run[0], Sequence) and not isinstance(run[0], str):
            fields = dict(zip(_FIELDS, [*[*run[0], None][:4], *run[1][:3]], strict=True))
        else:
            status = 7 if len(run) > 10 else 6
            fields = dict(zip(_FIELDS, [*run[:6], run[status]], strict=True))
        status = fields["status"]
        status = status["__enum__"] if isinstance(status, Mapping) else status
        fields["status"] = STATUSES[status] if isinstance(status, int) else str(status)
        fields["budget"] = float(fields["budget"] or 0)
        return fields
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise NmjaxError(f"{place} is damaged, expected a run of SMAC: {error!r}.") from error


def _costs(run: Mapping[str, Any]) -> list[Any]:
    return run["cost"] if isinstance(run["cost"], list) else [run["cost"]]
