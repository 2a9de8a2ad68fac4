"""Trials of Optuna, from a database of SQLite or a journal, without importing Optuna."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.tasks.exports.optuna_distributions import read_domain
from nmjax.tasks.exports.study import PARAMETER, Study, choose_studies, table_of_studies
from nmjax.tasks.tables.table import Direction, Table, brief

STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
"""States by the numbers that a journal holds."""
_DIRECTIONS: dict[str, Direction] = {"MINIMIZE": "min", "MAXIMIZE": "max"}
_WRONG = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
_METRIC_NAMES = "study:metric_names"
_QUERIES = {
    "studies": "SELECT study_id, study_name FROM studies ORDER BY study_id",
    "directions": "SELECT study_id, direction FROM study_directions ORDER BY objective",
    "attributes": "SELECT study_id, key, value_json FROM study_user_attributes",
    "system": "SELECT study_id, key, value_json FROM study_system_attributes",
    "trials": "SELECT trial_id, study_id, state FROM trials ORDER BY trial_id",
    "params": "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params",
    "user": "SELECT trial_id, key, value_json FROM trial_user_attributes",
}


@dataclass
class _Trial:
    state: str
    params: dict[str, Any] = field(default_factory=dict)
    distributions: dict[str, str] = field(default_factory=dict)
    values: list[float | None] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Study:
    name: str
    directions: list[str]
    metric_names: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    trials: list[_Trial] = field(default_factory=list)


def read_optuna_database(path: Path, tasks: Sequence[str]) -> Table:
    """Return the trials of the studies in a database of SQLite, which is opened read-only.

    Args:
      path: File of the database.
      tasks: Names of the studies to read; all by default.

    Raises:
      NmjaxError: The database is not one of Optuna, cannot be read, or has no such trials.
    """
    try:
        with closing(sqlite3.connect(_read_only(path), uri=True)) as connection:
            found = {name: connection.execute(query).fetchall() for name, query in _QUERIES.items()}
            columns = {row[1] for row in connection.execute("PRAGMA table_info(trial_values)")}
            kind = "value_type" if "value_type" in columns else "'FINITE'"
            found["values"] = connection.execute(
                f"SELECT trial_id, value, {kind} FROM trial_values ORDER BY objective"
            ).fetchall()
    except (sqlite3.Error, ValueError) as error:
        raise NmjaxError(
            f"{path.name} cannot be read as a database of Optuna: {brief(error)}. Save it as CSV."
        ) from error
    try:
        studies = list(map(_study, _of_database(found)))
    except _WRONG as error:
        raise _damaged(path.name, error) from error
    return table_of_studies(path.name, choose_studies(path.name, studies, tasks))


def is_optuna_journal(records: Any) -> bool:
    """Return whether JSON lines are a journal of Optuna."""
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(record, dict) and "op_code" in record for record in records[:2])
    )


def read_optuna_journal(records: list[Any], source: str, tasks: Sequence[str]) -> Table:
    """Return the trials of the studies in a journal.

    Args:
      records: Lines of the journal.
      source: Name of the file.
      tasks: Names of the studies to read; all by default.

    Raises:
      NmjaxError: A record is damaged, or there are no such trials.
    """
    studies: list[_Study | None] = []
    trials: list[_Trial] = []
    for line, record in enumerate(records, 1):
        try:
            _replay(record, studies, trials)
        except _WRONG as error:
            raise _damaged(f"{source}, line {line}", error) from error
    try:
        found = [_study(study) for study in studies if study is not None]
    except _WRONG as error:
        raise _damaged(source, error) from error
    return table_of_studies(source, choose_studies(source, found, tasks))


def _read_only(path: Path) -> str:
    """Return a URI under which SQLite creates no file beside the database."""
    with path.open("rb") as file:
        header = file.read(20)
    logged = header[18:20] == b"\x02\x02" and not path.with_name(f"{path.name}-wal").exists()
    return f"{path.resolve().as_uri()}?{'immutable=1' if logged else 'mode=ro'}"


def _of_database(found: Mapping[str, list[Any]]) -> list[_Study]:
    studies = {number: _Study(name, []) for number, name in found["studies"]}
    for number, direction in found["directions"]:
        studies[number].directions.append(direction)
    for number, key, value in found["attributes"]:
        studies[number].attributes[key] = json.loads(value)
    for number, key, value in found["system"]:
        if key == _METRIC_NAMES:
            studies[number].metric_names = json.loads(value)
    trials = {}
    for number, study, state in found["trials"]:
        trials[number] = _Trial(state)
        studies[study].trials.append(trials[number])
    for number, name, value, distribution in found["params"]:
        trials[number].params[name] = _parameter(value, distribution)
        trials[number].distributions[name] = distribution
    for number, value, kind in found["values"]:
        trials[number].values.append(value if kind == "FINITE" else None)
    for number, key, value in found["user"]:
        trials[number].attributes[key] = json.loads(value)
    return list(studies.values())


def _replay(record: dict[str, Any], studies: list[_Study | None], trials: list[_Trial]) -> None:
    """Apply a record, as Optuna does: updates of trials that have ended are ignored."""
    code = record["op_code"]
    if code == 0:
        ways = ("NOT_SET", "MINIMIZE", "MAXIMIZE")
        studies.append(_Study(record["study_name"], [ways[d] for d in record["directions"]]))
        return
    study = studies[record["study_id"]] if "study_id" in record else None
    if code == 1:
        studies[record["study_id"]] = None
    elif code == 2 and study is not None:
        study.attributes.update(record["user_attr"])
    elif code == 3 and study is not None:
        study.metric_names = record["system_attr"].get(_METRIC_NAMES, study.metric_names)
    elif code == 4 and study is not None:
        trials.append(_created(record))
        study.trials.append(trials[-1])
    elif code in (5, 6, 8) and trials[record["trial_id"]].state in ("RUNNING", "WAITING"):
        _update(trials[record["trial_id"]], record)


def _created(record: dict[str, Any]) -> _Trial:
    distributions, value = record.get("distributions", {}), record.get("value")
    params = {n: _parameter(v, distributions[n]) for n, v in record.get("params", {}).items()}
    values = record.get("values") or ([] if value is None else [value])
    state, attributes = STATES[record.get("state", 0)], record.get("user_attrs", {})
    return _Trial(state, params, dict(distributions), values, attributes)


def _update(trial: _Trial, record: dict[str, Any]) -> None:
    if record["op_code"] == 5:
        name = record["param_name"]
        trial.params[name] = _parameter(record["param_value_internal"], record["distribution"])
        trial.distributions[name] = record["distribution"]
    elif record["op_code"] == 6:
        trial.state = STATES[record["state"]]
        trial.values = trial.values if record["values"] is None else list(record["values"])
    else:
        trial.attributes.update(record["user_attr"])


def _parameter(value: float, distribution: str) -> Any:
    """Return a parameter from its internal number; the choice None becomes text."""
    described = json.loads(distribution)
    if described["name"] == "CategoricalDistribution":
        chosen = described["attributes"]["choices"][int(value)]
        return "None" if chosen is None else chosen
    return int(value) if described["name"].startswith("Int") else value


def _study(study: _Study) -> Study:
    number = len(study.directions)
    names = [f"values_{name}" for name in study.metric_names or range(number)]
    names = ["value"] if number == 1 and not study.metric_names else names
    ways = [_DIRECTIONS.get(direction) for direction in study.directions]
    described = {f"study_attrs_{name}": value for name, value in study.attributes.items()}
    rows = [
        {f"{PARAMETER}{name}": value for name, value in trial.params.items()}
        | {f"user_attrs_{name}": value for name, value in trial.attributes.items()}
        | dict(zip(names, [*trial.values, *[None] * (number - len(trial.values))], strict=True))
        | described
        | {"state": trial.state}
        for trial in study.trials
    ]
    objectives = dict(zip(names, ways, strict=True))
    unnamed, domains = names == ["value"], _domains(study.trials)
    return Study(study.name, rows, objectives, unnamed=unnamed, domains=domains)


def _domains(trials: Sequence[_Trial]) -> dict[str, Any]:
    """Return what each parameter could be, where its distributions agree on a kind."""
    found: dict[str, list[str]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            found.setdefault(f"{PARAMETER}{name}", []).append(distribution)
    domains = {name: read_domain(distributions) for name, distributions in found.items()}
    return {name: domain for name, domain in domains.items() if domain is not None}


def _damaged(place: str, error: Exception) -> NmjaxError:
    return NmjaxError(f"{place} is damaged, expected what Optuna writes: {error!r}.")
