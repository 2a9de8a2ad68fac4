"""Brackets of successive halving and of Hyperband, and the order of their epochs."""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

Bracket = tuple[tuple[int, int], ...]
"""The rungs of a bracket: number of children, and number of epochs that each is trained up to."""


def halving_bracket(width: int, epochs: int, *, eta: int = 3, first: int = 1) -> Bracket:
    """Return the rungs of successive halving (Jamieson and Talwalkar, 2016).

    Each rung keeps the best 1 / eta of the children and trains them up to eta times as many epochs.
    The last rung, of one child at least, trains to the end.

    Args:
      width: Number of children of the first rung.
      epochs: Number E of epochs of a whole training.
      eta: Factor between rungs.
      first: Number of epochs of the first rung.

    Example:
      >>> from nmjax.search import halving_bracket
      >>> halving_bracket(8, 8, eta=2)
      ((8, 1), (4, 2), (2, 4), (1, 8))
    """
    rungs, number, until = [], width, min(first, epochs)
    while until < epochs and number > 1:
        rungs.append((number, until))
        number, until = max(1, number // eta), min(until * eta, epochs)
    return (*rungs, (number, epochs))


def hyperband_brackets(epochs: int, *, eta: int = 3) -> tuple[Bracket, ...]:
    """Return the brackets of Hyperband (Li et al., 2018, JMLR 18(185), algorithm 1).

    Epochs that are not whole numbers are rounded down, to 1 at least.

    Args:
      epochs: Number R of epochs of a whole training.
      eta: Factor between rungs.

    Example:
      >>> from nmjax.search import hyperband_brackets
      >>> hyperband_brackets(4, eta=2)
      (((4, 1), (2, 2), (1, 4)), ((3, 2), (1, 4)), ((3, 4),))
    """
    most = 0
    while eta ** (most + 1) <= epochs:
        most += 1
    brackets = []
    for s in range(most, -1, -1):
        number = math.ceil((most + 1) * eta**s / (s + 1))
        until = [max(1, epochs // eta ** (s - rung)) for rung in range(s + 1)]
        brackets.append(tuple((number // eta**rung, r) for rung, r in enumerate(until)))
    return tuple(brackets)


class Plan(NamedTuple):
    """The epochs of all brackets in order, L of them, if no child fails.

    Attributes:
      member: int32[L], position of the child within its rung.
      begins_rung: bool[L], whether the epoch is the first of its rung.
      begins_bracket: bool[L], whether the epoch is the first of its bracket.
      previous: int32[L], number of children of the rung before.
      after_child: int32[L], place of the next child's first epoch.
      after_rung: int32[L], place of the next rung's first epoch.
      after_bracket: int32[L], place of the next bracket's first epoch.
    """

    member: Any
    begins_rung: Any
    begins_bracket: Any
    previous: Any
    after_child: Any
    after_rung: Any
    after_bracket: Any


@lru_cache
def make_plan(brackets: tuple[Bracket, ...]) -> Plan:
    """Return the epochs of brackets, which follow one another."""
    labels = [
        (b, rung, child, epoch, bracket[rung - 1][0] if rung else number)
        for b, bracket in enumerate(brackets)
        for rung, (number, until) in enumerate(bracket)
        for child in range(number)
        for epoch in range(bracket[rung - 1][1] if rung else 0, until)
    ]
    b, rung, child, _, previous = np.array(labels, np.int32).T

    def begins(*columns: np.ndarray) -> np.ndarray:
        return np.asarray(np.diff(np.stack(columns), prepend=-1, axis=1).any(axis=0))

    def after(first: np.ndarray) -> np.ndarray:
        """The next place that begins; the plan's length at its end."""
        starts = np.append(np.flatnonzero(first), len(first))
        return starts[np.searchsorted(starts, np.arange(len(first)), side="right")].astype(np.int32)

    new_bracket, new_rung = begins(b), begins(b, rung)
    return Plan(
        child,
        new_rung,
        new_bracket,
        previous,
        after(begins(b, rung, child)),
        after(new_rung),
        after(new_bracket),
    )
