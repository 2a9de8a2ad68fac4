"""Lay a batch over all devices, of one process or of several.

A batch has a leading axis of independent entries, such as the keys of many searches. Sharding that
axis needs no communication while the entries run: each device computes its part, and
`gather_batch` brings the results to every host.
"""

from collections.abc import Callable

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from nmjax.experiments.checkpoint import is_key
from nmjax.types import Array, PyTree

AXIS = "batch"


def batch_mesh(size: int | None = None, *, local: bool = False) -> Mesh:
    """Return a mesh of one axis over the devices of all processes.

    Args:
      size: entries of the batch; within one process, no more devices than entries are used.
      local: use the devices of this process only.

    Example:
      >>> from nmjax.experiments import batch_mesh
      >>> batch_mesh(1).axis_names
      ('batch',)
    """
    devices = jax.local_devices() if local else jax.devices()
    if size is not None and (local or jax.process_count() == 1):
        devices = devices[: max(size, 1)]
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def shard_batch(batch: PyTree, mesh: Mesh) -> PyTree:
    """Lay the leading axis of every leaf over the devices of a mesh.

    Where the devices do not divide the batch, its last entry is repeated; `gather_batch` drops the
    repeats. With several processes, each must pass the same values.

    Args:
      batch: pytree of arrays [S, ...], which may include typed PRNG keys.
      mesh: mesh of one axis, from `batch_mesh`.

    Returns:
      The pytree with leaves [S', ...], S' the next multiple of the number of devices.

    Example:
      >>> import jax
      >>> from nmjax.experiments import batch_mesh, shard_batch
      >>> shard_batch(jax.random.split(jax.random.key(0), 3), batch_mesh(1)).shape
      (3,)
    """

    def pad(leaf: np.ndarray) -> np.ndarray:
        return np.concatenate([leaf, np.repeat(leaf[-1:], -len(leaf) % mesh.size, axis=0)])

    sharding = NamedSharding(mesh, PartitionSpec(mesh.axis_names[0]))
    return jax.tree.map(lambda leaf: _place(leaf, sharding, pad), batch)


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """Copy every leaf to all devices of a mesh; with several processes, each passes the same.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.experiments import batch_mesh, replicate
      >>> replicate(jnp.ones(2), batch_mesh(1)).is_fully_replicated
      True
    """
    sharding = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda leaf: _place(leaf, sharding, lambda array: array), tree)


def gather_batch(batch: PyTree, size: int | None = None) -> PyTree:
    """Bring a batch to every host as NumPy arrays.

    Args:
      batch: pytree of arrays [S', ...] without PRNG keys, sharded or not.
      size: S, number of leading entries to keep; all by default.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.experiments import batch_mesh, gather_batch, shard_batch
      >>> gather_batch(shard_batch(jnp.arange(3), batch_mesh()), 3).tolist()
      [0, 1, 2]
    """
    return jax.tree.map(lambda leaf: to_host(leaf)[:size], batch)


def to_host(leaf: Array) -> np.ndarray:
    """Return an array as NumPy, gathered from all processes if they share it."""
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        gathered: np.ndarray = multihost_utils.process_allgather(leaf, tiled=True)
        return gathered
    array: np.ndarray = np.asarray(leaf)
    return array


def _place(
    leaf: Array, sharding: NamedSharding, change: Callable[[np.ndarray], np.ndarray]
) -> Array:
    """Place a leaf, or the data of a leaf of typed keys; each process fills its own devices."""
    if is_key(leaf):
        data = _place(jax.random.key_data(leaf), sharding, change)
        keys: Array = jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
        return keys
    value = change(np.asarray(leaf))
    return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])
