"""Experiments of Ax, from the JSON snapshot of an experiment or a client."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.tasks.exports.study import PARAMETER, Study
from nmjax.tasks.tables.table import Direction

_TERM = re.compile(r"\s*(-?)\s*([A-Za-z_][\w./]*)\s*")


def find_ax_experiment(document: Any) -> Mapping[str, Any] | None:
    """Return the experiment in a JSON document of Ax, or None if it is not one."""
    if isinstance(document, Mapping):
        for value in (document, document.get("experiment")):
            if isinstance(value, Mapping) and value.get("__type") in (
                "Experiment",
                "MultiTypeExperiment",
            ):
                return value
    return None


def read_ax(experiment: Mapping[str, Any], source: str) -> Study:
    """Return the trials of an experiment, with the means of their metrics.

    Raises:
      NmjaxError: A trial is damaged.
    """
    try:
        trials = sorted(experiment["trials"].items(), key=lambda trial: int(trial[0]))
        data = experiment.get("data_by_trial") or {}
        found = [
            (f"trial {number}", row)
            for number, trial in trials
            for row in _rows(trial, _means(data.get(number)))
        ]
        objectives = dict(_objectives((experiment["optimization_config"] or {}).get("objective")))
    except (
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise NmjaxError(
            f"{source} is damaged, expected an experiment of Ax: {error!r}."
        ) from error
    return Study(
        str(experiment.get("name") or source.split(".")[0]),
        [row for _, row in found],
        objectives,
        labels=[label for label, _ in found],
    )


def _rows(trial: Mapping[str, Any], means: Mapping[str, Mapping[str, Any]]) -> Iterator[Any]:
    """Yield a row for each arm; a trial of a batch has several."""
    runs = [trial.get("generator_run")]
    runs += [struct["generator_run"] for struct in trial.get("generator_run_structs") or []]
    for run in runs:
        for arm in (run or {}).get("arms", []):
            arm = arm.get("arm", arm)
            params = {
                f"{PARAMETER}{name}": "None" if value is None else value
                for name, value in arm["parameters"].items()
            }
            yield {**params, **means.get(arm["name"], {}), "state": trial["status"]["name"]}


def _means(entry: Any) -> dict[str, dict[str, Any]]:
    """Return {arm: {metric: mean}} of the last data of a trial; later steps replace earlier."""
    data = entry["value"] if isinstance(entry, Mapping) and "value" in entry else entry
    means: dict[str, dict[str, Any]] = {}
    for _, snapshot in data.items() if isinstance(data, Mapping) else data or []:
        frame = snapshot["df"]["value"]
        columns = json.loads(frame) if isinstance(frame, str) else frame
        for row in columns["metric_name"]:
            arm = means.setdefault(columns["arm_name"][row], {})
            arm[columns["metric_name"][row]] = columns["mean"][row]
    return means


def _objectives(objective: Any) -> Iterator[tuple[str, Direction]]:
    """Yield the name and direction of each objective; sums of several metrics have none."""
    if not objective:
        return
    if "expression" in objective:
        for term in objective["expression"].split(","):
            if match := _TERM.fullmatch(term):
                yield match[2], "min" if match[1] else "max"
    elif "objectives" in objective:
        for one in objective["objectives"]:
            yield from _objectives(one)
    elif "metric" in objective:
        yield objective["metric"]["name"], "min" if objective["minimize"] else "max"
