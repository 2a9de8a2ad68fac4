"""What a peer gets to see: a suite, and of other tasks the past that our own methods learn from."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import encode, pool_rows
from nmjax.spaces.enumeration import ENUMERABLE
from nmjax.tasks import Suite, history_scores, leave_one_out, sample_history, scores


def sample_past(suite: Suite, *, seeds: int, history_size: int) -> tuple[np.ndarray, np.ndarray]:
    """What `benchmarks.transfer` lets our own methods learn from, each task left out in turn.

    Returns:
      Rows of the pool int32[T, S, T - 1, M] and their scores, float32; NaN is a failed evaluation.

    Raises:
      NmjaxError: the suite has one task only, or its pool is smaller than the history.
    """
    metric = suite.metric_info[suite.score_metric]
    shape = (len(suite.tasks), seeds, len(suite.tasks) - 1, history_size)
    rows, past = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for t, task in enumerate(suite.tasks):
        sources = leave_one_out(suite, task).sources
        for seed in range(seeds):
            _, key, _ = jax.random.split(jax.random.fold_in(jax.random.key(seed), t), 3)
            history = sample_history(key, suite, sources, history_size)
            rows[t, seed] = pool_rows(suite.space, suite.pool, history.architecture)
            past[t, seed] = history_scores(history, metric)
    return rows, past


def export_tasks(suite: Suite, folder: str | Path, *, seeds: int, history_size: int = 0) -> Path:
    """Write `<suite>.npz`, which needs no pickle: all that a peer gets to see.

    It holds, for C choices of at most O options, T tasks and N architectures of the pool:
    `choice_names` [C], `choice_kinds` [C] and `options` [C, O], text ("" is padding);
    `architectures` int32[N, C] and their `encoding` float32[N, D]; `lookup` int32[O_1, ..., O_C],
    the pool row of option indices, the same for isomorphic architectures and -1 where there is
    none; `scores` float32[T, N], higher is better, NaN a failed evaluation; and of `sample_past`,
    `past_rows` and `past_scores` [T, S, T - 1, M], or [T, S, 0, 0] where the history's size is 0.

    Raises:
      NmjaxError: the space has real-valued choices or more than ten million architectures; those
        of `sample_past`.
    """
    space = suite.space
    if space.reals or space.size > ENUMERABLE:
        raise NmjaxError(
            f"Space {space.name!r} has {len(space.reals)} real-valued choices and {space.size:,} "
            f"architectures, expected none and at most {ENUMERABLE:,}: a peer looks up all of them."
        )
    every = np.stack(np.unravel_index(np.arange(space.size), space.num_options), axis=-1)
    architecture = jnp.asarray(every, dtype=jnp.int32)
    lookup = np.asarray(pool_rows(space, suite.pool, architecture))
    options = np.full((space.num_choices, space.max_options), "", dtype="U64")
    for place, choice in enumerate(space.choices):
        options[place, : len(choice.options)] = [str(option) for option in choice.options]
    past = np.zeros((2, len(suite.tasks), seeds, 0, 0), np.int32)
    past_rows, past_scores = (
        sample_past(suite, seeds=seeds, history_size=history_size) if history_size else past
    )
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
