"""Read the rows of a table as evaluations in a space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import Space
from nmjax.tasks.history import stack_tasks
from nmjax.tasks.past_searches import MetricChoice, PastSearches, metric_names, resolve_metric
from nmjax.tasks.tables.architectures import Architectures, parse_architectures
from nmjax.tasks.tables.table import Table
from nmjax.tasks.tables.values import (
    context_of_tasks,
    parse_numbers,
    parse_tasks,
    trial_states,
)
from nmjax.types import Metric

SHOWN_ROWS = 10


@dataclass(frozen=True)
class Request:
    """What to read of a table: the arguments of `read_history`."""

    maximize: MetricChoice | None = None
    minimize: MetricChoice | None = None
    metrics: Sequence[str] = ()
    task: str = "task"
    task_name: str | None = None
    tasks: Sequence[str] = ()
    context: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    state: str | None = None
    drop_outside: bool = False


class Reading(NamedTuple):
    """Past searches, and the rows that were left out.

    Attributes:
      past: Past searches in the table.
      outside: Labels of rows that are outside the space, with `drop_outside`.
    """

    past: PastSearches
    outside: tuple[str, ...]


class _Named(NamedTuple):
    """Metrics to read, and the column of each choice and metric; some inactive ones have none."""

    metric: Metric | None
    cost: Metric | None
    metrics: tuple[str, ...]
    column_of: dict[str, str]


def read_rows(table: Table, space: Space, request: Request) -> Reading:
    """Return the past searches in a table.

    Raises:
      NmjaxError: As `read_history`.
    """
    for argument in ("metrics", "context", "tasks"):
        if isinstance(value := getattr(request, argument), str):
            raise NmjaxError(f"Expected a list of names as {argument}, got {value!r}.")
    if not table.size:
        raise NmjaxError(f"{table.source} has no rows, expected one for each evaluation.")
    named = _name_columns(table, space, request)
    context = [table.require(name) for name in request.context]
    finished, failed = _states(table, request, [*named.column_of.values(), *context])
    rows = np.flatnonzero(finished)
    labels = _task_labels(table, request, rows)
    if request.tasks:
        known = dict.fromkeys(labels.tolist())
        for task in request.tasks:
            if task not in known:
                raise unknown_name("task", task, known, of=table.source)
        chosen = np.isin(labels.astype(str), list(request.tasks))
        rows, labels = rows[chosen], labels[chosen]
    found = parse_architectures(table, space, named.column_of, rows)
    kept = ~(failed[rows] & found.missing)
    outside = _outside(table, space, rows, found, kept, drop=request.drop_outside)
    kept[outside] = False
    if not kept.any():
        what = f"in space {space.name!r}" if len(outside) else "with all choices"
        raise NmjaxError(
            f"{table.source}: no row is a finished trial {what}, expected at least one."
        )
    return Reading(
        _past(table, space, named, context, rows[kept], labels[kept], found.take(kept), failed),
        tuple(table.label(int(row)) for row in rows[outside]),
    )


def _name_columns(table: Table, space: Space, request: Request) -> _Named:
    metric, cost = _metrics_to_improve(table, request)
    metrics = metric_names(request.metrics, () if cost is None else (cost.name,), metric=metric)
    names = [*space.names, *metrics, *request.context]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise NmjaxError(
            f"Expected different names for choices, metrics and context, got {repeated} twice. "
            "Rename one, with columns={name: column}."
        )
    known = (*space.names, *metrics)
    for name in request.columns:
        if name not in known:
            raise unknown_name("choice or metric", name, known)
    column_of = {}
    conditional = {choice.name for choice in space.choices if choice.conditions}
    conditional |= {real.name for real in space.continuous if real.conditions}
    for name in known:
        column = request.columns.get(name, name)
        if name not in space.names:
            found = table.find_metric(column)
        elif name in request.columns:
            found = table.find(column)
        else:
            found = table.find_parameter(column)
        if found is not None:
            column_of[name] = found
        elif name in request.columns or name not in conditional:
            raise table.no_column(column)
    if metric is not None:
        _check_direction(table, metric, column_of[metric.name])
    first: dict[str, str] = {}
    for name in metrics:
        if first.setdefault(column_of[name], name) != name:
            raise NmjaxError(
                f"{table.source} has the column {column_of[name]!r} for {first[column_of[name]]!r} "
                f"and for {name!r}. The columns are {', '.join(map(repr, table.names))}."
            )
    return _Named(metric, cost, metrics, column_of)


def _metrics_to_improve(table: Table, request: Request) -> tuple[Metric | None, Metric | None]:
    """Return the metric to improve and its cost, from the request or else as the table says."""
    stated = [(name, direction) for name, direction in table.objectives.items()]
    asked = request.maximize is not None or request.minimize is not None or request.metrics
    if asked or not stated or stated[0][1] is None:
        metric = resolve_metric(request.maximize, request.minimize, required=not request.metrics)
        return metric, None
    metrics = [Metric(name, direction=direction or "max") for name, direction in stated]
    cost = metrics[1] if len(metrics) == 2 and stated[1][1] == "min" else None
    return metrics[0], cost


def _check_direction(table: Table, metric: Metric, column: str) -> None:
    stated = table.directions.get(column)
    if stated not in (None, metric.direction):
        keyword = {"max": "maximize", "min": "minimize"}[str(stated)]
        raise NmjaxError(
            f"{table.source} says that {column!r} is {keyword}d; pass {keyword}={metric.name!r} "
            "instead."
        )


def _states(table: Table, request: Request, taken: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are finished trials, and which of them failed: bool[M] each."""
    name, finished, failed = trial_states(table, request.state, (request.task, *taken))
    if not finished.any():
        raise NmjaxError(
            f"{table.source}: no row is a finished trial by column {name!r}, expected at least one."
        )
    return finished, failed


