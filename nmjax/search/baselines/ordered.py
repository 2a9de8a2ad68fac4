"""Searches in an order that no score changes: random, and the best of the past first."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from nmjax.search.algorithm import SearchAlgorithm, SearchHyper
from nmjax.search.problem import HasScores, Problem
from nmjax.search.record import Record, SearchInfo, record_evaluation
from nmjax.types import Array

ScoredT = TypeVar("ScoredT", bound=HasScores)


class OrderedState(NamedTuple):
    """What a search in a fixed order carries.

    Attributes:
      record: the evaluations so far.
      order: int32[min(B, N)], the rows in the order of evaluation.
    """

    record: Record
    order: Array


@dataclass(frozen=True, kw_only=True)
class OrderedSearch(SearchAlgorithm[OrderedState, ScoredT]):
    """Evaluate in an order fixed beforehand, skipping rows that were evaluated already.

    Attributes:
      capacity: the largest budget.
      evaluate: as in `SearchAlgorithm`.

    Raises:
      NmjaxError: the capacity is not positive.
    """

    @abstractmethod
    def order(self, key: Array, problem: ScoredT) -> Array:
        """Return the rows int[N] in order; those after the first `capacity` are not read."""

    def init(self, key: Array, problem: ScoredT, hyper: SearchHyper) -> OrderedState:
        """Return the state before the first evaluation."""
        del hyper
        rows = self.order(key, problem)[: self.capacity].astype(jnp.int32)
        return OrderedState(self.empty_record(problem.score), rows)

    def suggest(self, state: OrderedState, problem: ScoredT, hyper: SearchHyper) -> Array:
        """Return the row int32[] to evaluate next."""
        del problem, hyper
        return state.order[jnp.argmin(state.record.evaluated[state.order])]

    def update(
        self, state: OrderedState, problem: ScoredT, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[OrderedState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        del problem
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        return state._replace(record=record), info


@dataclass(frozen=True, kw_only=True)
class RandomSearch(OrderedSearch[HasScores]):
    """Evaluate the pool in a random order.

    Attributes:
      capacity: the largest budget.
      evaluate: as in `SearchAlgorithm`.

    Raises:
      NmjaxError: the capacity is not positive.
    """

    def order(self, key: Array, problem: HasScores) -> Array:
        """Return the rows int[N] in a random order."""
        return jax.random.permutation(key, problem.score.shape[0])


@dataclass(frozen=True, kw_only=True)
class PastBestSearch(OrderedSearch[Problem]):
    """Evaluate in the order of the mean predicted score over past tasks: the trivial transfer.

    Attributes:
      capacity: the largest budget.
      evaluate: as in `SearchAlgorithm`.

    Raises:
      NmjaxError: the capacity is not positive.
    """

    def order(self, key: Array, problem: Problem) -> Array:
        """Return the rows int[N], the past's best first."""
        del key
        return jnp.argsort(-problem.past_mean)
