"""Atomic checkpoints of a pytree by Orbax; the newest one is kept."""

import hashlib
import itertools
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    """A restored checkpoint.

    Attributes:
      step: step at which it was saved.
      pytree: saved leaves, with the structure and sharding of `like`.

    Example:
      >>> from nmjax.experiments import Restored
      >>> Restored(3, {"x": 1.0}).step
      3
    """

    step: int
    pytree: PyTree


def fingerprint(config: Any) -> str:
    """Return a digest of a configuration and of the version of nmjax.

    Raises:
      NmjaxError: the configuration cannot be written as JSON.

    Example:
      >>> from nmjax.experiments import fingerprint
      >>> fingerprint({"rate": 0.1}) == fingerprint({"rate": 0.2})
      False
    """
    content = json.dumps([__version__, json_ready(config, "config")], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def save_checkpoint(
    folder: str | os.PathLike[str], step: int, pytree: PyTree, *, config: Any = None
) -> None:
    """Save `pytree` as the checkpoint of `step`, then delete the previous one.

    Args:
      folder: folder of the checkpoints of one run; created if missing.
      step: step, later than that of the checkpoint in the folder, if any.
      pytree: pytree of arrays, which may include typed PRNG keys.
      config: settings of the run, whose `fingerprint` is stored.

    Raises:
      NmjaxError: the folder holds a checkpoint of this step or a later one, or cannot be made or
        written to; the previous checkpoint is kept.

    Example:
      >>> import tempfile
      >>> import jax.numpy as jnp
      >>> from nmjax.experiments import restore_checkpoint, save_checkpoint
      >>> folder = tempfile.mkdtemp()
      >>> save_checkpoint(folder, 1, {"x": jnp.ones(2)})
      >>> restore_checkpoint(folder, {"x": jnp.zeros(2)}).pytree["x"].tolist()
      [1.0, 1.0]
    """
    import orbax.checkpoint as ocp

    make_checkpoint_folder(folder)
    latest = latest_step(folder)
    if latest is not None and step <= latest:
        raise NmjaxError(
            f"Got step {step}, but {folder} has a checkpoint of step {latest}: save a later step, "
            "or choose another folder."
        )
    leaves = jax.tree.leaves(pytree)
    arrays = {str(i): _raw(leaf) for i, leaf in enumerate(leaves) if np.size(leaf)}
    meta = {"fingerprint": fingerprint(config), "leaves": _describe(pytree)}
    with _refuse_unwritable(folder, step), _manager(folder) as manager:
        manager.save(
            step,
            args=ocp.args.Composite(
                arrays=ocp.args.StandardSave(arrays), meta=ocp.args.JsonSave(meta)
            ),
        )


def restore_checkpoint(
    folder: str | os.PathLike[str], like: PyTree, *, config: Any = None
) -> Restored:
    """Restore the newest checkpoint of a folder; `latest_step` returns whether there is one.

    Args:
      folder: folder given to `save_checkpoint`.
      like: pytree of arrays or `jax.ShapeDtypeStruct` with the structure, shapes, dtypes and
        sharding of the result; NumPy arrays are restored as NumPy arrays.
      config: settings given to `save_checkpoint`.

    Raises:
      NmjaxError: there is no checkpoint, it is damaged, it was saved with another configuration or
        version of nmjax, or its structure, shapes or dtypes differ from those of `like`.

    Example:
      >>> import tempfile
      >>> import jax.numpy as jnp
      >>> from nmjax.experiments import restore_checkpoint, save_checkpoint
      >>> folder = tempfile.mkdtemp()
      >>> save_checkpoint(folder, 7, jnp.arange(3))
      >>> restore_checkpoint(folder, jnp.zeros(3, jnp.int32)).step
      7
    """
    import orbax.checkpoint as ocp

    step = latest_step(folder)
    if step is None:
        raise NmjaxError(
            f"{folder} has no complete checkpoint: save one first, or correct the path."
        )
    leaves, structure = jax.tree.flatten(like)
    with _manager(folder) as manager, _refuse_damaged(folder):
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
    restored = [_as_saved(arrays.get(str(i)), leaf) for i, leaf in enumerate(leaves)]
    return Restored(step, jax.tree.unflatten(structure, restored))


def make_checkpoint_folder(folder: str | os.PathLike[str]) -> None:
    """Create the folder of a run's checkpoints, so that errors come before the run.

    Raises:
      NmjaxError: the folder cannot be made or written to.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise NmjaxError(
            f"The folder of checkpoints cannot be made or written to ({error}): give another one."
        ) from error


def latest_step(folder: str | os.PathLike[str]) -> int | None:
    """Return the step of a folder's newest complete checkpoint, None if it has none.

    Example:
      >>> from nmjax.experiments import latest_step
      >>> latest_step("no-such-folder") is None
      True
    """
    folder = Path(folder)
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    from orbax.checkpoint.utils import checkpoint_steps

    return max(checkpoint_steps(folder), default=None)


@contextmanager
def _refuse_unwritable(folder: str | os.PathLike[str], step: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Orbax and TensorStore raise plain Exceptions.
        raise NmjaxError(
            f"The checkpoint of step {step} cannot be written to {folder} ({_last_reason(error)}): "
            "free space or fix the permissions, then resume the run; the checkpoint before is kept."
        ) from error


def _last_reason(error: Exception) -> str:
    """Return the end of a message, where TensorStore names the cause."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= 120 else f"...{lines[0][-117:]}"


@contextmanager
def _refuse_damaged(folder: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except NmjaxError:
        raise
    except Exception as error:  # Orbax and TensorStore raise plain Exceptions.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise NmjaxError(
            f"The checkpoint in {folder} is damaged ({reason:.120}): restore the folder from a "
            "copy, or choose another folder to begin anew."
        ) from error


def _manager(folder: str | os.PathLike[str]) -> Any:
    import orbax.checkpoint as ocp

    options = ocp.CheckpointManagerOptions(
        preservation_policy=ocp.checkpoint_managers.LatestN(1), enable_async_checkpointing=False
    )
    return ocp.CheckpointManager(Path(folder).absolute(), options=options)


def _describe(pytree: PyTree) -> list[str]:
    """Describe each leaf by its path, dtype and shape."""
    return [
        f"{jax.tree_util.keystr(path)} {_dtype(leaf)}{list(np.shape(leaf))}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(pytree)
    ]


def _check_leaves(folder: str | os.PathLike[str], saved: list[str], wanted: list[str]) -> None:
    for ours, theirs in itertools.zip_longest(saved, wanted, fillvalue="nothing"):
        if ours != theirs:
            raise NmjaxError(
                f"{folder} holds {ours} where {theirs} was expected: restore it like the pytree "
                "that was saved, or choose another folder."
            )


def _dtype(leaf: Any) -> Any:
    return leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype


def is_key(leaf: Any) -> bool:
    """Return whether a leaf is an array of typed PRNG keys."""
    return bool(jnp.issubdtype(_dtype(leaf), jax.dtypes.prng_key))


def _raw(leaf: Any) -> Any:
    """Return what Orbax can write: key data for typed keys, arrays for numbers."""
    if is_key(leaf):
        return jax.random.key_data(leaf)
    return leaf if isinstance(leaf, jax.Array) else np.asarray(leaf)


def _target(leaf: Any) -> Any:
    """Return the target that Orbax restores to, for a leaf that may be abstract."""
    if not isinstance(leaf, jax.Array | jax.ShapeDtypeStruct):
        return np.asarray(leaf)
    sharding = leaf.sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    if is_key(leaf):
        leaf = jax.eval_shape(jax.random.key_data, leaf)
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _as_saved(raw: Any, leaf: Any) -> Any:
    """Return a leaf as it was saved; arrays without elements were not saved and are created."""
    if raw is None:
        return jnp.zeros(leaf.shape, leaf.dtype)
    if is_key(leaf):
        return jax.random.wrap_key_data(raw, impl=jax.random.key_impl(jnp.empty((), leaf.dtype)))
    return raw
