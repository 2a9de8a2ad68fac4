"""Successive halving and Hyperband: brackets of children, of which the best train on."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.search.algorithm import SearchHyper
from nmjax.search.multi_fidelity.algorithm import MultiFidelitySearch
from nmjax.search.multi_fidelity.children import (
    ChildRecord,
    EpochInfo,
    NextEpoch,
    empty_children,
    record_epoch,
)
from nmjax.search.problem import HasScores
from nmjax.search.setting_checks import check_sizes
from nmjax.types import Array, PyTree

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


class BracketState(NamedTuple):
    """State of a search by brackets.

    Attributes:
      record: Epochs so far.
      memory: Memory of the children.
      order: int32[B], rows in the order in which they are started.
      members: int32[W], children of the bracket, those of the current rung first.
      place: int32[], position in the plan.

    Example:
      >>> from nmjax.search.multi_fidelity.brackets import BracketState
      >>> BracketState._fields[-2:]
      ('members', 'place')
    """

    record: ChildRecord
    memory: PyTree
    order: Array
    members: Array
    place: Array


class _Plan(NamedTuple):
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
def _plan(brackets: tuple[Bracket, ...]) -> _Plan:
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
    return _Plan(
        child,
        new_rung,
        new_bracket,
        previous,
        after(begins(b, rung, child)),
        after(new_rung),
        after(new_bracket),
    )


@dataclass(frozen=True, kw_only=True)
class BracketSearch(MultiFidelitySearch[BracketState, HasScores]):
    """Base class of searches by brackets of random rows, repeated until the budget is spent.

    A rung's children train one after the other. Children that failed are never promoted. Rows are
    distinct in the whole search.

    Attributes:
      capacity: B, the largest number of children.
      training: How a child trains for an epoch.
      eta: Factor between rungs, 2 or more.

    Raises:
      NmjaxError: The capacity is not positive, or `eta` is below 2.
    """

    eta: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(eta=self.eta)
        if self.eta < 2:
            raise NmjaxError(f"Got eta={self.eta}; give 2 or more.")

    @abstractmethod
    def brackets(self, epochs: int) -> tuple[Bracket, ...]:
        """Return the brackets of trainings of E epochs."""

    def init(self, key: Array, problem: HasScores, hyper: SearchHyper) -> BracketState:
        """Return the state before the first epoch."""
        del hyper
        epochs = self.training.epochs(problem)
        width = max(bracket[0][0] for bracket in self.brackets(epochs))
        order = jax.random.permutation(key, problem.score.shape[0])[: self.capacity]
        return BracketState(
            empty_children(problem.score, capacity=self.capacity, epochs=epochs),
            self.training.init(problem, self.capacity),
            order.astype(jnp.int32),
            jnp.arange(width, dtype=jnp.int32),
            jnp.zeros((), jnp.int32),
        )

    def suggest(self, state: BracketState, problem: HasScores, hyper: SearchHyper) -> NextEpoch:
        """Return the child to train next."""
        plan = _plan(self.brackets(self.training.epochs(problem)))
        slot = state.members[jnp.asarray(plan.member)[state.place]]
        row = state.order[jnp.minimum(slot, len(state.order) - 1)]
        is_there = slot < len(state.order)
        active = is_there & (state.record.cost < hyper.budget)
        return NextEpoch(jnp.minimum(slot, self.capacity - 1), row, active)

    def update(
        self,
        state: BracketState,
        problem: HasScores,
        hyper: SearchHyper,
        chosen: NextEpoch,
        score: Array,
    ) -> tuple[BracketState, EpochInfo]:
        """Return the state after the suggested epoch, whose score float[] is finite or NaN."""
        del hyper
        plan = _plan(self.brackets(self.training.epochs(problem)))
        plan = _Plan(*map(jnp.asarray, plan))
        record, info = record_epoch(state.record, chosen, score)
        place, ended = state.place, jnp.isnan(score)
        place = jnp.where(ended, plan.after_child[place], place + 1)
        members, place = self._settle(state, record, plan, place)
        return state._replace(
            record=record,
            members=jnp.where(chosen.active, members, state.members),
            place=jnp.where(chosen.active, place, state.place),
        ), info

    def _settle(
        self, state: BracketState, record: ChildRecord, plan: _Plan, place: Array
    ) -> tuple[Array, Array]:
        """Return the members and the place of the next epoch, without rungs that have no child."""
        length = len(plan.member)

        def enter(members: Array, place: Array) -> Array:
            """Members at a place: new ones in a new bracket, the best first in a new rung."""
            at = place % length
            new = record.number + jnp.arange(len(members), dtype=jnp.int32)
            ranked = _rank(members, record, plan.previous[at])
            kept = jnp.where(plan.begins_rung[at], ranked, members)
            return jnp.where(plan.begins_bracket[at], new, kept)

        def is_missing(members: Array, place: Array) -> Array:
            slot = members[plan.member[place % length]]
            room = len(state.order)
            return (slot >= room) | record.failed[jnp.minimum(slot, self.capacity - 1)]

        members = enter(state.members, place)
        skips = is_missing(members, place)
        place = jnp.where(skips, _following(plan.after_rung, place), place)
        members = jnp.where(skips, enter(members, place), members)
        # A rung whose first child is missing has none: all that were left have failed.
        empty = is_missing(members, place)
        place = jnp.where(empty, _following(plan.after_bracket, place), place)
        members = jnp.where(empty, enter(members, place), members)
        return members, place % length


def _following(after: Array, place: Array) -> Array:
    """The place after a place that may be the plan's length, which begins the next round."""
    return after[place % len(after)]


