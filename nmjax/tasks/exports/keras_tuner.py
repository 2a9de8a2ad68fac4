"""Projects of Keras Tuner: a folder of `trial_*/trial.json`."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.tasks.exports.study import PARAMETER, Study
from nmjax.tasks.tables.content import load_text
from nmjax.tasks.tables.documents import load_json
from nmjax.tasks.tables.table import Direction


def read_keras_tuner(folder: Path) -> Study | None:
    """Return the trials of a project, or None if it is none.

    A metric's value is the one at the best step, averaged over executions. The objective is the
    metric that equals the score of every trial.

    Raises:
      NmjaxError: A file cannot be read.
    """
    paths = sorted(
        folder.glob("trial_*/trial.json"), key=lambda path: (len(path.parent.name), path)
    )
    if not paths:
        return None
    directions: dict[str, Direction | None] = {}
    rows = [_row(path, directions) for path in paths]
    scored = [row for row in rows if isinstance(row["score"], int | float)]
    objectives = [
        name
        for name in directions
        if scored and all(_equal(row.get(name), row["score"]) for row in scored)
    ]
    return Study(
        folder.name,
        rows,
        {name: directions[name] for name in objectives} if len(objectives) == 1 else {},
        directions,
        labels=[f"{path.parent.name}/{path.name}" for path in paths],
    )


def _row(path: Path, directions: dict[str, Direction | None]) -> dict[str, Any]:
    place = f"{path.parent.name}/{path.name}"
    trial = load_json(load_text(path, place), place)
    try:
        params = trial["hyperparameters"]["values"]
        row = {f"{PARAMETER}{n}": v for n, v in params.items() if not n.startswith("tuner/")}
        for name, metric in trial["metrics"]["metrics"].items():
            row[name] = _value(metric["observations"], trial.get("best_step"))
            directions.setdefault(
                name, metric["direction"] if metric["direction"] in ("min", "max") else None
            )
        score = None if trial["score"] is None else float(trial["score"])
        return row | {"score": score, "state": trial["status"]}
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise NmjaxError(
            f"{place} is damaged, expected a trial of Keras Tuner: {error!r}."
        ) from error


def _value(observations: list[Mapping[str, Any]], best_step: Any) -> float | None:
    if not observations:
        return None
    at_best = [one for one in observations if one["step"] == best_step]
    values = (at_best or observations)[-1]["value"]
    return math.fsum(values) / len(values)


def _equal(value: Any, score: float) -> bool:
    return value is not None and math.isclose(value, score, rel_tol=1e-9)
