"""Long runs in compiled chunks, with progress, checkpoints and resumption between chunks."""

import os
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.experiments.checkpoint import (
    latest_step,
    make_checkpoint_folder,
    restore_checkpoint,
    save_checkpoint,
)
from nmjax.experiments.progress import Progress, SilentProgress
from nmjax.experiments.sharding import to_host
from nmjax.types import PyTree


def run_chunked(
    step_chunk: Callable[[PyTree, int], tuple[PyTree, PyTree]],
    state: PyTree,
    *,
    num_chunks: int,
    axis: int = 0,
    folder: str | os.PathLike[str] | None = None,
    config: Any = None,
    interval: float = 0.0,
    unsaved: float = 0.0,
    save_last: bool = True,
    info_like: PyTree | None = None,
    progress: Progress | None = None,
    stage: str = "search",
) -> tuple[PyTree, PyTree]:
    """Run `step_chunk` `num_chunks` times and concatenate its infos.

    With a folder, the state and the infos so far are saved between chunks, and a run that finds a
    checkpoint continues from it, with the same bits as an uninterrupted run. A finished run is
    read back, or extended if more chunks are requested.

    Args:
      step_chunk: compiled pure function (state, chunk index) -> (state, info); the leaves of info
        have the chunk's steps along `axis`.
      state: state before the first chunk.
      num_chunks: total number of chunks, including those already saved.
      axis: axis of the steps in the leaves of info: 0 for a scan, 1 for a vmapped scan.
      folder: folder for the checkpoints of this run; None saves nothing.
      config: settings of the run, which must equal those of a checkpoint to continue from.
      interval: least seconds between two checkpoints.
      unsaved: seconds of work before this run that no checkpoint holds; they count as part of the
        first interval.
      save_last: whether the last chunk is saved even if it ends within the interval.
      info_like: shapes and dtypes of one chunk's info, a pytree, needed if `step_chunk` cannot
        be traced because it is compiled ahead of time.
      progress: progress display; None draws nothing.
      stage: name of the stage on the display.

    Returns:
      The final state, and the infos as NumPy arrays on the host, concatenated along `axis`.

    Raises:
      NmjaxError: there is nothing to run, the folder holds another run or a longer one, or it
        cannot be written to.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.experiments import run_chunked
      >>> @jax.jit
      ... def step_chunk(state, chunk):
      ...     return jax.lax.scan(lambda x, _: (x + 1, x), state, None, length=2)
      >>> state, info = run_chunked(step_chunk, jnp.zeros(()), num_chunks=3)
      >>> info.tolist()
      [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    if num_chunks < 1:
        raise NmjaxError(f"Got num_chunks={num_chunks}; give at least 1.")
    progress = SilentProgress() if progress is None else progress
    done, infos = 0, None
    if folder is not None and (saved := latest_step(folder)) is not None:
        if saved > num_chunks:
            raise NmjaxError(
                f"{folder} holds {saved} chunks, more than num_chunks={num_chunks}: give at least "
                f"{saved}, or choose another folder."
            )
        info_like = jax.eval_shape(step_chunk, state, 0)[1] if info_like is None else info_like
        like = (state, _infos_like(info_like, saved, axis))
        restored = restore_checkpoint(folder, like, config=config)
        done, (state, infos) = restored.step, restored.pytree

    if folder is not None and done < num_chunks:
        make_checkpoint_folder(folder)

    def join(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        return np.concatenate([before, after], axis)

    progress.update(stage, done, num_chunks)
    saved_at = time.monotonic() - unsaved
    for chunk in range(done, num_chunks):
        state, info = step_chunk(state, chunk)
        info = jax.tree.map(to_host, info)
        infos = info if infos is None else jax.tree.map(join, infos, info)
        last = chunk + 1 == num_chunks
        due = time.monotonic() - saved_at >= interval
        if folder is not None and (due or (last and save_last)):
            save_checkpoint(folder, chunk + 1, (state, infos), config=config)
            saved_at = time.monotonic()
        progress.update(stage, chunk + 1, num_chunks)
    return state, infos


def _infos_like(info_like: PyTree, chunks: int, axis: int) -> PyTree:
    """Return arrays with the shapes of the infos of `chunks` chunks."""

    def longer(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        shape = list(leaf.shape)
        shape[axis] *= chunks
        return np.empty(shape, leaf.dtype)

    return jax.tree.map(longer, info_like)
