"""Train one child of a family."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.live.data import Dataset, Rows, accuracy, cross_entropy
from nmjax.live.family import TrainableFamily
from nmjax.live.settings import (
    TrainingConfig,
    TrainingHyper,
    make_optimizer,
)
from nmjax.optimize import descend
from nmjax.types import Array, PyTree


class TrainingResult(NamedTuple):
    """Measurements of a training; NaN from the epoch in which the child diverged.

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


class TrainState(NamedTuple):
    """A child in training: its weights, and the state of its optimizer."""

    params: PyTree
    opt_state: PyTree


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
    """Train one child. Pure; all arguments but the family and the settings may be traced.

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

    def epoch(state: TrainState, batches: Array) -> tuple[TrainState, tuple[Array, Array]]:
        return train_epoch(state, family, architecture, data, batches, optimizer)

    params = family.init(key, architecture)
    start = TrainState(params, optimizer.init(params))
    end, (train_loss, curve) = jax.lax.scan(epoch, start, order)
    # A child that has diverged once stays so: its weights are not finite.
    diverged = jnp.cumsum(~(jnp.isfinite(train_loss) & jnp.isfinite(curve))) > 0
    curve = jnp.where(diverged, jnp.nan, curve)
    test_score = accuracy(family.apply(end.params, architecture, data.test.x), data.test.y)
    test_score = jnp.where(diverged[-1], jnp.nan, test_score)
    train_loss = jnp.where(diverged, jnp.nan, train_loss)
    return TrainingResult(curve[-1], test_score, train_loss, curve, end.params)


def train_epoch(
    state: TrainState,
    family: TrainableFamily,
    architecture: Array,
    data: Dataset,
    batches: Array,
    optimizer: optax.GradientTransformation,
) -> tuple[TrainState, tuple[Array, Array]]:
    """Train a child on the minibatches int32[S, B] of an epoch.

    Returns:
      The state, the mean loss float[] of the minibatches, and the accuracy float[] on the selection
      rows after the epoch.
    """

    def loss(params: PyTree, rows: Rows) -> Array:
        return cross_entropy(family.apply(params, architecture, rows.x), rows.y)

    def step(state: TrainState, batch: Array) -> tuple[TrainState, Array]:
        rows = Rows(data.train.x[batch], data.train.y[batch])
        value, gradient = jax.value_and_grad(loss)(state.params, rows)
        params, opt_state, _ = descend(optimizer, gradient, state.opt_state, state.params)
        return TrainState(params, opt_state), value

    state, losses = jax.lax.scan(step, state, batches)
    logits = family.apply(state.params, architecture, data.selection.x)
    return state, (jnp.mean(losses), accuracy(logits, data.selection.y))
