"""The evaluations of a search so far, and information about each step."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.types import Array


@jax.tree_util.register_static
@dataclass(frozen=True)
class SearchLabel:
    """Name of the search that made a record; static within a pytree.

    Attributes:
      search: Name of the class.
      outcome_transform: Name of the outcome transform; empty if the search has none.
    """

    search: str
    outcome_transform: str = ""

    def __str__(self) -> str:
        if not self.outcome_transform:
            return self.search
        return f"{self.search} with outcome_transform={self.outcome_transform!r}"


class Record(NamedTuple):
    """Evaluations of a search so far, padded to its capacity of B.

    Attributes:
      row: int32[B], rows of the pool in the order of evaluation; 0 where padded.
      score: float[B], scores of these rows; NaN where failed or padded.
      evaluated: bool[N], whether each row of the pool has been evaluated.
      step: int32[], number of evaluations, failed ones included.
      made_by: Search that made the record; static.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, start
      >>> state = start(jax.random.key(0), ScoreTable(jnp.arange(4.0)), RandomSearch(capacity=2))
      >>> state.record.row.tolist(), state.record.evaluated.tolist()
      ([0, 0], [False, False, False, False])
    """

    row: Array
    score: Array
    evaluated: Array
    step: Array
    made_by: SearchLabel


class SearchInfo(NamedTuple):
    """Information about one step of a search. A trace is one with a leading axis of steps.

    A search is over when its budget is spent, every row is evaluated, or the expected improvement
    is below `SearchHyper.min_expected_improvement`.

    Attributes:
      row: int32[], evaluated row of the pool; -1 once the search is over.
      score: float[], score of the row; NaN if the evaluation failed or the search is over.
      counted: bool[], whether the evaluation counted; False once the search is over.
      expected_gain: float[], expected information gain in nats; NaN without a model, or once the
        search is over.
      realized_gain: float[], realized information gain in nats; NaN in the same cases, and if the
        evaluation failed.
      transfer_weight: float[], posterior weight of all that learned from the past, that is, of the
        transferred prior and meta-trained components, before the evaluation; NaN without any, or
        once the search is over.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, run_batch
      >>> keys, table = jax.random.split(jax.random.key(0), 1), ScoreTable(jnp.arange(4.0))
      >>> _, trace = run_batch(keys, table, RandomSearch(capacity=6), steps=6)
      >>> trace.counted.tolist()
      [[True, True, True, True, False, False]]
    """

    row: Array
    score: Array
    counted: Array
    expected_gain: Array
    realized_gain: Array
    transfer_weight: Array


def empty_record(score: Array, *, capacity: int, made_by: SearchLabel) -> Record:
    """Return a record without evaluations, for a pool with scores float[N]."""
    return Record(
        row=jnp.zeros((capacity,), jnp.int32),
        score=jnp.full((capacity,), jnp.nan, score.dtype),
        evaluated=jnp.zeros(score.shape, bool),
        step=jnp.zeros((), jnp.int32),
        made_by=made_by,
    )


def append(record: Record, index: Array, score: Array, active: Array) -> Record:
    """Return the record with one more evaluation, or the same record if `active` is False."""
    position = jnp.minimum(record.step, record.row.shape[0] - 1)
    return Record(
        row=record.row.at[position].set(jnp.where(active, index, record.row[position])),
        score=record.score.at[position].set(jnp.where(active, score, record.score[position])),
        evaluated=record.evaluated.at[index].set(record.evaluated[index] | active),
        step=record.step + active.astype(jnp.int32),
        made_by=record.made_by,
    )


def successes(record: Record) -> Array:
    """Return whether bool[N] the evaluation of each row succeeded."""
    nothing = jnp.zeros_like(record.evaluated)
    return nothing.at[record.row].max(jnp.isfinite(record.score))


def follow_plan(record: Record, planned: Array, otherwise: Array, *, number: int) -> Array:
    """Return the planned row int32[] in the first evaluations, and another row after them.

    Args:
      record: Evaluations so far.
      planned: int32[], planned row. It is skipped if it has been evaluated.
      otherwise: int32[], row to return after the first `number` evaluations.
      number: Number of planned evaluations.
    """
    is_due = (record.step < number) & ~record.evaluated[planned]
    return jnp.where(is_due, planned, otherwise)


def best_score(score: Array) -> Array:
    """Return the highest of the scores float[B] that are not NaN; -inf if there is none."""
    return jnp.max(jnp.where(jnp.isnan(score), -jnp.inf, score))


def can_go_on(record: Record, budget: Array) -> Array:
    """Return whether bool[] the budget, the capacity and the pool allow another evaluation."""
    capacity, size = record.row.shape[0], record.evaluated.shape[0]
    return record.step < jnp.minimum(budget, min(capacity, size))


def sample_unevaluated(key: Array, evaluated: Array) -> Array:
    """Draw an unevaluated row int32[] uniformly."""
    noise = jax.random.uniform(key, evaluated.shape)
    return jnp.argmax(jnp.where(evaluated, -1, noise)).astype(jnp.int32)


def record_evaluation(
    record: Record, budget: Array, index: Array, score: Array
) -> tuple[Record, SearchInfo]:
    """Return the record with one more evaluation, and the `SearchInfo` of a search without a model.

    Once the search is over, the record does not change.
    """
    active = can_go_on(record, budget)
    nan = jnp.full_like(score, jnp.nan)
    info = SearchInfo(
        jnp.where(active, index, -1), jnp.where(active, score, nan), active, nan, nan, nan
    )
    return append(record, index, score, active), info
