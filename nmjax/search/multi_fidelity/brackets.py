"""Successive halving and Hyperband: brackets of children, of which the best train on."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.algorithm import SearchHyper
from nmjax.search.multi_fidelity.algorithm import MultiFidelitySearch
from nmjax.search.multi_fidelity.bracket_plan import (
    Bracket,
    Plan,
    halving_bracket,
    hyperband_brackets,
    make_plan,
)
from nmjax.search.multi_fidelity.children import (
    ChildRecord,
    EpochInfo,
    NextEpoch,
    empty_children,
    record_epoch,
)
from nmjax.search.problem import HasScores
from nmjax.setting_checks import check_sizes
from nmjax.types import Array, PyTree


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
        plan = make_plan(self.brackets(self.training.epochs(problem)))
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
        plan = make_plan(self.brackets(self.training.epochs(problem)))
        plan = Plan(*map(jnp.asarray, plan))
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
        self, state: BracketState, record: ChildRecord, plan: Plan, place: Array
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
