"""The base classes of searches, their hyperparameters, and checks of their arguments."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.predictors import get_outcome_transform
from nmjax.search.record import (
    Record,
    SearchInfo,
    SearchLabel,
    empty_record,
)
from nmjax.setting_checks import check_callables, check_sizes
from nmjax.tasks.metrics import failed_unless_finite
from nmjax.types import Array, PyTree, is_traced

StateT = TypeVar("StateT")
ProblemT = TypeVar("ProblemT", contravariant=True)


class SearchHyper(NamedTuple):
    """Traced hyperparameters of a search.

    Attributes:
      budget: int32[], number of distinct evaluations.
      fixed_share: float[], smallest share of its prior weight that a component keeps, in [0, 1).
      exploration: float[], number of standard deviations of optimism, for acquisitions that use it.
      min_expected_improvement: float[], expected improvement below which the search ends, in units
        of the transformed score. By default these are standard deviations of the scores so far,
        with a logarithmic scale below their median. A search of a pool compares the threshold with
        the largest expected improvement of any row, and a search of a space with that of its next
        proposal. The threshold is ignored until the initial design is evaluated and an evaluation
        has succeeded. 0 never ends a search.

    Example:
      >>> from nmjax.search import default_hyper
      >>> hyper = default_hyper(20)._replace(exploration=1.5)
      >>> int(hyper.budget), hyper.exploration
      (20, 1.5)
    """

    budget: Array
    fixed_share: Array
    exploration: Array
    min_expected_improvement: Array


def default_hyper(budget: int = 100) -> SearchHyper:
    """Return default hyperparameters, tuned on HPOBench and TransNAS-Bench-101.

    Args:
      budget: Number of distinct evaluations.

    Raises:
      NmjaxError: The budget is negative or not a whole number. Traced values are not checked.

    Example:
      >>> from nmjax.search import default_hyper
      >>> int(default_hyper(20).budget)
      20
    """
    if not is_traced(budget):
        number = np.asarray(budget)
        if number.shape != () or not np.issubdtype(number.dtype, np.integer) or number < 0:
            raise NmjaxError(f"Got a budget of {budget!r}; give a whole number, not below 0.")
    return SearchHyper(
        budget=jnp.asarray(budget, jnp.int32),
        fixed_share=jnp.asarray(0.02),
        exploration=jnp.asarray(2.0),
        min_expected_improvement=jnp.asarray(0.0),
    )


def table_lookup(problem: Any, index: Array) -> Array:
    """Return the score float[] of a row int32[] of a tabular benchmark, from `problem.score`."""
    score: Array = problem.score[index]
    return score


@dataclass(frozen=True, kw_only=True)
class SearchAlgorithm(ABC, Generic[StateT, ProblemT]):
    """Base class of searches, which are state transitions.

    A search is a frozen dataclass whose fields are static. Two searches with equal fields are equal
    and share compiled programs. A subclass implements `init`, `suggest` and `update`; `observe` and
    `step` follow from these. All methods are pure and work under `jit` and `vmap`.

    Attributes:
      capacity: B, the largest budget. Smaller budgets use the same compiled program.
      evaluate: (problem, index) -> float[], traced evaluation in `step`; NaN or infinite if it
        failed. By default it reads `problem.score`.

    Raises:
      NmjaxError: The capacity is not positive.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, SearchAlgorithm, default_hyper
      >>> search: SearchAlgorithm = RandomSearch(capacity=3)
      >>> table, hyper = ScoreTable(jnp.arange(4.0)), default_hyper(3)
      >>> state, info = search.step(search.init(jax.random.key(0), table, hyper), table, hyper)
      >>> int(state.record.step), bool(info.counted)
      (1, True)
    """

    capacity: int = 128
    evaluate: Callable[[ProblemT, Array], Array] = table_lookup

    def __post_init__(self) -> None:
        check_sizes(capacity=self.capacity)
        check_callables(evaluate=self.evaluate)

    @property
    def label(self) -> SearchLabel:
        """Name of the search, which its record keeps."""
        return SearchLabel(type(self).__name__)

    def empty_record(self, score: Array) -> Record:
        """Return a record without evaluations, for a pool with scores float[N]."""
        return empty_record(score, capacity=self.capacity, made_by=self.label)

    @abstractmethod
    def init(self, key: Array, problem: ProblemT, hyper: SearchHyper) -> StateT:
        """Return the state before the first evaluation."""

    @abstractmethod
    def suggest(self, state: StateT, problem: ProblemT, hyper: SearchHyper) -> Any:
        """Return what to evaluate next: a row int32[] of the pool, or an architecture int32[C]."""

    @abstractmethod
    def update(
        self, state: StateT, problem: ProblemT, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[StateT, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""

    def observe(
        self, state: StateT, problem: ProblemT, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[StateT, SearchInfo]:
        """Return the state after an evaluation, which failed if its score is not finite."""
        return self.update(state, problem, hyper, index, failed_unless_finite(score))

    def step(
        self, state: StateT, problem: ProblemT, hyper: SearchHyper
    ) -> tuple[StateT, SearchInfo]:
        """Suggest, evaluate and observe once."""
        index = self.suggest(state, problem, hyper)
        return self.observe(state, problem, hyper, index, self.evaluate(problem, index))

    def check_index(self, state: StateT, index: Any) -> PyTree:
        """Validate an evaluated row on the host. Traced values are not checked.

        Raises:
          NmjaxError: The index is not a row of the pool, or was observed before.
        """
        return check_row(index, _record(state).evaluated)

    def check_indices(self, state: StateT, indices: Any) -> PyTree:
        """Validate a list of evaluated rows on the host. Traced values are not checked.

        Raises:
          NmjaxError: An index is not a row of the pool, or is repeated.
        """
        if is_traced(indices):
            return indices.astype(jnp.int32)
        evaluated = np.zeros(_record(state).evaluated.shape, bool)
        for index in indices:
            evaluated[int(check_row(index, evaluated))] = True
        return jnp.asarray(indices, jnp.int32)


AnySearch = SearchAlgorithm[Any, Any]


@dataclass(frozen=True, kw_only=True)
class TransformedSearch(SearchAlgorithm[StateT, ProblemT]):
    """Base class of searches that model transformed scores.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.
      outcome_transform: Name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: The capacity is not positive, or the outcome transform is unknown.
    """

    outcome_transform: str = "log_lower_tail"

    def __post_init__(self) -> None:
        super().__post_init__()
        get_outcome_transform(self.outcome_transform)

    @property
    def label(self) -> SearchLabel:
        """Names of the search and of its outcome transform, which its record keeps."""
        return SearchLabel(type(self).__name__, self.outcome_transform)

    def transform(self, score: Array) -> Array:
        """Return the transformed scores float[B]; NaN where the score is NaN."""
        return get_outcome_transform(self.outcome_transform)(score)


def _record(state: Any) -> Record:
    record: Record = state.record
    return record


def check_row(index: Any, evaluated: Array | np.ndarray) -> Array:
    """Validate a row int32[] of a pool on the host. Traced values are not checked.

    Args:
      index: Row of the pool.
      evaluated: bool[N], whether each row was observed before.

    Raises:
      NmjaxError: The index is not a row of the pool, or was observed before.
    """
    if is_traced(index):
        traced: Array = index.astype(jnp.int32)
        return traced
    size, row = evaluated.shape[-1], np.asarray(index)
    if row.shape != () or not np.issubdtype(row.dtype, np.integer):
        raise NmjaxError(f"Got {index!r} as a row; give a whole number from 0 to {size - 1}.")
    if not 0 <= row < size:
        raise NmjaxError(f"Got row {row} of a pool of {size}; give one from 0 to {size - 1}.")
    if not is_traced(evaluated) and np.asarray(evaluated)[..., row].all():
        raise NmjaxError(
            f"Row {row} was observed before; each row is evaluated once, so give another one."
        )
    return jnp.asarray(row, jnp.int32)


def check_capacity(state: PyTree, **requested: int) -> None:
    """Validate that a search has the capacity for a number of evaluations.

    Args:
      state: State of the search. Without a `record`, nothing is checked.
      requested: Numbers of evaluations by the name of the argument.

    Raises:
      NmjaxError: A number is larger than the capacity.
    """
    record = getattr(state, "record", None)
    if not isinstance(record, Record):
        return
    capacity = record.row.shape[-1]
    for name, number in requested.items():
        if number > capacity:
            raise NmjaxError(
                f"Got {name}={number} for a search of capacity={capacity}; make the search with "
                f"capacity={number}, or give at most {name}={capacity}."
            )
