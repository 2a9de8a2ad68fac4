"""Train hundreds of different children in one compiled call, on one device or on many."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jax.typing import ArrayLike

from nmjax.live.data import Dataset, check_fits
from nmjax.live.family import Family, TrainableFamily, check_children
from nmjax.live.groups import CroppedFamily, split_by_size
from nmjax.live.settings import (
    TrainingConfig,
    TrainingHyper,
    batch_order,
    broadcast_hyper,
)
from nmjax.live.training import TrainingResult, train_child
from nmjax.types import Array

_Group = tuple[TrainableFamily, np.ndarray]
_Children = tuple[Array, Array, TrainingHyper]


def train_children(
    key: Array,
    family: Family,
    architectures: ArrayLike,
    data: Dataset,
    hyper: TrainingHyper | None = None,
    *,
    config: TrainingConfig | None = None,
    keep_params: bool = False,
    mesh: Mesh | None = None,
) -> TrainingResult:
    """Train children of different architectures together, in one compiled call.

    Child n starts from the key `fold_in(init_key, n)`, where `init_key, order_key = split(key)`;
    all children read the same minibatches. A child's result does not depend on the others. A
    second call with the same family, settings and shapes does not recompile.

    Args:
      key: Random key.
      family: Family of the children.
      architectures: int32[N, C].
      data: Rows of the task.
      hyper: Training numbers float[] or float[N]; the defaults of `TrainingHyper` if None.
      config: Static settings; the defaults of `TrainingConfig` if None.
      keep_params: Whether to return the weights.
      mesh: Devices to divide the children among, such as `nmjax.experiments.batch_mesh()`, which
        needs no communication; one device if None.

    Returns:
      A `TrainingResult` with the leading axis N, over the devices of the mesh.

    Raises:
      NmjaxError: An architecture does not belong to the family, the rows do not fit the family,
        or a number is neither a scalar nor of shape [N].

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
    return train_groups(
        key, groups, children, data, config=config, keep_params=keep_params, mesh=mesh
    )


def train_groups(
    key: Array,
    groups: Sequence[_Group],
    children: _Children,
    data: Dataset,
    *,
    config: TrainingConfig,
    keep_params: bool,
    mesh: Mesh | None = None,
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
      mesh: Devices to divide the children among; one device if None.
    """
    check_fits(groups[-1][0], children[1].shape[1], data)
    size, devices = len(children[0]), 1 if mesh is None else mesh.size
    block = -(-size // devices)
    repeated = jax.tree.map(lambda leaf: _repeat_last(leaf, devices * block), children)
    places, counts = _schedule([members for _, members in groups], devices, block, config.chunk)
    trained: TrainingResult = _train(
        key,
        repeated,
        jnp.asarray(places),
        jnp.asarray(counts),
        data,
        families=tuple(family for family, _ in groups),
        config=config,
        keep=keep_params,
        mesh=mesh,
    )
    if devices * block > size:
        trained = jax.tree.map(lambda leaf: leaf[:size], trained)
    return trained


def _repeat_last(leaf: Array, size: int) -> Array:
    missing = size - len(leaf)
    return jnp.concatenate([leaf, jnp.repeat(leaf[-1:], missing, axis=0)]) if missing else leaf


def _schedule(
    members: Sequence[np.ndarray], devices: int, block: int, chunk: int
) -> tuple[np.ndarray, np.ndarray]:
    """Plan the chunks of each device D, whose children are a block of N/D.

    Args:
      members: places int[n] of the children of each of G groups.
      devices: number of devices, D.
      block: number of children of a device.
      chunk: most children of a chunk.

    Returns:
      Places int32[D, G, K, M] within the blocks, K chunks of M, of which counts int32[D, G] are
      used; `block` where there is no child.
    """
    chunk = min(chunk, block)
    places = np.full((devices, len(members), -(-block // chunk) * chunk), block, np.int32)
    counts = np.zeros((devices, len(members)), np.int32)
    for device, group in np.ndindex(*counts.shape):
        own = members[group][members[group] // block == device] - device * block
        places[device, group, : len(own)] = own
        counts[device, group] = -(-len(own) // chunk)
    return places.reshape(devices, len(members), -1, chunk), counts


@partial(jax.jit, static_argnames=("families", "config", "keep", "mesh"))
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
    mesh: Mesh | None,
) -> TrainingResult:
    """Train the children at places int32[D, G, K, M] of D blocks, each block on its device."""

    def train(
        key: Array, children: _Children, places: Array, counts: Array, data: Dataset
    ) -> TrainingResult:
        arguments = key, children, places[0], counts[0], data
        return _train_block(*arguments, families=families, config=config, keep=keep)

    if mesh is None:
        return train(key, children, places, counts, data)
    block, whole = PartitionSpec(mesh.axis_names[0]), PartitionSpec()
    trained: TrainingResult = jax.shard_map(
        train,
        mesh=mesh,
        in_specs=(whole, block, block, block, whole),
        out_specs=block,
        check_vma=False,
    )(key, children, places, counts, data)
    return trained


def _train_block(
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
