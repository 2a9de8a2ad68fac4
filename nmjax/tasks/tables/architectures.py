"""Architectures in the rows of a table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from nmjax.spaces import Space, canonicalize, is_valid
from nmjax.spaces.description.requirements import Requirement
from nmjax.tasks.tables.options import (
    MISSING,
    OUTSIDE,
    not_an_option,
    out_of_bounds,
    parse_bounded,
    parse_options,
)
from nmjax.tasks.tables.table import Table
from nmjax.tasks.tables.values import has_decimal_commas


@dataclass(frozen=True, eq=False)
class Architectures:
    """Architectures of M rows, some of which may be outside the space.

    Attributes:
      space: The space.
      columns: {choice: (column, its values)}, of all rows of the table.
      discrete: Option indices, 0 where there is none: int32[M, C].
      continuous: Real-valued choices: float[M, R].
      absent: Where an active choice, of C + R, has no value: bool[M, C + R].
      wrong: Where a value is not an option or out of bounds: bool[M, C + R].
      invalid: Rows that the space declares invalid: bool[M].
    """

    space: Space
    columns: Mapping[str, tuple[str, list[Any]]]
    discrete: np.ndarray
    continuous: np.ndarray
    absent: np.ndarray
    wrong: np.ndarray
    invalid: np.ndarray

    @property
    def missing(self) -> np.ndarray:
        """Rows that lack a choice: bool[M]."""
        return np.asarray(self.absent.any(-1))

    @property
    def outside(self) -> np.ndarray:
        """Rows with a wrong value, or invalid: bool[M]."""
        return np.asarray(self.wrong.any(-1) | self.invalid)

    def canonical(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the canonical architectures int32[M, C] and real-valued choices float[M, R]."""
        discrete, real = self.space.requirements
        low = np.array([choice.low for choice in self.space.continuous])
        continuous = np.where(_active(real, self.discrete), self.continuous, low)
        if self.space.canonical is not None:
            return _by_space(canonicalize, self.space, self.discrete), continuous
        return np.where(_active(discrete, self.discrete), self.discrete, 0), continuous

    def take(self, kept: np.ndarray) -> "Architectures":
        """Return the architectures of the rows that are `kept`, bool[M]."""
        return Architectures(
            self.space,
            self.columns,
            self.discrete[kept],
            self.continuous[kept],
            self.absent[kept],
            self.wrong[kept],
            self.invalid[kept],
        )

    def explain(self, place: int, row: int) -> str:
        """Return why the architecture at `place`, of the table's `row`, is outside the space."""
        faults = np.flatnonzero(self.absent[place] | self.wrong[place])
        if not len(faults):
            return f"it is not a valid architecture of space {self.space.name!r}"
        choices = self.space.choices
        if faults[0] < len(choices):
            choice = choices[faults[0]]
            column, values = self.columns[choice.name]
            return not_an_option(choice, column, values[row])
        real = self.space.continuous[faults[0] - len(choices)]
        column, values = self.columns[real.name]
        return out_of_bounds(real, column, values[row])


def parse_architectures(
    table: Table, space: Space, column_of: Mapping[str, str], rows: np.ndarray
) -> Architectures:
    """Return the architectures in `rows` of a table.

    Args:
      table: The table.
      space: Space of the architectures.
      column_of: {choice: column}; a choice without a column is missing in all rows.
      rows: Indices of rows, int[M].
    """
    absent_column: list[Any] = [None] * table.size
    columns = {
        name: (column_of[name], table.read(column_of[name]))
        if name in column_of
        else (name, absent_column)
        for name in space.names
    }
    discrete = np.zeros((len(rows), space.num_choices), np.int32)
    continuous = np.zeros((len(rows), space.num_continuous))
    outside = np.zeros((len(rows), space.num_continuous), bool)
    for place, choice in enumerate(space.choices):
        values = columns[choice.name][1]
        commas = has_decimal_commas(values, table)
        discrete[:, place] = parse_options([values[row] for row in rows], choice, commas=commas)
    for place, real in enumerate(space.continuous):
        values = columns[real.name][1]
        commas = has_decimal_commas(values, table)
        continuous[:, place], outside[:, place] = parse_bounded(
            [values[row] for row in rows], real, commas=commas
        )
    filled = np.maximum(discrete, 0)
    active, active_real = (_active(required, filled) for required in space.requirements)
    absent = [(discrete == MISSING) & active, np.isnan(continuous) & ~outside & active_real]
    return Architectures(
        space,
        columns,
        filled,
        continuous,
        np.concatenate(absent, -1),
        np.concatenate([discrete == OUTSIDE, outside], -1),
        np.zeros(len(rows), bool) if space.valid is None else ~_by_space(is_valid, space, filled),
    )


def _active(requirements: Sequence[Requirement], discrete: np.ndarray) -> np.ndarray:
    """Return which choices are active, bool[M, N]; NumPy, as each number of rows is another one."""
    active = np.ones((len(discrete), len(requirements)), bool)
    for place, required in enumerate(requirements):
        for parent, allowed in required:
            active[:, place] &= np.isin(discrete[:, parent], list(allowed))
    return active


def _by_space(
    function: Callable[[Space, Any], Any], space: Space, discrete: np.ndarray
) -> np.ndarray:
    """Return a compiled function of a space of M rows, padded to a power of two."""
    length = max(16, 1 << (len(discrete) - 1).bit_length())
    padded = np.pad(discrete, ((0, length - len(discrete)), (0, 0)))
    return np.asarray(function(space, jnp.asarray(padded)))[: len(discrete)]
