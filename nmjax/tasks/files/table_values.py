"""Values of table columns as tasks, options and numbers; errors name the row, counted from 1."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice
from nmjax.spaces.description.checks import is_number
from nmjax.spaces.description.options import option_text, reads_as, to_option

RELATIVE_TOLERANCE = 1e-6
"""Largest relative difference between an option and a number that was rounded when written."""
SPACING_SHARE = 0.1
"""Largest such difference relative to the distance to the second-nearest option."""
OPTUNA_STATES = ("COMPLETE", "PRUNED", "FAIL", "RUNNING", "WAITING")
MISSING = -1


def parse_tasks(column: list[Any], name: str) -> list[str]:
    """Return the name of each row's task.

    Raises:
      NmjaxError: A row has no name.
    """
    texts = ["" if is_missing(value) else str(value) for value in column]
    if "" in texts:
        raise NmjaxError(f"Row {texts.index('') + 1} has no {name!r}, expected the task's name.")
    return texts


def parse_options(column: list[Any], choice: Choice) -> np.ndarray:
    """Return the option index of each value, `MISSING` where the value is missing: int[M].

    Raises:
      NmjaxError: A value is not an option.
    """
    keys = [f"{type(value).__name__} {value!r}" for value in column]
    distinct = dict(zip(keys, column, strict=True))
    found = {key: _option_index(value, choice) for key, value in distinct.items()}
    for row, key in enumerate(keys):
        if found[key] is None:
            raise not_an_option(row, choice, column[row])
    return np.array([found[key] for key in keys], int)


def not_an_option(row: int, choice: Choice, value: Any) -> NmjaxError:
    """Return the error for a value in `row`, counted from 0, that is not an option."""
    options = ", ".join(map(option_text, choice.options))
    return NmjaxError(f"Row {row + 1}: {choice.name} is {value!r}, expected one of {options}.")


def parse_numbers(column: list[Any], name: str) -> np.ndarray:
    """Return the numbers of a column, NaN where missing: float64[M].

    Numbers beyond the range of float32, such as 1e300, are those of diverged evaluations and become
    NaN.

    Raises:
      NmjaxError: A value is neither missing nor a finite number.
    """
    values = np.array([to_number(value) for value in column])
    for row in np.flatnonzero(~np.isfinite(values)):
        if not is_missing(column[row]):
            raise NmjaxError(f"Row {row + 1}: {name} is {column[row]!r}, expected a finite number.")
    return np.where(np.abs(values) > np.finfo(np.float32).max, np.nan, values)


def parse_bounded(column: list[Any], name: str, low: float, high: float) -> np.ndarray:
    """Return the values of a real-valued choice, NaN where missing: float64[M].

    Raises:
      NmjaxError: A value is neither missing nor a number from `low` to `high`.
    """
    values = np.array([to_number(value) for value in column])
    rounded = values.astype(np.float32)
    inside = (rounded >= np.float32(low)) & (rounded <= np.float32(high))
    for row in np.flatnonzero(~inside):
        if not is_missing(column[row]):
            raise out_of_bounds(int(row), name, column[row], low, high)
    return values


def out_of_bounds(row: int, name: str, value: Any, low: float, high: float) -> NmjaxError:
    """Return the error for a value of a real-valued choice in `row`, counted from 0."""
    return NmjaxError(
        f"Row {row + 1}: {name} is {value!r}, expected a number from {low} to {high}."
    )


def context_of_tasks(
    context: np.ndarray, members: Sequence[np.ndarray], labels: Sequence[str]
) -> np.ndarray:
    """Return the context float[T, K] of tasks whose rows are `members`, from that of all rows.

    Raises:
      NmjaxError: The context of a task changes; NaN, which is unknown, equals NaN.
    """
    for rows, label in zip(members, labels, strict=True):
        mine, first = context[rows], context[rows[0]]
        differs = ((mine != first) & ~(np.isnan(mine) & np.isnan(first))).any(axis=-1)
        if differs.any():
            other = rows[differs.argmax()]
            raise NmjaxError(
                f"Row {other + 1}: the context of task {label!r} is {context[other].tolist()}, "
                f"expected {first.tolist()} as in row {rows[0] + 1}."
            )
    return context[[rows[0] for rows in members]]


def optuna_states(column: list[Any] | None) -> np.ndarray | None:
    """Return the states of Optuna's trials, or None if that is not what the column holds."""
    if column is None:
        return None
    texts = [str(value).removeprefix("TrialState.").upper() for value in column]
    return np.array(texts) if set(texts) <= set(OPTUNA_STATES) else None


def to_number(value: Any) -> float:
    """Return the value as a float, NaN if it is not a number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, a missing value of pandas, or blank or "nan" text."""
    if isinstance(value, str):
        return value.strip().lower() in ("", "nan")
    return value is None or type(value).__name__ in ("NAType", "NaTType") or is_nan(value)


def is_nan(value: Any) -> bool:
    """Return whether a value is a NaN."""
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _option_index(value: Any, choice: Choice) -> int | None:
    """Return an index, `MISSING`, or None if the value is not an option.

    Text and exact numbers come first, then the nearest number, if none other is near.
    """
    names = [option_text(option) for option in choice.options]
    if is_missing(value) and not (isinstance(value, str) and value in choice.options):
        return choice.options.index(None) if None in choice.options else MISSING
    text = option_text(to_option(value))
    if text in names:
        return names.index(text)
    for index, option in enumerate(choice.options):
        if (option is None or isinstance(option, tuple)) and reads_as(text, option):
            return index
    for index in _equal_booleans(value, choice):
        return index
    number = to_number(value)
    numbers = np.array([o if is_number(o) else np.nan for o in choice.options], float)
    distance = np.abs(numbers - number)
    if np.isnan(distance).all():
        return None
    order = np.argsort(distance)  # NaN is last.
    nearest = int(order[0])
    if distance[nearest] == 0:
        return nearest
    spacing = distance[order[1]] if len(order) > 1 else np.nan
    near = distance[nearest] <= RELATIVE_TOLERANCE * abs(numbers[nearest])
    return nearest if near and not distance[nearest] > SPACING_SHARE * spacing else None


def _equal_booleans(value: Any, choice: Choice) -> Iterator[int]:
    """Yield the index of the option that equals a boolean, as other tools spell them, if any."""
    text = str(value).strip().lower()
    spelled = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
    numeric = any(map(is_number, choice.options))
    if text not in spelled or (numeric and text not in ("true", "false")):
        return
    for index, option in enumerate(choice.options):
        if isinstance(option, bool) and option == spelled[text]:
            yield index
