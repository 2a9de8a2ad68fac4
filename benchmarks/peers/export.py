"""Export of a suite, and of the past evaluations of other tasks, for a peer."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.evaluation.protocol import HISTORY_SIZE, past_history
from nmjax.spaces import encode, pool_rows
from nmjax.spaces.enumeration import ENUMERABLE
from nmjax.tasks import Suite, history_scores, scores


def sample_pasts(suite: Suite, *, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample the past evaluations of the protocol for each held-out task and seed.

    Returns:
      Rows of the pool int32[T, S, T - 1, M] and their scores, float32; NaN is a failed evaluation.

    Raises:
      NmjaxError: the suite has only one task, or its pool is smaller than M.
    """
    metric = suite.metric_info[suite.score_metric]
    shape = (len(suite.tasks), seeds, len(suite.tasks) - 1, HISTORY_SIZE)
    rows, past = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for t, seed in np.ndindex(shape[:2]):
        _, history = past_history(suite, suite.tasks[t], seed)
        rows[t, seed] = pool_rows(suite.space, suite.pool, history.architecture)
        past[t, seed] = history_scores(history, metric)
    return rows, past


def export_tasks(suite: Suite, folder: str | Path, *, seeds: int, transfer: bool = False) -> Path:
    """Write `<suite>.npz`, all that a peer receives, without pickle.

    It contains, for C choices of at most O options, T tasks and N architectures of the pool:
    `choice_names` [C], `choice_kinds` [C] and `options` [C, O], text ("" is padding);
    `architectures` int32[N, C] and their `encoding` float32[N, D]; `lookup` int32[O_1, ..., O_C],
    the pool row of option indices, the same for isomorphic architectures and -1 where there is
    none; `scores` float32[T, N], higher is better, NaN a failed evaluation; and `past_rows` and
    `past_scores` [T, S, T - 1, M] of `sample_pasts`, or [T, S, 0, 0] for a peer without transfer.

    Raises:
      NmjaxError: the space has real-valued choices or more than ten million architectures, or an
        error of `sample_pasts`.
    """
    space = suite.space
    if space.continuous or space.size > ENUMERABLE:
        raise NmjaxError(
            f"Space {space.name!r} has {len(space.continuous)} "
            f"real-valued choices and {space.size:,} "
            f"architectures, expected none and at most {ENUMERABLE:,}: a peer looks up all of them."
        )
    every = np.stack(np.unravel_index(np.arange(space.size), space.num_options), axis=-1)
    architecture = jnp.asarray(every, dtype=jnp.int32)
    lookup = np.asarray(pool_rows(space, suite.pool, architecture))
    options = np.full((space.num_choices, space.max_options), "", dtype="U64")
    for place, choice in enumerate(space.choices):
        options[place, : len(choice.options)] = [str(option) for option in choice.options]
    nothing = np.zeros((2, len(suite.tasks), seeds, 0, 0), np.int32)
    past_rows, past_scores = sample_pasts(suite, seeds=seeds) if transfer else nothing
    path = Path(folder) / f"{suite.name}.npz"
    np.savez(
        path,
        choice_names=np.array([choice.name for choice in space.choices]),
        choice_kinds=np.array([choice.kind for choice in space.choices]),
        options=options,
        architectures=suite.pool,
        encoding=np.asarray(encode(space, jnp.asarray(suite.pool))),
        lookup=lookup.reshape(space.num_options),
        scores=np.asarray(scores(suite)),
        past_rows=past_rows,
        past_scores=past_scores,
    )
    return path
