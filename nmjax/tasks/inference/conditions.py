"""Conditions of choices, found from the rows in which a column has no value."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from nmjax.spaces.description.options import Option
from nmjax.tasks.inference.columns import Column

MAX_PAIRED = 40
"""Columns up to which pairs of parents are tried."""
MIN_ROWS_PER_OPTION = 2
"""Mean rows for each option of a parent; with fewer, options separate any rows by chance."""


class Found(NamedTuple):
    """What explains the missing values of a column.

    Attributes:
      parents: {column: its values in the rows where the child has one}.
      others: Further columns that explain them as well.
    """

    parents: Mapping[str, tuple[Option, ...]]
    others: tuple[str, ...]


def find_conditions(columns: Sequence[Column], parents: Sequence[Column]) -> dict[str, Found]:
    """Return what explains each column that is missing exactly under some options of others.

    Of several parents, the first is chosen among those that are never missing, then among those
    with fewest values; pairs of parents only where no single one explains the missing values. No
    column becomes its own ancestor.

    Args:
      columns: Columns that may be children.
      parents: Discrete columns that may be parents.
    """
    found: dict[str, Found] = {}
    codes = {column.name: _codes(column) for column in parents}
    usable = [
        column
        for column in parents
        if MIN_ROWS_PER_OPTION * len(column.distinct) <= len(column.present)
    ]
    for child in sorted(columns, key=lambda column: -int(column.present.sum())):
        if child.present.all() or not child.present.any():
            continue
        allowed = [
            column
            for column in usable
            if column.name != child.name and child.name not in _ancestors(column.name, found)
        ]
        chosen = _explain(child, allowed, codes)
        if chosen is not None:
            found[child.name] = chosen
    return found


def parents_first(names: Iterable[str], parents: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the names in their order, except that parents come before their children."""
    ordered: dict[str, None] = {}

    def add(name: str) -> None:
        if name not in ordered:
            for parent in parents.get(name, ()):
                add(parent)
            ordered[name] = None

    for name in names:
        add(name)
    return list(ordered)


def _explain(
    child: Column, parents: Sequence[Column], codes: Mapping[str, np.ndarray]
) -> Found | None:
    """Return parents whose values allow the child exactly where it has a value, or None."""
    allows: dict[str, np.ndarray] = {}
    for parent in sorted(parents, key=lambda column: _rank([column])):
        mine = codes[parent.name]
        seen = np.unique(mine[child.present])
        if seen[0] >= 0:
            allows[parent.name] = np.isin(mine, seen)
    by_name = {parent.name: parent for parent in parents}
    single = [name for name, allowed in allows.items() if (allowed == child.present).all()]
    if single:
        chosen: tuple[str, ...] = (single[0],)
    elif len(allows) <= MAX_PAIRED:
        pairs = [
            pair
            for pair in combinations(allows, 2)
            if ((allows[pair[0]] & allows[pair[1]]) == child.present).all()
        ]
        if not pairs:
            return None
        chosen = min(pairs, key=lambda pair: _rank([by_name[name] for name in pair]))
    else:
        return None
    return Found(
        {name: _allowed(child, by_name[name], codes) for name in chosen}, tuple(single[1:])
    )


def _rank(parents: Sequence[Column]) -> tuple[int, int]:
    """Return how many parents are ever missing, and the number of their values."""
    gaps = sum(not parent.present.all() for parent in parents)
    return gaps, sum(len(parent.distinct) for parent in parents)


def _allowed(child: Column, parent: Column, codes: Mapping[str, np.ndarray]) -> tuple[Option, ...]:
    seen = set(codes[parent.name][child.present].tolist())
    return tuple(value for code, value in enumerate(parent.distinct) if code in seen)


def _codes(column: Column) -> np.ndarray:
    """Return the place of each value among the distinct ones, -1 where it is missing: int[M]."""
    place = {value: code for code, value in enumerate(column.distinct)}
    pairs = zip(column.values, column.present, strict=True)
    return np.array([place[value] if here else -1 for value, here in pairs], int)


def _ancestors(name: str, found: Mapping[str, Found]) -> set[str]:
    ancestors: set[str] = set()
    waiting = [name]
    while waiting:
        known = found.get(waiting.pop())
        if known is not None:
            waiting += [parent for parent in known.parents if parent not in ancestors]
            ancestors.update(known.parents)
    return ancestors
