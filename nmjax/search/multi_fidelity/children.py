"""Children that train one epoch at a time, and the epochs of a search so far."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from nmjax.types import Array, PyTree


class CurveTable(NamedTuple):
    """Pool whose learning curves are known, for searches by epochs.

    Attributes:
      curve: float[N, E], score of each row after each epoch; NaN from the epoch on in which the
        training failed.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import CurveTable
      >>> CurveTable(jnp.ones((5, 3))).score.shape
      (5,)
    """

    curve: Array

    @property
    def score(self) -> Array:
        """Scores float[N] after the last epoch."""
        return self.curve[:, -1]


class ChildTraining(Protocol):
    """How a search trains a child for one more epoch.

    `TableTraining` reads a table of learning curves, and `nmjax.live.LiveTraining` trains networks.
    Implementations are frozen dataclasses.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import ChildTraining, CurveTable, TableTraining
      >>> training: ChildTraining = TableTraining()
      >>> training.epochs(CurveTable(jnp.ones((5, 3))))
      3
    """

    def epochs(self, pool: Any) -> int:
        """Number E of epochs of a whole training."""

    def init(self, pool: Any, capacity: int) -> PyTree:
        """Memory of up to `capacity` children, leaves with that leading axis."""

    def train(self, memory: PyTree, pool: Any, slot: Array, row: Array, done: Array) -> Any:
        """Train the child in a slot int32[] of the memory for its next epoch.

        Args:
          memory: Memory of the children.
          pool: What the children are made of, and what they train on.
          slot: int32[], position of the child in the memory.
          row: int32[], row of the pool.
          done: int32[], number of epochs that the child has been trained; 0 starts it.

        Returns:
          The child's part of the memory, and its score float[]; NaN if it failed.
        """


@dataclass(frozen=True)
class TableTraining:
    """Read the learning curves of a `CurveTable` epoch by epoch.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import CurveTable, TableTraining
      >>> table = CurveTable(jnp.arange(6.0).reshape(2, 3))
      >>> memory, score = TableTraining().train(None, table, 0, jnp.array(1), jnp.array(2))
      >>> float(score)
      5.0
    """

    def epochs(self, pool: CurveTable) -> int:
        """Number E of epochs of a whole training."""
        return pool.curve.shape[-1]

    def init(self, pool: CurveTable, capacity: int) -> PyTree:
        """Return no memory."""
        del pool, capacity

    def train(
        self, memory: PyTree, pool: CurveTable, slot: Array, row: Array, done: Array
    ) -> tuple[PyTree, Array]:
        """Return the score of the next epoch."""
        del slot
        last = pool.curve.shape[-1] - 1
        return memory, pool.curve[row, jnp.minimum(done, last)]


TABLE = TableTraining()


class ChildRecord(NamedTuple):
    """Epochs of a search so far, padded to its capacity of B children of E epochs.

    Attributes:
      row: int32[B], rows of the pool in the order in which they were started; 0 where padded.
      curve: float[B, E], scores after each epoch; NaN where failed or not trained.
      epochs: int32[B], number of epochs that each child has been trained.
      started: bool[N], whether each row of the pool has been started.
      number: int32[], number of children.
      cost: int32[], number of epochs of all children together.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import CurveTable, Hyperband, run_epochs
      >>> table, search = CurveTable(jnp.ones((5, 4))), Hyperband(capacity=5, eta=2)
      >>> state, _ = run_epochs(jax.random.key(0), table, search, epochs=7)
      >>> int(state.record.cost), state.record.curve.shape
      (7, (5, 4))
    """

    row: Array
    curve: Array
    epochs: Array
    started: Array
    number: Array
    cost: Array

    @property
    def step(self) -> Array:
        """Number of children, int32[]."""
        return self.number

    @property
    def failed(self) -> Array:
        """Whether bool[B] the last epoch of each child failed."""
        return (self.epochs > 0) & jnp.isnan(self.last)

    @property
    def last(self) -> Array:
        """Score float[B] after the last epoch of each child; NaN where failed or padded."""
        at = jnp.maximum(self.epochs - 1, 0)[:, None]
        return jnp.take_along_axis(self.curve, at, axis=1)[:, 0]

    @property
    def final(self) -> Array:
        """Score float[B] of each child that has been trained to the end; NaN for others."""
        return self.curve[:, -1]


class NextEpoch(NamedTuple):
    """The epoch that a search asks for.

    Attributes:
      slot: int32[], position of the child in the record; a new child's is the number so far.
      row: int32[], row of the pool.
      active: bool[], False once the search is over.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import CurveTable, Hyperband, default_hyper
      >>> arguments, search = (CurveTable(jnp.ones((5, 4))), default_hyper(9)), Hyperband(eta=2)
      >>> chosen = search.suggest(search.init(jax.random.key(0), *arguments), *arguments)
      >>> int(chosen.slot), bool(chosen.active)
      (0, True)
    """

    slot: Array
    row: Array
    active: Array


class EpochInfo(NamedTuple):
    """Information about one epoch. A trace is one with a leading axis of steps.

    Attributes:
      row: int32[], row of the pool; -1 once the search is over.
      epoch: int32[], number of epochs of this child, this one included; 0 once the search is over.
      score: float[], score after this epoch; NaN if it failed or the search is over.
      counted: bool[], whether the epoch counted; False once the search is over.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import CurveTable, SuccessiveHalving, run_epochs
      >>> table, search = CurveTable(jnp.ones((2, 2))), SuccessiveHalving(width=2, eta=2)
      >>> run_epochs(jax.random.key(0), table, search, epochs=4)[1].epoch.tolist()
      [1, 1, 2, 0]
    """

    row: Array
    epoch: Array
    score: Array
    counted: Array


def best_final_score(trace: EpochInfo, *, epochs: int) -> Array:
    """Return the best score so far of children that were trained to the end, float[..., steps].

    It is -inf until the first child has been trained for all its epochs.

    Args:
      trace: Trace of a search.
      epochs: Number E of epochs of a whole training.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import CurveTable, SuccessiveHalving, best_final_score, run_epochs
      >>> table, search = CurveTable(jnp.ones((2, 2))), SuccessiveHalving(width=2, eta=2)
      >>> _, trace = run_epochs(jax.random.key(0), table, search, epochs=3)
      >>> best_final_score(trace, epochs=2).tolist()
      [-inf, -inf, 1.0]
    """
    ended = trace.counted & (trace.epoch == epochs) & jnp.isfinite(trace.score)
    score = jnp.where(ended, trace.score, -jnp.inf)
    return jax.lax.cummax(score, axis=score.ndim - 1)


def empty_children(score: Array, *, capacity: int, epochs: int) -> ChildRecord:
    """Return a record without children, for a pool with scores float[N]."""
    return ChildRecord(
        row=jnp.zeros((capacity,), jnp.int32),
        curve=jnp.full((capacity, epochs), jnp.nan, score.dtype),
        epochs=jnp.zeros((capacity,), jnp.int32),
        started=jnp.zeros(score.shape, bool),
        number=jnp.zeros((), jnp.int32),
        cost=jnp.zeros((), jnp.int32),
    )


def record_epoch(
    record: ChildRecord, chosen: NextEpoch, score: Array
) -> tuple[ChildRecord, EpochInfo]:
    """Return the record with one more epoch, or the same record if it is not active."""
    slot, row, active = chosen
    counted = active.astype(jnp.int32)
    done, starts = record.epochs[slot], (slot == record.number) & active
    at = slot, jnp.minimum(done, record.curve.shape[1] - 1)
    info = EpochInfo(
        jnp.where(active, row, -1),
        jnp.where(active, done + 1, 0),
        jnp.where(active, score, jnp.nan),
        active,
    )
    return ChildRecord(
        row=record.row.at[slot].set(jnp.where(starts, row, record.row[slot])),
        curve=record.curve.at[at].set(jnp.where(active, score, record.curve[at])),
        epochs=record.epochs.at[slot].add(counted),
        started=record.started.at[row].set(record.started[row] | active),
        number=record.number + starts.astype(jnp.int32),
        cost=record.cost + counted,
    ), info
