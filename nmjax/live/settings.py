"""The settings of training: static ones, traced ones, and what follows from them."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError, unknown_name
from nmjax.types import Array

_OPTIMIZERS = ("adamw", "sgd")
_SCHEDULES = ("constant", "cosine")


class TrainingHyper(NamedTuple):
    """The traced numbers of training, one for all children or one each.

    Attributes:
      learning_rate: float[] or float[N], initial learning rate.
      weight_decay: float[] or float[N], decoupled weight decay, times the learning rate.
      momentum: float[] or float[N], decay of the gradient's running mean: Adam's first, or that of
        stochastic gradient descent.

    Example:
      >>> from nmjax.live import TrainingHyper
      >>> TrainingHyper(learning_rate=0.1).momentum
      0.9
    """

    learning_rate: ArrayLike = 1e-2
    weight_decay: ArrayLike = 0.0
    momentum: ArrayLike = 0.9


@dataclass(frozen=True)
class TrainingConfig:
    """The static settings of training.

    Attributes:
      optimizer: "adamw", or "sgd" with momentum and decoupled weight decay.
      epochs: Number E of passes over the training rows.
      batch_size: Rows of a minibatch; leftover rows of an epoch are skipped.
      schedule: "constant", or "cosine" decay of the learning rate to 0.
      chunk: Number of children that train side by side. Memory grows with it; chunks follow one
        another in the same compiled call.
      size_groups: Largest number of groups of similar size that children of a `Family` are sorted
        into. Children compute the largest network of their group instead of their family's. Each
        group is compiled separately and trains in its own chunks.

    Raises:
      NmjaxError: A name is unknown, or a number is not positive.

    Example:
      >>> from nmjax.live import TrainingConfig
      >>> TrainingConfig(epochs=5).batch_size
      32
    """

    optimizer: Literal["adamw", "sgd"] = "adamw"
    epochs: int = 10
    batch_size: int = 32
    schedule: Literal["constant", "cosine"] = "cosine"
    chunk: int = 64
    size_groups: int = 1

    def __post_init__(self) -> None:
        if self.optimizer not in _OPTIMIZERS:
            raise unknown_name("optimizer", self.optimizer, _OPTIMIZERS)
        if self.schedule not in _SCHEDULES:
            raise unknown_name("schedule", self.schedule, _SCHEDULES)
        for name in ("epochs", "batch_size", "chunk", "size_groups"):
            if getattr(self, name) < 1:
                raise NmjaxError(f"Got {name}={getattr(self, name)}; give 1 or more.")


def broadcast_hyper(hyper: TrainingHyper, size: int) -> TrainingHyper:
    """Numbers float[N] of N children, from one number for all or one for each.

    Raises:
      NmjaxError: A number has another shape.
    """
    numbers = {}
    for name, value in hyper._asdict().items():
        number = jnp.asarray(value, jnp.float32)
        if number.shape not in ((), (size,)):
            raise NmjaxError(
                f"Got {name} of shape {list(number.shape)} for {size} children; give one number, "
                "or one for each child."
            )
        numbers[name] = jnp.broadcast_to(number, (size,))
    return TrainingHyper(**numbers)


def make_optimizer(
    hyper: TrainingHyper, config: TrainingConfig, steps: int
) -> optax.GradientTransformation:
    """The Optax optimizer of the settings, whose schedule ends after `steps` steps.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.live import TrainingConfig, TrainingHyper, make_optimizer
      >>> optimizer = make_optimizer(TrainingHyper(), TrainingConfig(), 100)
      >>> len(optimizer.init(jnp.zeros(3)))
      3
    """
    rate: optax.ScalarOrSchedule = hyper.learning_rate
    if config.schedule == "cosine":
        rate = optax.cosine_decay_schedule(hyper.learning_rate, steps)
    if config.optimizer == "adamw":
        return optax.adamw(rate, b1=hyper.momentum, weight_decay=hyper.weight_decay)
    return optax.chain(
        optax.trace(decay=hyper.momentum),
        optax.add_decayed_weights(hyper.weight_decay),
        optax.scale_by_learning_rate(rate),
    )


def batch_order(order_key: Array, num_rows: int, config: TrainingConfig) -> Array:
    """The rows int32[E, S, B] of each minibatch: a new permutation in each epoch.

    Example:
      >>> import jax
      >>> from nmjax.live import TrainingConfig, batch_order
      >>> batch_order(jax.random.key(0), 100, TrainingConfig(epochs=2, batch_size=30)).shape
      (2, 3, 30)
    """
    size = min(config.batch_size, num_rows)
    steps = num_rows // size
    keys = jax.random.split(order_key, config.epochs)
    rows = jax.vmap(jax.random.permutation, in_axes=(0, None))(keys, num_rows)
    return rows[:, : steps * size].reshape(config.epochs, steps, size)
