"""Train children of a family: one, or hundreds of different ones in one compiled call."""

from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError, unknown_name
from nmjax.live.data import Dataset, Rows, accuracy, cross_entropy
from nmjax.live.family import Family, TrainableFamily
from nmjax.optimize import descend
from nmjax.types import Array, PyTree

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
      batch_size: Rows of a minibatch; those left over in an epoch are skipped in it.
      schedule: "constant", or "cosine" decay of the learning rate to 0.
      chunk: Number of children that train side by side. Memory grows with it; chunks follow one
        another in the same compiled call.

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

    def __post_init__(self) -> None:
        if self.optimizer not in _OPTIMIZERS:
            raise unknown_name("optimizer", self.optimizer, _OPTIMIZERS)
        if self.schedule not in _SCHEDULES:
            raise unknown_name("schedule", self.schedule, _SCHEDULES)
        for name in ("epochs", "batch_size", "chunk"):
            if getattr(self, name) < 1:
                raise NmjaxError(f"Got {name}={getattr(self, name)}; give 1 or more.")


class TrainingResult(NamedTuple):
    """What training measured; every number is NaN from the epoch on in which a child diverged.

    Attributes:
      score: float[...], accuracy on the selection rows after the last epoch.
      test_score: float[...], accuracy on the test rows after the last epoch.
      train_loss: float[..., E], mean loss of the minibatches of each epoch.
      curve: float[..., E], accuracy on the selection rows after each epoch.
      params: Weights after the last epoch, leaves with the same leading axes; None unless kept.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import TrainingResult
      >>> TrainingResult(jnp.ones(3), jnp.ones(3), jnp.ones((3, 5)), jnp.ones((3, 5))).params
    """

    score: Array
    test_score: Array
    train_loss: Array
    curve: Array
    params: PyTree = None


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


def train_child(
    key: Array,
    family: TrainableFamily,
    architecture: Array,
    data: Dataset,
    order: Array,
    hyper: TrainingHyper | None = None,
    *,
    config: TrainingConfig | None = None,
) -> TrainingResult:
    """Train one child: pure, and traced in everything but the family and the settings.

    Args:
      key: Random key of the initial weights.
      family: Family of the child.
      architecture: int32[C], may be traced.
      data: Rows of the task.
      order: int32[E, S, B], the rows of each minibatch, as `batch_order` makes them. Children with
        the same order train faster together, because they read the same rows.
      hyper: Numbers float[]; the defaults of `TrainingHyper` if None.
      config: Static settings; the defaults of `TrainingConfig` if None.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import MLPFamily, TrainingConfig, batch_order, load_task, train_child
      >>> family, child = MLPFamily(4, 3, widths=(4,), depths=(1,)), jnp.zeros(3, jnp.int32)
      >>> config, data = TrainingConfig(epochs=3), load_task("iris").data
      >>> init_key, order_key = jax.random.split(jax.random.key(0))
      >>> order = batch_order(order_key, len(data.train.y), config)
      >>> train_child(init_key, family, child, data, order, config=config).curve.shape
      (3,)
    """
    config = TrainingConfig() if config is None else config
    hyper = TrainingHyper() if hyper is None else hyper
    optimizer = make_optimizer(hyper, config, order.shape[0] * order.shape[1])

    def loss(params: PyTree, rows: Rows) -> Array:
        return cross_entropy(family.apply(params, architecture, rows.x), rows.y)

    def step(carry: PyTree, batch: Array) -> tuple[PyTree, Array]:
        params, opt_state = carry
        rows = Rows(data.train.x[batch], data.train.y[batch])
        value, gradient = jax.value_and_grad(loss)(params, rows)
        params, opt_state, _ = descend(optimizer, gradient, opt_state, params)
        return (params, opt_state), value

    def epoch(carry: PyTree, batches: Array) -> tuple[PyTree, tuple[Array, Array]]:
        carry, losses = jax.lax.scan(step, carry, batches)
        return carry, (jnp.mean(losses), score(carry[0], data.selection))

    def score(params: PyTree, rows: Rows) -> Array:
        return accuracy(family.apply(params, architecture, rows.x), rows.y)

    params = family.init(key, architecture)
    (params, _), (train_loss, curve) = jax.lax.scan(epoch, (params, optimizer.init(params)), order)
    # A child that has diverged once stays so: its weights are not finite.
    diverged = jnp.cumsum(~(jnp.isfinite(train_loss) & jnp.isfinite(curve))) > 0
    curve = jnp.where(diverged, jnp.nan, curve)
    test_score = jnp.where(diverged[-1], jnp.nan, score(params, data.test))
    train_loss = jnp.where(diverged, jnp.nan, train_loss)
    return TrainingResult(curve[-1], test_score, train_loss, curve, params)