def _task_labels(table: Table, request: Request, rows: np.ndarray) -> np.ndarray:
    """Return the name of each row's task: object[M]."""
    column = table.find(request.task)
    if request.task_name is not None and not request.task_name.strip():
        raise NmjaxError(f"Got the task name {request.task_name!r}, expected some text.")
    if column is None:
        name = request.task_name or (table.study if request.task == "task" else None)
        if name is None:
            raise NmjaxError(
                f"{table.no_column(request.task)} Give the column that names the task as task "
                "(--task), or if all rows are of one task, its name as task_name (--task-name)."
            )
        return np.full(len(rows), name.strip(), object)
    labels = parse_tasks(table.read(column), rows, table, column)
    if request.task_name is None:
        return labels
    if len(names := list(dict.fromkeys(labels))) > 1:
        raise NmjaxError(
            f"{table.source} has tasks {names[0]!r} and {names[1]!r} in column {column!r}; leave "
            f"out the task name {request.task_name!r}."
        )
    return np.full(len(rows), request.task_name.strip(), object)


def _outside(
    table: Table,
    space: Space,
    rows: np.ndarray,
    found: Architectures,
    kept: np.ndarray,
    *,
    drop: bool,
) -> np.ndarray:
    """Return the places of rows outside the space, or raise the error that lists them."""
    outside = np.flatnonzero((found.missing | found.outside) & kept)
    if drop or not len(outside):
        return outside
    first = found.explain(int(outside[0]), int(rows[outside[0]]))
    message = f"{table.place(int(rows[outside[0]]))}: {first}."
    if len(outside) > 1:
        labels = [table.label(int(row)) for row in rows[outside]]
        message += f" Outside space {space.name!r} are {list_labels(labels)}."
    raise NmjaxError(
        f"{message} Correct them, or leave them out by drop_outside (nmjax history import --drop "
        "outside)."
    )


def list_labels(labels: Sequence[str]) -> str:
    """Return the first `SHOWN_ROWS` labels and the number of others."""
    numbers = [label.removeprefix("row ") for label in labels]
    rows = all(number.isdigit() for number in numbers)
    shown = ", ".join((numbers if rows else labels)[:SHOWN_ROWS])
    more = len(labels) - SHOWN_ROWS
    word = "rows " if len(labels) > 1 else "row "
    return f"{word * rows}{shown}{f' and {more} more' * (more > 0)}"


def _past(
    table: Table,
    space: Space,
    named: _Named,
    context: Sequence[str],
    rows: np.ndarray,
    labels: np.ndarray,
    found: Architectures,
    failed: np.ndarray,
) -> PastSearches:
    values: dict[str, np.ndarray] = {}
    for name in named.metrics:
        column = named.column_of[name]
        percent = (
            named.metric is not None
            and named.metric.name == name
            and (named.metric.unit == "percent")
        )
        numbers = parse_numbers(table.read(column), rows, table, column, percent=percent)
        lost = failed[rows] & (not table.objectives or column in table.objectives)
        values[name] = np.where(lost, np.nan, numbers)
    described = [parse_numbers(table.read(name), rows, table, name) for name in context]
    names = tuple(dict.fromkeys(labels.tolist()))
    number_of = {name: number for number, name in enumerate(names)}
    task_of_row = np.array([number_of[label] for label in labels.tolist()])
    order = np.argsort(task_of_row, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(task_of_row))[:-1])
    table_context = np.stack(described, -1) if described else np.zeros((len(rows), 0))
    architectures, continuous = found.canonical()
    history = stack_tasks(
        [architectures[places] for places in members],
        [{name: column[places] for name, column in values.items()} for places in members],
        context_of_tasks(table_context, context, rows, members, table),
        continuous=[continuous[places] for places in members],
    )
    return PastSearches(space, history, names, named.metric, named.cost)
