"""Checkpoints of a pytree, written by Orbax: whole or not at all, the newest kept."""

import hashlib
import itertools
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.experiments.results import json_ready
from nmjax.types import PyTree
from nmjax.version import __version__


class Restored(NamedTuple):
    """A checkpoint read back.

    Attributes:
      step: the step it was saved at.
      pytree: as saved, with the structure and sharding of what it was restored like.
    """

    step: int
    pytree: PyTree


def fingerprint(config: Any) -> str:
    """A digest of a configuration and of the version of nmjax.

    Raises:
      NmjaxError: if the configuration has no form in JSON.
    """
    content = json.dumps([__version__, json_ready(config, "config")], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def save_checkpoint(
    folder: str | os.PathLike, step: int, pytree: PyTree, *, config: Any = None
) -> None:
    """Save `pytree` as the checkpoint of `step`, and drop the one before once it is safe.

    Args:
      folder: made if missing; holds the checkpoints of one run.
      step: later than that of the checkpoint in the folder, if any.
      pytree: of arrays, typed PRNG keys among them.
      config: the run's settings; their `fingerprint` is stored.

    Raises:
      NmjaxError: if the folder holds a checkpoint of this step or a later one.
    """
    import orbax.checkpoint as ocp

    latest = latest_step(folder)
    if latest is not None and step <= latest:
        raise NmjaxError(
            f"Step {step} came, but {folder} has a checkpoint of step {latest}: save a later step, "
            "or choose another folder."
        )
    leaves = jax.tree.leaves(pytree)
    arrays = {str(i): _raw(leaf) for i, leaf in enumerate(leaves) if np.size(leaf)}
    meta = {"fingerprint": fingerprint(config), "leaves": _describe(pytree)}
    with _manager(folder) as manager:
        manager.save(
            step,
            args=ocp.args.Composite(
                arrays=ocp.args.StandardSave(arrays), meta=ocp.args.JsonSave(meta)
            ),
        )


def restore_checkpoint(folder: str | os.PathLike, like: PyTree, *, config: Any = None) -> Restored:
    """The newest checkpoint of a folder; ask `latest_step` first whether it has one.

    Args:
      folder: as given to `save_checkpoint`.
      like: a pytree of arrays or `jax.ShapeDtypeStruct` with the structure, shapes, dtypes and
        sharding wanted; where it holds a NumPy array, one is restored.
      config: as given to `save_checkpoint`.

    Raises:
      NmjaxError: if there is none, it was saved under another configuration or version of nmjax,
        or its structure, shapes or dtypes are not those of `like`.
    """
    import orbax.checkpoint as ocp

    step = latest_step(folder)
    if step is None:
        raise NmjaxError(f"{folder} has no whole checkpoint: save one first, or mend the path.")
    leaves, structure = jax.tree.flatten(like)
    with _manager(folder) as manager:
        meta = manager.restore(step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())).meta
        if meta["fingerprint"] != fingerprint(config):
            raise NmjaxError(
                f"{folder} holds a run of another configuration or version of nmjax: restore it "
                "with those, or choose another folder."
            )
        _check_leaves(folder, saved=meta["leaves"], wanted=_describe(like))
        targets = {str(i): _target(leaf) for i, leaf in enumerate(leaves) if np.size(leaf)}
        args = ocp.args.Composite(arrays=ocp.args.StandardRestore(targets))
        arrays = manager.restore(step, args=args).arrays
    restored = [_cooked(arrays.get(str(i)), leaf) for i, leaf in enumerate(leaves)]
    return Restored(step, jax.tree.unflatten(structure, restored))


def latest_step(folder: str | os.PathLike) -> int | None:
    """The step of a folder's newest whole checkpoint, None if it has none."""
    from orbax.checkpoint.utils import checkpoint_steps

    folder = Path(folder)
    return max(checkpoint_steps(folder), default=None) if folder.is_dir() else None


def _manager(folder: str | os.PathLike):
    import orbax.checkpoint as ocp

    options = ocp.CheckpointManagerOptions(
        preservation_policy=ocp.checkpoint_managers.LatestN(1), enable_async_checkpointing=False
    )
    return ocp.CheckpointManager(Path(folder).absolute(), options=options)


def _describe(pytree: PyTree) -> list[str]:
    """One line a leaf: its place, dtype and shape."""
    return [
        f"{jax.tree_util.keystr(path)} {_dtype(leaf)}{list(np.shape(leaf))}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(pytree)
    ]


def _check_leaves(folder: str | os.PathLike, saved: list[str], wanted: list[str]) -> None:
    for ours, theirs in itertools.zip_longest(saved, wanted, fillvalue="nothing"):
        if ours != theirs:
            raise NmjaxError(
                f"{folder} holds {ours} where {theirs} was expected: restore it like the pytree "
                "that was saved, or choose another folder."
            )


def _dtype(leaf: Any) -> Any:
    return leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(_dtype(leaf), jax.dtypes.prng_key)


def _raw(leaf: Any) -> Any:
    """What Orbax can write: key data for typed keys, arrays for numbers."""
    if _is_key(leaf):
        return jax.random.key_data(leaf)
    return leaf if isinstance(leaf, jax.Array) else np.asarray(leaf)


def _target(leaf: Any) -> Any:
    """What Orbax is to read, for a leaf that may be abstract."""
    if not isinstance(leaf, jax.Array | jax.ShapeDtypeStruct):
        return np.asarray(leaf)
    sharding = leaf.sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    if _is_key(leaf):
        leaf = jax.eval_shape(jax.random.key_data, leaf)
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _cooked(raw: Any, leaf: Any) -> Any:
    """A leaf as it was saved; arrays without elements were not, and are made anew."""
    if raw is None:
        return jnp.zeros(leaf.shape, leaf.dtype)
    if _is_key(leaf):
        return jax.random.wrap_key_data(raw, impl=jax.random.key_impl(jnp.empty((), leaf.dtype)))
    return raw
