"""Long runs as compiled chunks: the host draws progress, saves, and resumes between them."""

import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from nmjax.errors import NmjaxError
from nmjax.experiments.checkpoint import latest_step, restore_checkpoint, save_checkpoint
from nmjax.experiments.progress import Progress, SilentProgress
from nmjax.types import PyTree


def run_chunked(
    step_chunk: Callable[[PyTree, int], tuple[PyTree, PyTree]],
    state: PyTree,
    *,
    num_chunks: int,
    axis: int = 0,
    folder: str | os.PathLike | None = None,
    config: Any = None,
    progress: Progress | None = None,
    stage: str = "search",
) -> tuple[PyTree, PyTree]:
    """Run `step_chunk` `num_chunks` times and join its infos.

    With a folder, state and infos so far are saved after each chunk, and a run that finds some
    there goes on from them: same bits as a run that was never interrupted. A finished run is read
    back; asked for more chunks, it is extended.

    Args:
      step_chunk: compiled, pure (state, chunk index) -> (state, info); the leaves of info have the
        chunk's steps along `axis`.
      state: before the first chunk.
      num_chunks: how many chunks in all, those already saved included.
      axis: of the steps in the leaves of info: 0 for a scan, 1 for a vmapped one.
      folder: for checkpoints, one a run; None saves nothing.
      config: the run's settings, which a checkpoint must share to be gone on from.
      progress: told of each chunk; None draws nothing.
      stage: the name it is told.

    Returns:
      The final state, and the infos as NumPy arrays on the host, joined along `axis`.

    Raises:
      NmjaxError: if there is nothing to run, or the folder holds another run or a longer one.
    """
    if num_chunks < 1:
        raise NmjaxError(f"num_chunks={num_chunks} came; expected at least 1.")
    progress = SilentProgress() if progress is None else progress
    done, infos = 0, None
    if folder is not None and (saved := latest_step(folder)) is not None:
        if saved > num_chunks:
            raise NmjaxError(
                f"{folder} holds {saved} chunks, more than num_chunks={num_chunks}: ask for as "
                "many, or choose another folder."
            )
        like = (state, _infos_like(step_chunk, state, saved, axis))
        restored = restore_checkpoint(folder, like, config=config)
        done, (state, infos) = restored.step, restored.pytree

    def join(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        return np.concatenate([before, after], axis)

    progress.update(stage, done, num_chunks)
    for chunk in range(done, num_chunks):
        state, info = step_chunk(state, chunk)
        info = jax.tree.map(_to_host, info)
        infos = info if infos is None else jax.tree.map(join, infos, info)
        if folder is not None:
            save_checkpoint(folder, chunk + 1, (state, infos), config=config)
        progress.update(stage, chunk + 1, num_chunks)
    return state, infos


def _to_host(leaf: jax.Array) -> np.ndarray:
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        return multihost_utils.process_allgather(leaf, tiled=True)
    return np.asarray(leaf)


def _infos_like(step_chunk: Callable, state: PyTree, chunks: int, axis: int) -> PyTree:
    """Arrays of the infos' shapes after so many chunks."""

    def longer(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        shape = list(leaf.shape)
        shape[axis] *= chunks
        return np.empty(shape, leaf.dtype)

    return jax.tree.map(longer, jax.eval_shape(step_chunk, state, 0)[1])
