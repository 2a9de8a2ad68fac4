"""Real training as the evaluation of a search: traced, so that it runs within the search's step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.knowledge import MetaKnowledge
from nmjax.live.data import Dataset
from nmjax.live.family import Family, option_of
from nmjax.live.joint import optimizer_configs, split_architecture
from nmjax.live.settings import TrainingConfig, batch_order
from nmjax.live.training import train_child
from nmjax.predictors import FailureRates, Pool, PoolPrior
from nmjax.search import LearnedComponent, Problem
from nmjax.spaces import Space, has_flat_index, pool_neighbors
from nmjax.types import Array


class LiveTarget(NamedTuple):
    """The task on which a search trains its children.

    Attributes:
      key: Random key, from which each architecture's own initial weights follow.
      order: int32[E, S, B], the rows of each minibatch, the same for all children.
      data: Rows of the task.

    Example:
      >>> import jax
      >>> from nmjax.live import TrainingConfig, load_task, make_target
      >>> target = make_target(jax.random.key(0), load_task("iris").data, TrainingConfig())
      >>> target.data.train.x.shape
      (90, 4)
    """

    key: Array
    order: Array
    data: Dataset


class LivePool(NamedTuple):
    """A pool whose scores come from training, for searches without a model (`RandomSearch`).

    Attributes:
      score: float[N], all NaN; only its size is read.
      neighbors: int32[N, J], rows one choice away, as in `nmjax.Problem`.
      architectures: int32[N, C].
      target: Task to train on.

    Example:
      >>> from nmjax.live import LivePool
      >>> LivePool._fields
      ('score', 'neighbors', 'architectures', 'target')
    """

    score: Array
    neighbors: Array | None
    architectures: Array
    target: LiveTarget


class LiveProblem(NamedTuple):
    """A `nmjax.Problem` whose scores are trained: its fields, the architectures and the target.

    Attributes:
      score: float[N], all NaN; only its size is read.
      pool: As in `nmjax.Problem`.
      prior: As in `nmjax.Problem`.
      log_weights: As in `nmjax.Problem`.
      past_mean: As in `nmjax.Problem`.
      cost: As in `nmjax.Problem`.
      neighbors: As in `nmjax.Problem`.
      knowledge: As in `nmjax.Problem`.
      paths: As in `nmjax.Problem`.
      parts: As in `nmjax.Problem`.
      failures: As in `nmjax.Problem`.
      portfolio: As in `nmjax.Problem`.
      feasibility: As in `nmjax.Problem`.
      learned: As in `nmjax.Problem`.
      architectures: int32[N, C].
      target: Task to train on.

    Example:
      >>> from nmjax.live import LiveProblem
      >>> LiveProblem._fields[-2:]
      ('architectures', 'target')
    """

    score: Array
    pool: Pool
    prior: PoolPrior
    log_weights: Array
    past_mean: Array
    cost: Array
    neighbors: Array | None
    knowledge: MetaKnowledge | None
    paths: Array | None
    parts: Array | None
    failures: FailureRates | None
    portfolio: Array | None
    feasibility: Array | None
    learned: tuple[LearnedComponent, ...]
    architectures: Array
    target: LiveTarget


def make_target(key: Array, data: Dataset, config: TrainingConfig) -> LiveTarget:
    """Return the target of a task. Searches with the same target train the same children.

    Example:
      >>> import jax
      >>> from nmjax.live import TrainingConfig, load_task, make_target
      >>> config = TrainingConfig(epochs=3)
      >>> make_target(jax.random.key(0), load_task("iris").data, config).order.shape
      (3, 2, 32)
    """
    init_key, order_key = jax.random.split(key)
    return LiveTarget(init_key, batch_order(order_key, len(data.train.y), config), data)


def live_pool(space: Space, architectures: Array, target: LiveTarget) -> LivePool:
    """Return the pool of architectures int32[N, C] of a space, to be trained on a target.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import TrainingConfig, live_pool, load_task, make_target
      >>> from nmjax.spaces import Space
      >>> target = make_target(jax.random.key(0), load_task("iris").data, TrainingConfig())
      >>> live_pool(Space(depth=[1, 2]), jnp.array([[0], [1]]), target).neighbors.tolist()
      [[1], [0]]
    """
    rows = jnp.asarray(architectures, jnp.int32)
    neighbors = pool_neighbors(space, rows) if has_flat_index(space) else None
    return LivePool(jnp.full((len(rows),), np.nan), neighbors, rows, target)


def live_problem(problem: Problem, architectures: Array, target: LiveTarget) -> LiveProblem:
    """Return a problem whose evaluations train its architectures int32[N, C] on a target.

    Args:
      problem: Problem that `nmjax.make_problem` makes from these architectures, without scores.
      architectures: The pool that the problem was made from.
      target: Task to train on.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.live import TrainingConfig, live_problem, load_task, make_target
      >>> from nmjax.search import make_problem
      >>> from nmjax.spaces import Space
      >>> space, rows = Space(depth=[1, 2]), jnp.array([[0], [1]])
      >>> target = make_target(jax.random.key(0), load_task("iris").data, TrainingConfig())
      >>> problem = make_problem(space, rows, None, default_knowledge(space))
      >>> live_problem(problem, rows, target).architectures.shape
      (2, 1)
    """
    unknown = problem._replace(score=jnp.full_like(problem.score, np.nan))
    return LiveProblem(*unknown, jnp.asarray(architectures, jnp.int32), target)


def child_key(target: LiveTarget, architecture: Array) -> Array:
    """Return the key of the initial weights of an architecture int32[C] on a target."""
    key = target.key
    for choice in range(architecture.shape[0]):
        key = jax.random.fold_in(key, architecture[choice])
    return key


@dataclass(frozen=True)
class LiveEvaluation:
    """The evaluation of a search that trains a child and returns its score.

    Give it to any search as `evaluate=`. It is traced: a whole search with its trainings is one
    compiled call. A problem with a `target` is required: `LivePool`, `LiveProblem`, or a
    `SpaceProblem` for `SpaceSearch`. The result of an architecture does not depend on the search.

    Where the space has a choice `optimizer`, the child trains with its option. Searches side by
    side (`run_batch`) then train with each optimizer and keep one result, at that cost.

    Attributes:
      family: Family of the children.
      space: The searched space: the family's own, or one of `training_space`.
      config: Static settings of training.

    Example:
      >>> from nmjax.live import LiveEvaluation, MLPFamily, TrainingConfig
      >>> from nmjax.search import RandomSearch
      >>> family = MLPFamily(4, 3)
      >>> evaluate = LiveEvaluation(family, family.space, TrainingConfig(epochs=3))
      >>> RandomSearch(evaluate=evaluate).evaluate.config.epochs
      3
    """

    family: Family
    space: Space
    config: TrainingConfig

    def __call__(self, problem: Any, index: Array) -> Array:
        """Score float[] of a row int32[] of the problem's pool, or of an architecture int32[C]."""
        target: LiveTarget = problem.target
        architecture = problem.architectures[index] if index.ndim == 0 else index
        key = child_key(target, architecture)
        rows = (target.order, target.data)
        configs = optimizer_configs(self.space, self.config)
        if len(configs) == 1:
            return self._score(key, *rows, architecture, configs[0])
        # Searches side by side follow every branch, so each makes a key of its own from the bits.
        bits, kind = jax.random.key_data(key), jax.random.key_impl(key)

        def train_by(config: TrainingConfig) -> Callable[[Array, Array, Dataset, Array], Array]:
            return lambda bits, order, data, own: self._score(
                jax.random.wrap_key_data(bits, impl=kind), order, data, own, config
            )

        branches = [train_by(config) for config in configs]
        option = option_of(self.space, "optimizer", architecture)
        score: Array = jax.lax.switch(option, branches, bits, *rows, architecture)
        return score

    def _score(
        self, key: Array, order: Array, data: Dataset, architecture: Array, config: TrainingConfig
    ) -> Array:
        own, hyper = split_architecture(self.space, self.family, architecture)
        return train_child(key, self.family, own, data, order, hyper, config=config).score
