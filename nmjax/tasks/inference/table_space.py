"""Propose a space from a table of evaluations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Integer, Ordinal, Real, Space, when
from nmjax.spaces.description.checks import is_number
from nmjax.spaces.description.options import option_text
from nmjax.tasks.inference.columns import Column, parse_column
from nmjax.tasks.inference.conditions import Found, find_conditions, parents_first
from nmjax.tasks.inference.kinds import MAX_ORDINAL, ColumnKind, Judged, judge_column
from nmjax.tasks.inference.proposal import ColumnReport, SpaceProposal
from nmjax.tasks.past_searches import MetricChoice, metric_names, resolve_metric
from nmjax.tasks.tables.opening import open_table
from nmjax.tasks.tables.options import parse_options
from nmjax.tasks.tables.table import PARAMETER_PREFIXES, Table, without_blanks
from nmjax.tasks.tables.values import has_decimal_commas, trial_states

SHOWN_ROWS = 5


class _Rows(NamedTuple):
    """Finished trials: their indices, which failed, and the task of each."""

    indices: np.ndarray
    failed: np.ndarray
    tasks: list[str]


def propose_space(
    source: Any,
    *,
    maximize: MetricChoice | None = None,
    minimize: MetricChoice | None = None,
    metrics: Sequence[str] = (),
    task: str = "task",
    context: Sequence[str] = (),
    choices: Sequence[str] = (),
    exclude: Sequence[str] = (),
    state: str | None = None,
    name: str | None = None,
) -> SpaceProposal:
    """Propose a space from a table of evaluations, with the reason for each column.

    - Numbers with few values that repeat are ordinal, other whole numbers an integer range, and
      other numbers a real-valued range from the smallest to the largest value. Their scale is
      logarithmic if they are positive, span two decades or more, and are not spread evenly.
    - Text, booleans, lists and mixtures are categorical.
    - A column that is missing exactly where other columns have certain options is conditional on
      these. Other missing values of a discrete choice are the option None.
    - A column with one value is kept as one option, so that configurations are complete.
    - Identifiers, times, results and columns that describe tasks are left out, unless they are in
      `choices`. In a tool's export, only its parameters are choices.

    Args:
      source: File or data frame, as `read_history` and `history_from_frame` take it.
      maximize: Metric of which more is better; it is no choice.
      minimize: Metric of which less is better.
      metrics: Further metrics.
      task: Column that names the task.
      context: Columns that describe a task.
      choices: Columns that are choices; all others are left out then.
      exclude: Columns to leave out.
      state: Column with the states of trials, if it is not called "state" or "status".
      name: Name of the space; that of the file by default.

    Raises:
      NmjaxError: The table cannot be read, it has no metric, a name is unknown, or no column can be
        a choice.

    Example:
      >>> from nmjax.tasks import propose_space
      >>> frame = {"optimizer": ["sgd", "adam"] * 2, "momentum": [0.9, None, 0.5, None],
      ...          "loss": [0.4, 0.2, 0.3, 0.1]}
      >>> proposal = propose_space(frame, minimize="loss")
      >>> proposal.space.continuous[0].conditions
      (Condition(parent='optimizer', options=('sgd',)),)
    """
    for argument, value in (("metrics", metrics), ("context", context), ("choices", choices)):
        if isinstance(value, str):
            raise NmjaxError(f"Expected a list of column names as {argument}, got {value!r}.")
    table = source if isinstance(source, Table) else open_table(source)
    if not table.size:
        raise NmjaxError(f"{table.source} has no rows, expected one for each evaluation.")
    metric = resolve_metric(maximize, minimize)
    taken = _taken(table, metric_names(metrics, metric=metric), task, context)
    skipped = {table.require(column): "is left out as asked" for column in exclude}
    rows, state_name = _finished(table, task, state, taken)
    chosen = [table.require(column) for column in choices]
    candidates = chosen or [
        column for column in dict.fromkeys(table.names) if column not in (*taken, state_name)
    ]
    parameters = [c for c in candidates if c.startswith(PARAMETER_PREFIXES)]
    if parameters and not chosen:
        candidates = parameters
    columns = {c: _column(table, c, rows) for c in candidates if c not in skipped}
    judged = {
        c: judge_column(column, rows.tasks, wanted=bool(chosen)) for c, column in columns.items()
    }
    judged |= {c: _judge_domain(table.domains[c]) for c in columns if c in table.domains}
    judged |= {c: Judged("excluded", None, reason) for c, reason in skipped.items()}
    stem = Path(table.source).stem if "." in table.source else "past"
    return _proposal(table, name or stem, columns, judged, rows, taken)


def _proposal(
    table: Table,
    name: str,
    columns: Mapping[str, Column],
    judged: Mapping[str, Judged],
    rows: _Rows,
    taken: Iterable[str],
) -> SpaceProposal:
    kept = {c: column for c, column in columns.items() if judged[c].kind != "excluded"}
    if not kept:
        reasons = "; ".join(f"{c!r} {judged[c].reason}" for c in judged)
        raise NmjaxError(
            f"{table.source} has no column that can be a choice: {reasons or 'it has no others'}. "
            "Name the columns that are as choices."
        )
    counted = {c: _where(column, ~rows.failed) for c, column in kept.items()}
    parents = [counted[c] for c in kept if judged[c].kind not in ("real", "constant")]
    found = find_conditions(list(counted.values()), parents)
    judged = dict(judged)
    for c in kept:
        if c not in found and not counted[c].present.all() and c not in table.domains:
            judged[c] = _with_gaps(judged[c], counted[c], rows)
    named = _choice_names(table, list(kept), taken)
    specs: dict[str, Any] = {}
    for c in parents_first(kept, {c: condition.parents for c, condition in found.items()}):
        spec = judged[c].spec
        if c in found:
            allowed = {named[p]: list(options) for p, options in found[c].parents.items()}
            spec = when(spec, **allowed)
            judged[c] = judged[c]._replace(reason=f"{judged[c].reason}, {_words(found[c], named)}")
        specs[named[c]] = spec
    reports = tuple(
        ColumnReport(c, named.get(c), judged[c].kind, judged[c].reason)
        for c in (*kept, *(c for c in judged if c not in kept))
    )
    renamed = {choice: c for c, choice in named.items() if not _finds(table, choice, c)}
    return SpaceProposal(Space(name, **specs), reports, renamed, table.source)


def _taken(
    table: Table, metrics: Sequence[str], task: str, context: Sequence[str]
) -> tuple[str, ...]:
    """Return the columns that are metrics, the task and context."""
    found = [table.find_metric(name) for name in metrics]
    for name, column in zip(metrics, found, strict=True):
        if column is None:
            raise table.no_column(name)
    if not found and not table.objectives:
        raise NmjaxError(
            f"Expected a metric of {table.source}, as maximize, minimize or metrics, to tell "
            f"results from choices; its columns are {', '.join(map(repr, table.names))}."
        )
    task_column = table.find(task)
    if task_column is None and task != "task":
        raise table.no_column(task)
    names = (*found, *table.objectives, task_column, *(table.require(c) for c in context))
    return tuple(name for name in names if name is not None)


def _finished(
    table: Table, task: str, state: str | None, taken: Sequence[str]
) -> tuple[_Rows, str | None]:
    name, finished, failed = trial_states(table, state, taken)
    if not (finished & ~failed).any():
        raise NmjaxError(f"{table.source} has no finished trial by column {name!r}.")
    indices = np.flatnonzero(finished)
    column = table.find(task)
    labels = [""] * table.size if column is None else list(map(str, table.read(column)))
    return _Rows(indices, failed[indices], [labels[row] for row in indices]), name


def _column(table: Table, name: str, rows: _Rows) -> Column:
    values = table.read(name)
    if (options := _domain_options(table, name)) is not None:
        codes = parse_options([values[row] for row in rows.indices], Choice("x", options))
        kept = tuple(options[code] if code >= 0 else None for code in codes)
        return Column(name, kept, codes >= 0)
    commas = has_decimal_commas(values, table)
    return parse_column(name, [values[row] for row in rows.indices], commas=commas)


def _domain_options(table: Table, name: str) -> tuple[Any, ...] | None:
    """Return the options that the table says a column has, or None."""
    domain = table.domains.get(name)
    if domain is None or isinstance(domain, Real):
        return None
    return tuple(domain) if isinstance(domain, list) else domain.named("x").options


def _judge_domain(domain: Any) -> Judged:
    """Return the kind of a column whose domain the table states."""
    if isinstance(domain, Real):
        return Judged("real", domain, "has the range that the export states")
    if isinstance(domain, Integer | Ordinal):
        kind: ColumnKind = "integer" if isinstance(domain, Integer) else "ordinal"
        return Judged(kind, domain, "has the numbers that the export states")
    kind = "constant" if len(domain) == 1 else "categorical"
    return Judged(kind, domain, "has the options that the export states")


def _where(column: Column, kept: np.ndarray) -> Column:
    pairs = zip(column.values, kept, strict=True)
    return replace(
        column,
        values=tuple(value for value, keep in pairs if keep),
        present=column.present[kept],
    )


def _with_gaps(judged: Judged, column: Column, rows: _Rows) -> Judged:
    """Return what a column is whose missing values no other column explains."""
    missing = rows.indices[~rows.failed][~column.present] + 1
    shown = ", ".join(map(str, missing[:SHOWN_ROWS])) + ", ..." * (len(missing) > SHOWN_ROWS)
    where = f"missing in rows {shown}" if len(missing) > 1 else f"missing in row {shown}"
    options = column.distinct
    numbers = [option for option in options if is_number(option)]
    if len(numbers) == len(options):
        if judged.kind == "real" or len(options) > MAX_ORDINAL:
            return judged._replace(reason=f"{judged.reason}; {where}, which are outside the space")
        options = tuple(sorted(numbers))
    reason = f"{judged.reason}; {where}, which is the option None"
    return Judged("categorical", [*options, None], reason)


def _words(found: Found, named: Mapping[str, str]) -> str:
    conditions = [
        f"{named[parent]} is {' or '.join(map(option_text, options))}"
        for parent, options in found.parents.items()
    ]
    text = f"given exactly where {' and '.join(conditions)}"
    others = ", ".join(named[other] for other in found.others)
    return text + f" (or {others}, which would explain it too)" * bool(others)


def _choice_names(table: Table, columns: Sequence[str], taken: Iterable[str]) -> dict[str, str]:
    """Return the name of each column's choice: without a tool's prefix and without blanks."""
    named: dict[str, str] = {}
    for column in columns:
        prefix = next((p for p in PARAMETER_PREFIXES if column.startswith(p)), "")
        names = [without_blanks(column.removeprefix(prefix)), without_blanks(column)]
        free = [name for name in names if name and name not in (*named.values(), *taken)]
        if not free:
            raise NmjaxError(
                f"{table.source} has several columns for the choice {names[1]!r}; rename one."
            )
        named[column] = free[0]
    return named


def _finds(table: Table, choice: str, column: str) -> bool:
    try:
        return table.find_parameter(choice) == column
    except NmjaxError:
        return False