def _rank(members: Array, record: ChildRecord, number: Array) -> Array:
    """Order the first `number` members by their last score, best first, failures last."""
    capacity = record.row.shape[0]
    score = record.last[jnp.minimum(members, capacity - 1)]
    within = (jnp.arange(len(members), dtype=jnp.int32) < number) & (members < capacity)
    key = jnp.where(within & jnp.isfinite(score), -score, jnp.inf)
    return members[jnp.argsort(key, stable=True)]


@dataclass(frozen=True, kw_only=True)
class SuccessiveHalving(BracketSearch):
    """Successive halving: train many children briefly, and the best of them on.

    Brackets of `halving_bracket` follow one another (Jamieson and Talwalkar, 2016, "Non-stochastic
    best arm identification and hyperparameter optimization").

    Attributes:
      capacity: B, the largest number of children.
      training: How a child trains for an epoch.
      eta: Factor between rungs, 2 or more.
      width: Number of children of the first rung.
      first: Number of epochs of the first rung.

    Raises:
      NmjaxError: A number is not positive, or `eta` is below 2.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import CurveTable, SuccessiveHalving, run_epochs
      >>> table = CurveTable(jnp.arange(36.0).reshape(9, 4))
      >>> search = SuccessiveHalving(width=4, eta=2)
      >>> state, _ = run_epochs(jax.random.key(0), table, search, epochs=8)
      >>> sorted(state.record.epochs[:4].tolist())
      [1, 1, 2, 4]
    """

    width: int = 9
    first: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(width=self.width, first=self.first)

    def brackets(self, epochs: int) -> tuple[Bracket, ...]:
        """Return the only bracket."""
        return (halving_bracket(self.width, epochs, eta=self.eta, first=self.first),)


@dataclass(frozen=True, kw_only=True)
class Hyperband(BracketSearch):
    """Hyperband: brackets of successive halving from many short trainings to few whole ones.

    The brackets of `hyperband_brackets` follow one another (Li et al., 2018).

    Attributes:
      capacity: B, the largest number of children.
      training: How a child trains for an epoch.
      eta: Factor between rungs, 2 or more.

    Raises:
      NmjaxError: The capacity is not positive, or `eta` is below 2.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import CurveTable, Hyperband, run_epochs
      >>> table = CurveTable(jnp.arange(36.0).reshape(9, 4))
      >>> state, _ = run_epochs(jax.random.key(0), table, Hyperband(eta=2), epochs=8)
      >>> state.record.epochs[:4].sum()
      Array(8, dtype=int32)
    """

    def brackets(self, epochs: int) -> tuple[Bracket, ...]:
        """Return the brackets of one round."""
        return hyperband_brackets(epochs, eta=self.eta)
