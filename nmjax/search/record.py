"""The record that every search keeps of its evaluations, and the information of each step."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.types import Array


@jax.tree_util.register_static
@dataclass(frozen=True)
class SearchLabel:
    """Which search made a record; static within a pytree.

    Attributes:
      search: name of the class.
      outcome_transform: name of the transform of its scores; empty if it has none.
    """

    search: str
    outcome_transform: str = ""

    def __str__(self) -> str:
        if not self.outcome_transform:
            return self.search
        return f"{self.search} with outcome_transform={self.outcome_transform!r}"


class Record(NamedTuple):
    """The evaluations of a search so far, padded to its capacity of B.

    Attributes:
      row: int32[B], rows of the pool in the order of evaluation; 0 where padded.
      score: float[B], their scores; NaN where failed or padded.
      evaluated: bool[N], which rows of the pool have been evaluated.
      step: int32[], number of evaluations, failed ones included.
      made_by: the search that made the record; static.
    """

    row: Array
    score: Array
    evaluated: Array
    step: Array
    made_by: SearchLabel


class SearchInfo(NamedTuple):
    """Information about one step; stacked by a scan it is the trace.

    Attributes:
      row: int32[], the evaluated row of the pool; -1 once the search is over.
      score: float[], its score; NaN if it failed or the search is over.
      counted: bool[], False once the search is over: the budget is spent, or the expected
        improvement is below `SearchHyper.min_expected_improvement`.
      expected_gain: float[], expected information gain in nats; NaN without a model, or once the
        search is over.
      realized_gain: float[], realized information gain in nats; NaN likewise, and if the evaluation
        failed.
      transfer_weight: float[], weight of the transferred prior at the choice; NaN without one, or
        once the search is over.
    """

    row: Array
    score: Array
    counted: Array
    expected_gain: Array
    realized_gain: Array
    transfer_weight: Array


def empty_record(score: Array, *, capacity: int, made_by: SearchLabel) -> Record:
    """A record without evaluations of a pool with scores float[N]."""
    return Record(
        row=jnp.zeros((capacity,), jnp.int32),
        score=jnp.full((capacity,), jnp.nan, score.dtype),
        evaluated=jnp.zeros(score.shape, bool),
        step=jnp.zeros((), jnp.int32),
        made_by=made_by,
    )


def append(record: Record, index: Array, score: Array, active: Array) -> Record:
    """The record with one more evaluation; the very same where `active` is False."""
    position = jnp.minimum(record.step, record.row.shape[0] - 1)
    return Record(
        row=record.row.at[position].set(jnp.where(active, index, record.row[position])),
        score=record.score.at[position].set(jnp.where(active, score, record.score[position])),
        evaluated=record.evaluated.at[index].set(record.evaluated[index] | active),
        step=record.step + active.astype(jnp.int32),
        made_by=record.made_by,
    )


def best_score(score: Array) -> Array:
    """The highest of the scores float[B] that are not NaN; -inf if there is none."""
    return jnp.max(jnp.where(jnp.isnan(score), -jnp.inf, score))


def can_go_on(record: Record, budget: Array) -> Array:
    """Whether bool[] budget, capacity and an unevaluated architecture are left."""
    capacity, size = record.row.shape[0], record.evaluated.shape[0]
    return record.step < jnp.minimum(budget, min(capacity, size))


def sample_unevaluated(key: Array, evaluated: Array) -> Array:
    """A row int32[] that has not been evaluated, uniformly."""
    noise = jax.random.uniform(key, evaluated.shape)
    return jnp.argmax(jnp.where(evaluated, -1, noise)).astype(jnp.int32)


def record_evaluation(
    record: Record, budget: Array, index: Array, score: Array
) -> tuple[Record, SearchInfo]:
    """The record with one more evaluation, and the `SearchInfo` of a search without a model.

    The record stays the very same once the search is over.
    """
    active = can_go_on(record, budget)
    nan = jnp.full_like(score, jnp.nan)
    info = SearchInfo(
        jnp.where(active, index, -1), jnp.where(active, score, nan), active, nan, nan, nan
    )
    return append(record, index, score, active), info
