"""The kind of choice that a column is, or why it is none, with the reason in words."""

import math
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces.description.checks import is_number
from nmjax.spaces.description.options import option_text
from nmjax.spaces.description.specs import MAX_INTEGERS, Integer, Ordinal, Real
from nmjax.tasks.inference.columns import Column

ColumnKind = Literal["categorical", "ordinal", "integer", "real", "constant", "excluded"]

DECADES = 2.0
"""Decades that positive values must span for a log scale."""
SHARE_BELOW_DECADES = 0.03
"""Share of values that lie `DECADES` below the largest for a log scale; 0.01 if evenly spread."""
SHARE_BELOW_DECADE = 0.3
"""Likewise, of one decade; 0.1 if evenly spread, and 0.5 on a log scale of two decades."""
MAX_ORDINAL = 20
"""Distinct numbers up to which a column is ordinal if its values repeat."""
DIGITS = 6
"""Digits of numbers that a person writes; longer ones were drawn at random."""
COMPLETE = 0.8
"""Share of a grid of whole numbers from which the others are filled in although values repeat."""
MIN_GRID = 8
"""Size of a grid from which numbers may be missing by chance."""
MAX_OPTIONS = 1000
"""Options of a categorical choice at most."""
MIN_ROWS = 10
"""Rows from which a column with a different value in each row is an identifier."""
LONG_TEXT = 200
_RESULT_WORDS = frozenset(
    (
        *("acc", "accuracy", "auc", "auroc", "bleu", "cost", "duration", "energy", "err"),
        *("error", "f1", "flops", "gflops", "hours", "iou", "latency", "loss", "losses"),
        *("macs", "mae", "map", "mape", "minutes", "mse", "perplexity", "ppl", "precision"),
        *("r2", "recall", "regret", "reward", "rmse", "rouge", "runtime", "score", "sec"),
        *("seconds", "secs", "throughput", "time", "times"),
    )
)
_BOOKKEEPING_WORDS = frozenset(
    (
        *("commit", "created", "date", "datetime", "finished", "guid", "hash", "host"),
        *("hostname", "id", "index", "name", "number", "path", "pid", "runid"),
        *("started", "timestamp", "trial", "trialid", "uid", "updated", "url", "uuid"),
    )
)
_BOOKKEEPING_NAMES = frozenset(
    (
        *("created", "date", "done", "duration", "experiment_id", "group", "host", "hostname"),
        *("job_id", "logdir", "name", "node_ip", "notes", "pid", "random_seed", "random_state"),
        *("run_id", "runtime", "seed", "state", "status", "step", "sweep", "tags", "timestamp"),
        *("time_this_iter_s", "time_total_s", "training_iteration", "trial_id", "updated", "user"),
    )
)
_PLACES = re.compile(r"(https?://|s3://|gs://|/|[A-Za-z]:\\)\S+")
_HEX = re.compile(r"[0-9a-f]{6,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TIMES = re.compile(r"\d{4}-\d\d-\d\d([ T_]\d\d[:-]\d\d.*)?|\d\d:\d\d:\d\d.*")


class Judged(NamedTuple):
    """What a column is.

    Attributes:
      kind: Kind of choice, or "excluded".
      spec: Specification as keywords of `Space` take it; None if excluded.
      reason: Why, as a sentence without a full stop.
    """

    kind: ColumnKind
    spec: Any
    reason: str


def judge_column(column: Column, tasks: Sequence[str], *, wanted: bool) -> Judged:
    """Return the kind of a column.

    Args:
      column: The column.
      tasks: Name of each row's task, M.
      wanted: Whether the caller named the column as a choice, so that it is not excluded for its
        name or because all values differ.

    Raises:
      NmjaxError: The column is wanted and its values cannot be options.
    """
    reason = column.fault or ("has no values" if not column.present.any() else "")
    if reason and wanted:
        raise NmjaxError(f"Column {column.name!r} {reason}, so it is no choice; leave it out.")
    if not reason and not wanted:
        reason = _no_choice(column, tasks)
    if reason:
        return Judged("excluded", None, reason)
    distinct = column.distinct
    if len(distinct) == 1:
        text = option_text(distinct[0])
        return Judged("constant", [distinct[0]], f"is {text} in all rows, kept as one option")
    if all(map(is_number, distinct)):
        return _numeric(column)
    if set(map(type, distinct)) == {bool}:
        return Judged("categorical", sorted(distinct, key=bool), "is true or false")
    if len(distinct) > MAX_OPTIONS:
        reason = f"has {len(distinct):,} different values, more than {MAX_OPTIONS:,} options"
        if wanted:
            raise NmjaxError(f"Column {column.name!r} {reason}; leave it out.")
        return Judged("excluded", None, reason)
    what = "text" if {type(value) for value in distinct} == {str} else "options of several types"
    if {type(value) for value in distinct} == {tuple}:
        what = "lists"
    return Judged("categorical", list(distinct), f"has {len(distinct)} values that are {what}")


def _numeric(column: Column) -> Judged:
    values = [value for value, here in zip(column.values, column.present, strict=True) if here]
    numbers = sorted(set(map(_number, values)))
    low, high = numbers[0], numbers[-1]
    log, scale = _scale(numbers)
    whole = all(isinstance(number, int) for number in numbers)
    repeated = len(numbers) <= MAX_ORDINAL and 2 * len(numbers) <= len(values)
    span = f"from {low:g} to {high:g}{scale}"
    if whole and len(numbers) > 2:
        step = math.gcd(*(int(number - low) for number in numbers))
        size = (high - low) // step + 1
        complete = len(numbers) >= (COMPLETE if size >= MIN_GRID else 1) * size
        sparse = repeated or _is_geometric(numbers)
        if size <= MAX_INTEGERS and (complete or not sparse):
            grid = range(int(low), int(high) + 1, step)
            return _grid(grid, log, f"has {len(numbers)} of the whole numbers {span}")
    short = all(float(f"{number:.{DIGITS}g}") == number for number in numbers)
    if (repeated and short) or (whole and len(numbers) <= MAX_ORDINAL):
        ordinal = _ordinal(numbers, log)
        if ordinal is not None:
            return Judged("ordinal", ordinal, f"has {len(numbers)} different numbers {span}")
    spec: Ordinal | Real | None
    try:
        spec = Real(float(low), float(high), log=log)
    except NmjaxError as error:
        spec = _ordinal(numbers, log) if len(numbers) <= MAX_OPTIONS else None
        if spec is None:
            return Judged("excluded", None, f"has numbers that no choice can hold ({error})")
        return Judged("ordinal", spec, f"has {len(numbers)} different numbers {span}")
    rounding = "; the search suggests fractions, so round them in your objective" * whole
    return Judged("real", spec, f"has {len(numbers)} different numbers {span}{rounding}")


def _grid(grid: range, log: bool, reason: str) -> Judged:
    """Return a choice of the whole numbers from the smallest to the largest, in common steps."""
    if grid.step == 1:
        return Judged("integer", Integer(grid[0], grid[-1], log=log), reason)
    return Judged("ordinal", Ordinal(*grid, log=log), f"{reason}, in steps of {grid.step}")


def _is_geometric(numbers: Sequence[int]) -> bool:
    return numbers[0] > 0 and all(
        b * b == a * c for a, b, c in zip(numbers, numbers[1:], numbers[2:], strict=False)
    )


def _ordinal(numbers: Sequence[Any], log: bool) -> Ordinal | None:
    for scale in (log, False):
        try:
            return Ordinal(*numbers, log=scale)
        except NmjaxError:
            continue
    return None


def _scale(numbers: Sequence[float]) -> tuple[bool, str]:
    """Return whether sorted numbers have a log scale, and the words that say so.

    Evenly spread ones span decades too if there are many, but few of them are small.
    """
    low, high = numbers[0], numbers[-1]
    if low <= 0:
        return False, ""
    below = math.log10(high) - np.array([math.log10(number) for number in numbers])
    if below[0] < DECADES:
        return False, ""
    small = (below >= DECADES).mean() > SHARE_BELOW_DECADES
    if not small and not (below >= 1).mean() > SHARE_BELOW_DECADE:
        return False, ""
    return True, f", {below[0]:.2g} decades, so the scale is logarithmic"


def _no_choice(column: Column, tasks: Sequence[str]) -> str:
    """Return the reason why a column is probably not a choice, or ""."""
    distinct, count = column.distinct, int(column.present.sum())
    words = set(re.split(r"[^a-z0-9]+", _snake(column.name)))
    numbers = all(map(is_number, distinct))
    texts = [value for value in distinct if isinstance(value, str)]
    name = _snake(column.name).strip("_")
    if name in _BOOKKEEPING_NAMES or (words & _BOOKKEEPING_WORDS and len(distinct) == count):
        return "is bookkeeping by its name: name it as a choice to keep it"
    if texts and all(_TIMES.fullmatch(text) for text in texts):
        return "holds dates or times"
    if any(len(text) > LONG_TEXT for text in texts):
        return f"holds text of more than {LONG_TEXT} characters"
    if len(distinct) > 1 and _describes_task(column, tasks):
        return "has one value in each task, so it describes tasks: name it as context"
    if numbers and words & _RESULT_WORDS and 2 * len(distinct) > count:
        return "is a result by its name: name it as a metric, or as a choice to keep it"
    if len(distinct) < count or count < MIN_ROWS:
        return ""
    if numbers and _counts_rows([value for value in column.values if is_number(value)]):
        return "counts the rows"
    if texts and all(_PLACES.fullmatch(text) or _HEX.fullmatch(text) for text in texts):
        return "holds paths or identifiers"
    if len(texts) == len(distinct):
        return "has a different text in each row, as identifiers have"
    return ""


def _describes_task(column: Column, tasks: Sequence[str]) -> bool:
    values: dict[str, set[Any]] = {}
    for task, value in zip(tasks, column.values, strict=True):
        values.setdefault(task, set()).add(value)
    return len(values) > 1 and all(len(found) == 1 for found in values.values())


def _counts_rows(values: Sequence[Any]) -> bool:
    steps = np.diff(np.asarray(values, np.float64))
    return len(values) > 1 and bool((steps == steps[0]).all()) and abs(steps[0]) == 1


def _number(value: Any) -> Any:
    """Return a number, whole ones as integers so that 1 and 1.0 are one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _snake(name: str) -> str:
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
