"""The base class of searches by epochs, and their scan."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeVar

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.algorithm import SearchHyper, default_hyper
from nmjax.search.multi_fidelity.children import (
    TABLE,
    ChildRecord,
    ChildTraining,
    EpochInfo,
    NextEpoch,
)
from nmjax.setting_checks import check_keys, check_sizes
from nmjax.tasks.metrics import failed_unless_finite
from nmjax.types import Array, PyTree


class EpochState(Protocol):
    """State of a search by epochs, a NamedTuple."""

    @property
    def record(self) -> ChildRecord:
        """Epochs so far."""

    @property
    def memory(self) -> PyTree:
        """Memory of the children, which `ChildTraining` reads."""

    def _replace(self, *, memory: PyTree) -> Self: ...


StateT = TypeVar("StateT", bound=EpochState)
ProblemT = TypeVar("ProblemT", contravariant=True)


@dataclass(frozen=True, kw_only=True)
class MultiFidelitySearch(ABC, Generic[StateT, ProblemT]):
    """Base class of searches whose step trains one child for one more epoch.

    A budget counts epochs: `SearchHyper.budget` is their number. A child is started once, resumed
    where its training stopped, and never resumed after a failure. All methods are pure and work
    under `jit` and `vmap`.

    Attributes:
      capacity: B, the largest number of children.
      training: How a child trains for an epoch.

    Raises:
      NmjaxError: The capacity is not positive.

    Example:
      >>> from nmjax.search import Hyperband, MultiFidelitySearch
      >>> search: MultiFidelitySearch = Hyperband(capacity=20)
      >>> search == Hyperband(capacity=20)
      True
    """

    capacity: int = 64
    training: ChildTraining = TABLE

    def __post_init__(self) -> None:
        check_sizes(capacity=self.capacity)

    def children(self, problem: ProblemT) -> Any:
        """Return the part of the problem that `training` reads."""
        return problem

    @abstractmethod
    def init(self, key: Array, problem: ProblemT, hyper: SearchHyper) -> StateT:
        """Return the state before the first epoch."""

    @abstractmethod
    def suggest(self, state: StateT, problem: ProblemT, hyper: SearchHyper) -> NextEpoch:
        """Return the child to train next."""

    @abstractmethod
    def update(
        self,
        state: StateT,
        problem: ProblemT,
        hyper: SearchHyper,
        chosen: NextEpoch,
        score: Array,
    ) -> tuple[StateT, EpochInfo]:
        """Return the state after the suggested epoch, whose score float[] is finite or NaN."""

    def observe(
        self,
        state: StateT,
        problem: ProblemT,
        hyper: SearchHyper,
        chosen: NextEpoch,
        score: Array,
    ) -> tuple[StateT, EpochInfo]:
        """Return the state after the suggested epoch, which failed if its score is not finite."""
        return self.update(state, problem, hyper, chosen, failed_unless_finite(score))

    def step(
        self, state: StateT, problem: ProblemT, hyper: SearchHyper
    ) -> tuple[StateT, EpochInfo]:
        """Suggest a child, train it for an epoch, and observe its score."""
        chosen = self.suggest(state, problem, hyper)
        slot, row, active = chosen
        done = state.record.epochs[slot]
        child, score = self.training.train(state.memory, self.children(problem), slot, row, done)

        def write(leaf: Array, new: Array) -> Array:
            return leaf.at[slot].set(jnp.where(active, new, leaf[slot]))

        memory = jax.tree.map(write, state.memory, child)
        state, info = self.observe(state, problem, hyper, chosen, score)
        return state._replace(memory=memory), info


def run_epochs(
    keys: Array,
    problem: ProblemT,
    algorithm: MultiFidelitySearch[StateT, ProblemT],
    hyper: SearchHyper | None = None,
    *,
    epochs: int,
) -> tuple[StateT, EpochInfo]:
    """Run a search by epochs for each key, as one compiled scan.

    Args:
      keys: A random key, or keys[S], one for each search.
      problem: What to search.
      algorithm: Search, for instance `Hyperband()`.
      hyper: Hyperparameters; by default `default_hyper(epochs)`.
      epochs: Number of epochs. Steps past the end of a search change nothing.

    Returns:
      The states, and the trace, an `EpochInfo` with leaves [epochs], or [S, epochs].

    Raises:
      NmjaxError: `algorithm` is not a search by epochs, or there is more than one axis of keys.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import CurveTable, SuccessiveHalving, run_epochs
      >>> table = CurveTable(jnp.arange(20.0).reshape(5, 4))
      >>> keys, search = jax.random.split(jax.random.key(0), 2), SuccessiveHalving(width=4, eta=2)
      >>> run_epochs(keys, table, search, epochs=8)[1].epoch.tolist()[0]
      [1, 1, 1, 1, 2, 2, 3, 4]
    """
    if not isinstance(algorithm, MultiFidelitySearch):
        raise NmjaxError(
            f"Got {algorithm!r} as algorithm; give a search by epochs such as Hyperband()."
        )
    check_keys(keys, or_one=True)
    hyper = default_hyper(epochs) if hyper is None else hyper
    ended: tuple[StateT, EpochInfo] = _run(keys, problem, algorithm, hyper, epochs=epochs)
    return ended


@partial(jax.jit, static_argnames=("algorithm", "epochs"))
def _run(
    keys: Array,
    problem: ProblemT,
    algorithm: MultiFidelitySearch[StateT, ProblemT],
    hyper: SearchHyper,
    *,
    epochs: int,
) -> tuple[StateT, EpochInfo]:
    def one(key: Array) -> tuple[StateT, EpochInfo]:
        def step(state: StateT, _: None) -> tuple[StateT, EpochInfo]:
            return algorithm.step(state, problem, hyper)

        return jax.lax.scan(step, algorithm.init(key, problem, hyper), None, length=epochs)

    return jax.vmap(one)(keys) if keys.ndim else one(keys)
