"""Searches in a fixed order: random search, and past architectures ranked by their mean score."""

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
    """State of a search in a fixed order.

    Attributes:
      record: Evaluations so far.
      order: int32[min(B, N)], rows in the order of evaluation.
    """

    record: Record
    order: Array


@dataclass(frozen=True, kw_only=True)
class OrderedSearch(SearchAlgorithm[OrderedState, ScoredT]):
    """Base class of searches in a fixed order. Rows that have been evaluated are skipped.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.

    Raises:
      NmjaxError: The capacity is not positive.
    """

    @abstractmethod
    def order(self, key: Array, problem: ScoredT) -> Array:
        """Return the rows int[N] in order. Only the first `capacity` are read."""

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
    """Random search: evaluate the pool in a random order.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.

    Raises:
      NmjaxError: The capacity is not positive.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, run_batch
      >>> table = ScoreTable(jnp.arange(3.0), neighbors=jnp.array([[1, 2], [0, 2], [0, 1]]))
      >>> keys, search = jax.random.split(jax.random.key(0), 1), RandomSearch(capacity=3)
      >>> run_batch(keys, table, search, steps=3)[1].score.max(axis=1).tolist()
      [2.0]
    """

    def order(self, key: Array, problem: HasScores) -> Array:
        """Return the rows int[N] in a random order."""
        return jax.random.permutation(key, problem.score.shape[0])


@dataclass(frozen=True, kw_only=True)
class PastBestSearch(OrderedSearch[Problem]):
    """Evaluate the pool in the order of the mean predicted score over past tasks, best first.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.

    Raises:
      NmjaxError: The capacity is not positive.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import PastBestSearch, make_problem, run_batch
      >>> from nmjax.spaces import Space, enumerate_architectures
      >>> space = Space(op=["a", "b", "c"], act=["relu", "tanh"])
      >>> pool, scores = enumerate_architectures(space), jnp.arange(6.0)
      >>> problem = make_problem(space, pool, scores, default_knowledge(space))
      >>> keys, search = jax.random.split(jax.random.key(0), 1), PastBestSearch(capacity=6)
      >>> float(run_batch(keys, problem, search, steps=6)[1].score.max())
      5.0
    """

    def order(self, key: Array, problem: Problem) -> Array:
        """Return the rows int[N], those with the highest mean over past tasks first."""
        del key
        return jnp.argsort(-problem.past_mean)
