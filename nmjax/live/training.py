"""Train children of a family: one, or hundreds of different ones in one compiled call."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from nmjax.live.data import Dataset, Rows, accuracy, check_fits, cross_entropy
from nmjax.live.family import Family, TrainableFamily, check_children
from nmjax.live.groups import CroppedFamily, split_by_size
from nmjax.live.settings import (
    TrainingConfig,
    TrainingHyper,
    batch_order,
    broadcast_hyper,
    make_optimizer,
)
from nmjax.optimize import descend
from nmjax.types import Array, PyTree

_Group = tuple[TrainableFamily, np.ndarray]
_Children = tuple[Array, Array, TrainingHyper]


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
    rows = check_children(family, architectures)
    own = broadcast_hyper(hyper, len(rows))
    groups: Sequence[_Group] = [(family, np.arange(len(rows)))]
    if config.size_groups > 1:
        groups = split_by_size(family, np.asarray(rows), config.size_groups)
    children = (jnp.arange(len(rows), dtype=jnp.int32), rows, own)
    return train_groups(key, groups, children, data, config=config, keep_params=keep_params)


def train_groups(
    key: Array,
    groups: Sequence[_Group],
    children: _Children,
    data: Dataset,
    *,
    config: TrainingConfig,
    keep_params: bool,
) -> TrainingResult:
    """Train children as `train_children` does, each with the family of its group.

    Args:
      key: Random key.
      groups: For each group its family and the places int[n] of its children.
      children: Numbers int32[N], from which initial keys follow, architectures int32[N, C], and
        training numbers float[N].
      data: Rows of the task.
      config: Static settings.
      keep_params: Whether to return the weights.
    """
    check_fits(groups[-1][0], children[1].shape[1], data)
    size = len(children[0])
    chunk = min(config.chunk, size)
    places = np.full((len(groups), -(-size // chunk) * chunk), size, np.int32)
    for row, (_, members) in zip(places, groups, strict=True):
        row[: len(members)] = members
    counts = np.array([-(-len(members) // chunk) for _, members in groups], np.int32)
    trained: TrainingResult = _train(
        key,
        children,
        jnp.asarray(places.reshape(len(groups), -1, chunk)),
        jnp.asarray(counts),
        data,
        families=tuple(family for family, _ in groups),
        config=config,
        keep=keep_params,
    )
    return trained


@partial(jax.jit, static_argnames=("families", "config", "keep"))
def _train(
    key: Array,
    children: _Children,
    places: Array,
    counts: Array,
    data: Dataset,
    *,
    families: tuple[TrainableFamily, ...],
    config: TrainingConfig,
    keep: bool,
) -> TrainingResult:
    """Train the children at places int32[G, K, M], K chunks a group, the first `counts` of them.

    Places beyond the number of children repeat the last child, without effect on the result.
    """
    init_key, order_key = jax.random.split(key)
    order = batch_order(order_key, len(data.train.y), config)

    def train_chunk(family: TrainableFamily, rows: Array) -> TrainingResult:
        def one(child: _Children) -> TrainingResult:
            number, architecture, own = child
            own_key = jax.random.fold_in(init_key, number)
            return train_child(own_key, family, architecture, data, order, own, config=config)

        result = jax.vmap(one)(jax.tree.map(lambda leaf: leaf.at[rows].get(mode="clip"), children))
        if not keep:
            return result._replace(params=None)
        if isinstance(family, CroppedFamily):
            return result._replace(params=family.pad(result.params))
        return result

    def add_chunk(
        number: Array, trained: TrainingResult, family: TrainableFamily, rows: Array
    ) -> TrainingResult:
        found = train_chunk(family, rows[number])
        added: TrainingResult = jax.tree.map(
            lambda all_, own: all_.at[rows[number]].set(own, mode="drop"), trained, found
        )
        return added

    trained = _empty_result(families[-1], children[1], config.epochs, keep)
    for family, rows, count in zip(families, places, counts, strict=True):
        add = partial(add_chunk, family=family, rows=rows)
        trained = jax.lax.fori_loop(0, count, add, trained)
    return trained


def _empty_result(
    family: TrainableFamily, architectures: Array, epochs: int, keep: bool
) -> TrainingResult:
    size = len(architectures)
    params = None
    if keep:
        whole = family.family if isinstance(family, CroppedFamily) else family
        shapes = jax.eval_shape(whole.init, jax.random.key(0), architectures[0])
        params = jax.tree.map(lambda leaf: jnp.zeros((size, *leaf.shape), leaf.dtype), shapes)
    once, each = jnp.zeros((size,), jnp.float32), jnp.zeros((size, epochs), jnp.float32)
    return TrainingResult(once, once, each, each, params)
