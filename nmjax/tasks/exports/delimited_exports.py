"""Tables of other tools, recognized by their columns: Optuna, Syne Tune, Weights & Biases, Ray."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.tasks.exports.study import PARAMETER
from nmjax.tasks.tables.content import load_text
from nmjax.tasks.tables.documents import load_json
from nmjax.tasks.tables.table import Direction, Table, flatten, table_of_rows, take_rows

_SIGNS: dict[str, set[str]] = {
    "optuna": {"number", "state", "datetime_start"},
    "syne_tune": {"trial_id", "st_tuner_time"},
    "runs": {"name", "config", "summary"},
    "weights_and_biases": {"Name", "State", "Created"},
    "ray": {"trial_id", "training_iteration", "time_this_iter_s"},
    "mlflow": {"run_id", "experiment_id", "status"},
}


def recognize(table: Table, path: Path | None = None) -> Table:
    """Return the table with what its columns say, if they are those of a known tool.

    A table of a known tool is one task, called like the file, unless a column names the task.

    Args:
      table: Table of a file or data frame.
      path: The file; beside one of Syne Tune there may be `metadata.json`.

    Raises:
      NmjaxError: A value or a file cannot be read.
    """
    names = set(table.names)
    tool = next((tool for tool, signs in _SIGNS.items() if signs <= names), None)
    if tool is None:
        return table
    table = replace(table, study=None if path is None else path.name.split(".")[0])
    if tool == "optuna":
        return _optuna(table)
    if tool == "syne_tune":
        return _syne_tune(table, path)
    return _runs(table) if tool == "runs" else table


def _optuna(table: Table) -> Table:
    values = [name for name in table.names if name.startswith("values_")] or ["value"]
    stated: dict[str, Direction | None] = dict.fromkeys(values)
    return replace(table, objectives=stated, unnamed=values == ["value"])


def _syne_tune(table: Table, path: Path | None) -> Table:
    """Keep the last report of each trial, and read the metadata beside the file."""
    last = {trial: row for row, trial in enumerate(map(str, table.read("trial_id")))}
    table = take_rows(table, np.array(sorted(last.values())))
    beside = None if path is None else path.with_name("metadata.json")
    if beside is None or not beside.is_file():
        return table
    facts = load_json(load_text(beside), beside.name)
    if not isinstance(facts, Mapping):
        raise NmjaxError(f"{beside} is damaged, expected metadata of Syne Tune.")
    metrics, modes = facts.get("metric_names") or [], facts.get("metric_mode", "min")
    modes = modes if isinstance(modes, list) else [modes] * len(metrics)
    objectives = {
        str(name): mode if mode in ("min", "max") else None
        for name, mode in zip(metrics, modes, strict=False)
    }
    study = str(beside.resolve().parent.name)
    return replace(table, study=study, objectives=objectives, directions=objectives)


def _runs(table: Table) -> Table:
    """Expand the dictionaries of a table written by Weights & Biases' documented script."""
    columns = {name: table.read(name) for name in ("config", "summary")}
    rest = [name for name in table.names if name not in columns and table.names.count(name) == 1]
    others = {name: table.read(name) for name in rest}
    rows = [
        {name: column[row] for name, column in others.items()}
        | _entries(table, row, "summary", columns["summary"], "")
        | _entries(table, row, "config", columns["config"], PARAMETER)
        for row in range(table.size)
    ]
    return table_of_rows(table.source, rows, study=table.study)


def _entries(
    table: Table, row: int, name: str, column: Sequence[Any], prefix: str
) -> dict[str, Any]:
    value = column[row]
    if isinstance(value, str):
        text = re.sub(r"(?<![\w'\"])(nan|-?inf|NaN|-?Infinity)(?![\w'\"])", "None", value)
        try:
            value = ast.literal_eval(text or "{}")
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise NmjaxError(
                f"{table.place(row)}: {name} is {value[:60]!r}, expected a dictionary."
            ) from error
    return {f"{prefix}{key}": entry for key, entry in flatten(value or {}).items()}