def train_children(
    key: Array,
    family: Family,
    architectures: ArrayLike,
    data: Dataset,
    hyper: TrainingHyper | None = None,
    *,
    config: TrainingConfig | None = None,
    keep_params: bool = False,
) -> TrainingResult:
    """Train children of different architectures together, in one compiled call.

    Child n starts from the key `fold_in(init_key, n)`, where `init_key, order_key = split(key)`;
    all children read the same minibatches. A child's result does not depend on the others. Another
    call with the same family, settings and shapes compiles nothing.

    Args:
      key: Random key.
      family: Family of the children.
      architectures: int32[N, C].
      data: Rows of the task.
      hyper: Numbers float[] or float[N]; the defaults of `TrainingHyper` if None.
      config: Static settings; the defaults of `TrainingConfig` if None.
      keep_params: Whether to return the weights.

    Returns:
      A `TrainingResult` with the leading axis N.

    Raises:
      NmjaxError: The architectures are none of the family's, the rows do not fit the family, or a
        number is neither one nor N.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import MLPFamily, TrainingConfig, load_task, train_children
      >>> family = MLPFamily(4, 3, widths=(2, 8), depths=(1,))
      >>> children = jnp.array([[0, 0, 0], [0, 1, 1]])
      >>> result = train_children(jax.random.key(0), family, children, load_task("iris").data,
      ...                         config=TrainingConfig(epochs=3))
      >>> result.score.shape, result.curve.shape
      ((2,), (2, 3))
    """
    config = TrainingConfig() if config is None else config
    hyper = TrainingHyper() if hyper is None else hyper
    rows = _checked(family, architectures)
    own = TrainingHyper(*(_per_child(hyper, name, len(rows)) for name in hyper._fields))
    numbers = jnp.arange(len(rows), dtype=jnp.int32)
    return train_children_from(
        key, family, numbers, rows, data, own, config=config, keep_params=keep_params
    )


def train_children_from(
    key: Array,
    family: TrainableFamily,
    numbers: Array,
    architectures: Array,
    data: Dataset,
    hyper: TrainingHyper,
    *,
    config: TrainingConfig,
    keep_params: bool,
) -> TrainingResult:
    """Train children as `train_children` does those of the numbers int32[N], without its checks."""
    _check_rows(family, architectures[0], data)
    return _train(
        key, numbers, architectures, data, hyper, family=family, config=config, keep=keep_params
    )


@partial(jax.jit, static_argnames=("family", "config", "keep"))
def _train(
    key: Array,
    numbers: Array,
    architectures: Array,
    data: Dataset,
    hyper: TrainingHyper,
    *,
    family: TrainableFamily,
    config: TrainingConfig,
    keep: bool,
) -> TrainingResult:
    init_key, order_key = jax.random.split(key)
    order = batch_order(order_key, len(data.train.y), config)

    def one(child: tuple[Array, Array, TrainingHyper]) -> TrainingResult:
        number, architecture, own = child
        result = train_child(
            jax.random.fold_in(init_key, number),
            family,
            architecture,
            data,
            order,
            own,
            config=config,
        )
        return result if keep else result._replace(params=None)

    size = len(architectures)
    chunk = min(config.chunk, size)
    padded = jnp.arange(-(-size // chunk) * chunk, dtype=jnp.int32) % size
    children = (
        numbers[padded],
        architectures[padded],
        jax.tree.map(lambda leaf: leaf[padded], hyper),
    )
    chunks = jax.tree.map(lambda leaf: leaf.reshape(-1, chunk, *leaf.shape[1:]), children)
    found = jax.lax.map(jax.vmap(one), chunks)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:size], found)


def _checked(family: Family, architectures: ArrayLike) -> Array:
    rows = np.asarray(architectures)
    expected = family.space.num_choices
    if rows.ndim != 2 or not len(rows) or rows.shape[1] != expected:
        raise NmjaxError(
            f"Got architectures {list(rows.shape)}, expected int32[N, {expected}] of space "
            f"{family.space.name!r}: give one row of option indices for each child."
        )
    for row in rows:
        family.space.check_architecture(row)
    return jnp.asarray(rows, jnp.int32)


def _per_child(hyper: TrainingHyper, name: str, size: int) -> Array:
    number = jnp.asarray(getattr(hyper, name), jnp.float32)
    if number.shape not in ((), (size,)):
        raise NmjaxError(
            f"Got {name} of shape {list(number.shape)} for {size} children; give one number, or "
            "one for each child."
        )
    return jnp.broadcast_to(number, (size,))


def _check_rows(family: TrainableFamily, architecture: Array, data: Dataset) -> None:
    """Refuse rows that the family cannot read, or classes that it has no logits for."""
    try:
        params = jax.eval_shape(family.init, jax.random.key(0), architecture)
        logits = jax.eval_shape(family.apply, params, architecture, data.train.x)
    except TypeError as error:
        raise NmjaxError(
            f"Got rows with {data.train.x.shape[1:]} features, which {family} cannot read: make "
            "the family with the task's number of features."
        ) from error
    most = max(int(jnp.max(rows.y)) for rows in data)
    if most >= logits.shape[-1]:
        raise NmjaxError(
            f"Got class {most} for a family of {logits.shape[-1]} classes: make the family with "
            f"classes={most + 1} or more."
        )
