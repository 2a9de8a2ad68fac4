"""Values of table columns as tasks, numbers and states."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.tasks.tables.table import Table

MISSING_TEXTS = ("", "nan", "none", "null", "-", "na", "n/a", "<na>", "nat")
"""Texts of a missing value, in any case."""
STATE_COLUMNS = ("state", "status", "trial_state", "trial_status")
"""Columns, in any case, that hold the states of trials if they are some of those below."""
FINISHED = (
    *("complete", "completed", "finished", "success", "succeeded", "successful", "ok", "done"),
    "terminated",
)
FAILED = (
    *("fail", "failed", "failure", "pruned", "crash", "crashed", "killed", "error", "errored"),
    *("timeout", "timedout", "memout", "memoryout", "oom", "outofmemory", "diverged", "invalid"),
    *("abandoned", "abort", "aborted", "canceled", "cancelled", "preempted", "capped"),
    *("stopped", "earlystopped"),
)
UNFINISHED = (
    *("running", "waiting", "pending", "queued", "staged", "candidate", "idle", "paused"),
    *("dispatched", "scheduled", "inprogress"),
)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")


def parse_tasks(column: Sequence[Any], rows: np.ndarray, table: Table, name: str) -> np.ndarray:
    """Return the task's name in each of `rows`, without blanks around it: object[M].

    Raises:
      NmjaxError: A row has no name, or two names differ only by blanks or as 1 and 1.0 do.
    """
    texts = ["" if is_missing(column[row]) else str(column[row]).strip() for row in rows]
    if "" in texts:
        place = table.place(int(rows[texts.index("")]))
        raise NmjaxError(f"{place} has no {name!r}, expected the task's name.")
    check_task_names(dict.fromkeys(texts), f"{table.source}, column {name!r}")
    return np.array(texts, object)


def check_task_names(names: Iterable[str], source: str, known: Collection[str] = ()) -> None:
    """Raise an NmjaxError if a name differs from another, or a known one, only in its writing.

    That is, if they differ only by blanks, or are the same number.
    """
    seen: dict[str | float, str] = {}
    for name in (*known, *names):
        number = to_number(name)
        key = number if np.isfinite(number) else " ".join(name.split())
        if seen.setdefault(key, name) != name and name not in known:
            same = "are the same number" if key == number else "differ only by blanks"
            raise NmjaxError(
                f"{source} has tasks {seen[key]!r} and {name!r}, which {same}. Write one task in "
                "one way."
            )


def parse_numbers(
    column: Sequence[Any], rows: np.ndarray, table: Table, name: str, *, percent: bool = False
) -> np.ndarray:
    """Return the numbers in `rows` of a column, NaN where a value is missing or infinite: float[M].

    Numbers beyond the range of float32, such as 1e300, are those of diverged evaluations and become
    NaN.

    Args:
      column: All values of the column.
      rows: Indices of the rows to parse, int[M].
      table: Table of the column.
      name: Name of the column.
      percent: Whether numbers may end in "%"; they always may if all of them do.

    Raises:
      NmjaxError: A value is neither missing nor a number.
    """
    commas = has_decimal_commas(column, table)
    percent = percent or all(is_missing(value) or _has_percent_sign(value) for value in column)
    values = np.array([_number(column[row], commas, percent) for row in rows], float)
    for place in np.flatnonzero(np.isnan(values)):
        value = column[rows[place]]
        if not is_missing(value):
            hint = (
                ' Write "%" after all numbers, or give Metric(name, "percent").'
                * _has_percent_sign(value)
            )
            raise NmjaxError(
                f"{table.place(int(rows[place]))}: {name} is {shown(value)}, expected a number."
                f"{hint}"
            )
    with np.errstate(over="ignore"):
        return np.where(np.isinf(values.astype(np.float32)), np.nan, values)


def has_decimal_commas(column: Sequence[Any], table: Table) -> bool:
    """Return whether numbers of a column have decimal commas: some have, and none has a point.

    Between tabs, a comma in all of them may separate thousands, as in 1,234; then it is no decimal
    one.
    """
    if not table.decimal_comma:
        return False
    texts = [value.strip().rstrip("% ") for value in column if isinstance(value, str)]
    commas = [text for text in texts if _DECIMAL_COMMA.fullmatch(text)]
    thousands = table.tabs and all(_THOUSANDS.fullmatch(text) for text in commas)
    points = any("." in text and not np.isnan(to_number(text)) for text in texts)
    return bool(commas) and not thousands and not points


def with_point(value: Any) -> Any:
    """Return a number with a decimal comma as one with a point, and anything else as it is."""
    if isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip()):
        return value.strip().replace(",", ".")
    return value


def context_of_tasks(
    context: np.ndarray,
    names: Sequence[str],
    rows: np.ndarray,
    members: Sequence[np.ndarray],
    table: Table,
) -> np.ndarray:
    """Return the context float[T, K] of tasks, from that of all rows float[M, K].

    Args:
      context: Context of each row.
      names: K columns.
      rows: Indices of the rows in the table, int[M].
      members: Places of the rows of each task.
      table: Table of the rows.

    Raises:
      NmjaxError: The context of a task changes; NaN, which is unknown, equals NaN.
    """
    for places in members:
        mine, first = context[places], context[places[0]]
        differs = (mine != first) & ~(np.isnan(mine) & np.isnan(first))
        if differs.any():
            place, column = np.argwhere(differs)[0]
            raise NmjaxError(
                f"{table.place(int(rows[places[place]]))}: {names[column]} is "
                f"{mine[place, column]:g}, expected {first[column]:g} as in "
                f"{table.label(int(rows[places[0]]))} of the same task."
            )
    return context[[places[0] for places in members]]


def trial_states(
    table: Table, state: str | None, taken: Sequence[str]
) -> tuple[str | None, np.ndarray, np.ndarray]:
    """Return the column with the states of trials, where they have ended, and where they failed.

    Args:
      table: The table.
      state: Name of the column; None finds it, and "" is none.
      taken: Columns that have another use.

    Returns:
      The column or None, bool[M], bool[M].

    Raises:
      NmjaxError: There is no such column, or a state is unknown.
    """
    name = table.require(state) if state else None
    if state is None:
        name = state_column(table, taken)
    if name is None:
        return None, np.ones(table.size, bool), np.zeros(table.size, bool)
    return name, *parse_states(table.read(name), table, name)


def state_column(table: Table, taken: Sequence[str]) -> str | None:
    """Return the column that holds the states of trials, unless it is `taken` for another use."""
    for name in dict.fromkeys(table.names):
        known = name.lower() in STATE_COLUMNS and name not in taken
        if known and table.names.count(name) == 1:
            texts = set(map(_state, table.read(name)))
            if texts & {*FINISHED, *FAILED, *UNFINISHED}:
                return name
    return None


def parse_states(column: Sequence[Any], table: Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return where trials have ended, and where they failed, from their states: bool[M] each.

    Raises:
      NmjaxError: A state is unknown.
    """
    states = [_state(value) for value in column]
    known = {"", *FINISHED, *FAILED, *UNFINISHED}
    for row, state in enumerate(states):
        if state not in known:
            raise NmjaxError(
                f"{table.place(row)}: {name} is {shown(column[row])}, expected the state of a "
                f"trial, such as {', '.join((*FINISHED[:2], *FAILED[:3], *UNFINISHED[:2]))}. "
                'If the column holds something else, pass state="" (--state "").'
            )
    return (
        np.array([state not in UNFINISHED for state in states], bool),
        np.array([state in FAILED for state in states], bool),
    )


def to_number(value: Any) -> float:
    """Return the value as a float, NaN if it is not a number."""
    if isinstance(value, str) and "_" in value:
        return np.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, a missing value of pandas, or one of MISSING_TEXTS."""
    if isinstance(value, str):
        return value.strip().lower() in MISSING_TEXTS
    return value is None or type(value).__name__ in ("NAType", "NaTType") or is_nan(value)


def is_nan(value: Any) -> bool:
    """Return whether a value is a NaN."""
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def shown(value: Any) -> str:
    """Return a value for a message, shortened if it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _number(value: Any, commas: bool, percent: bool) -> float:
    if percent and _has_percent_sign(value):
        value = value.rstrip()[:-1]
    return to_number(with_point(value) if commas else value)


def _has_percent_sign(value: Any) -> bool:
    return isinstance(value, str) and value.rstrip().endswith("%")


def _state(value: Any) -> str:
    """Return a state in lower case, without the name of its enumeration, blanks and hyphens."""
    if is_missing(value):
        return ""
    return re.sub(r"[\s_-]", "", str(value).rsplit(".", 1)[-1].lower())
