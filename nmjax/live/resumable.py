"""Training by epochs within a search: each child is resumed where its training stopped."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import optax

from nmjax.live.data import Dataset
from nmjax.live.evaluation import LivePool, child_key
from nmjax.live.family import Family, option_of
from nmjax.live.joint import optimizer_configs, split_architecture
from nmjax.live.settings import TrainingConfig, make_optimizer
from nmjax.live.training import TrainState, train_epoch
from nmjax.spaces import Space
from nmjax.types import Array, PyTree

_Child = tuple[PyTree, tuple[PyTree, ...]]


@dataclass(frozen=True)
class LiveTraining:
    """The training of a search by epochs, such as `nmjax.search.Hyperband`.

    Give it to the search as `training=`, and a `LivePool` as its children. The weights and the
    optimizer's state of each child are kept, so a child that is resumed has the score of one that
    was trained without interruption, as `LiveEvaluation` trains it. It is traced: a whole search is
    one compiled call.

    Where the space has a choice `optimizer`, a child has a state of each optimizer and trains with
    its option. Searches side by side then train with each optimizer and keep one result.

    Attributes:
      family: Family of the children.
      space: The searched space: the family's own, or one of `training_space`.
      config: Static settings of training.

    Example:
      >>> from nmjax.live import LiveTraining, MLPFamily, TrainingConfig
      >>> from nmjax.search import Hyperband
      >>> family = MLPFamily(4, 3)
      >>> training = LiveTraining(family, family.space, TrainingConfig(epochs=9))
      >>> Hyperband(training=training).training.config.epochs
      9
    """

    family: Family
    space: Space
    config: TrainingConfig

    def epochs(self, pool: LivePool) -> int:
        """Number E of epochs of a whole training."""
        return pool.target.order.shape[0]

    def init(self, pool: LivePool, capacity: int) -> PyTree:
        """Memory of up to `capacity` children: weights, and a state of each optimizer."""
        like = jax.eval_shape(self._fresh, pool, jnp.zeros((), jnp.int32))
        return jax.tree.map(lambda leaf: jnp.zeros((capacity, *leaf.shape), leaf.dtype), like)

    def train(
        self, memory: PyTree, pool: LivePool, slot: Array, row: Array, done: Array
    ) -> tuple[PyTree, Array]:
        """Train the child in a slot int32[] of the memory for its next epoch.

        Returns:
          The child's part of the memory, and its score float[]; NaN if it diverged.
        """
        fresh = self._fresh(pool, row)
        child = jax.tree.map(lambda leaf, new: jnp.where(done == 0, new, leaf[slot]), memory, fresh)
        order, architecture = pool.target.order, pool.architectures[row]
        batches = order[jnp.minimum(done, len(order) - 1)]
        branches = [
            partial(self._train, index, _num_steps(pool)) for index in range(len(self._configs()))
        ]
        arguments = child, architecture, pool.target.data, batches
        if len(branches) == 1:
            return branches[0](*arguments)
        option = option_of(self.space, "optimizer", architecture)
        trained: tuple[PyTree, Array] = jax.lax.switch(option, branches, *arguments)
        return trained

    def _fresh(self, pool: LivePool, row: Array) -> _Child:
        """The child of a row before its first epoch."""
        architecture = pool.architectures[row]
        own, _ = split_architecture(self.space, self.family, architecture)
        params = self.family.init(child_key(pool.target, architecture), own)
        number = len(self._configs())
        optimizers = [self._optimizer(i, _num_steps(pool), architecture) for i in range(number)]
        return params, tuple(optimizer.init(params) for optimizer in optimizers)

    def _configs(self) -> list[TrainingConfig]:
        """The settings with each optimizer."""
        return optimizer_configs(self.space, self.config)

    def _optimizer(
        self, index: int, steps: int, architecture: Array
    ) -> optax.GradientTransformation:
        _, hyper = split_architecture(self.space, self.family, architecture)
        return make_optimizer(hyper, self._configs()[index], steps)

    def _train(
        self,
        index: int,
        steps: int,
        child: _Child,
        architecture: Array,
        data: Dataset,
        batches: Array,
    ) -> tuple[_Child, Array]:
        """Train by the optimizer of an index; the states of the others stay."""
        params, states = child
        own, _ = split_architecture(self.space, self.family, architecture)
        optimizer = self._optimizer(index, steps, architecture)
        state, (loss, score) = train_epoch(
            TrainState(params, states[index]), self.family, own, data, batches, optimizer
        )
        states = (*states[:index], state.opt_state, *states[index + 1 :])
        return (state.params, states), jnp.where(jnp.isfinite(loss), score, jnp.nan)


def _num_steps(pool: LivePool) -> int:
    """Number of minibatches of a whole training."""
    epochs, steps, _ = pool.target.order.shape
    return epochs * steps
