"""Past evaluations that are not uniform: of an optimizer, and with an unrelated task."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.search import (
    RegularizedEvolution,
    ScoreTable,
    run_batch,
)
from nmjax.spaces import pool_neighbors
from nmjax.tasks import Suite, make_history, sample_history, scores
from nmjax.types import Array, History

_BUDGET = 100


def evolved_history(key: Array, suite: Suite, tasks: Sequence[str], size: int) -> History:
    """Sample past evaluations from searches by regularized evolution, biased to good architectures.

    Each task has independent searches of 100 evaluations; the last one is truncated so that the
    total is `size`. An architecture that several searches evaluated is recorded once, and rows
    that this leaves over are padding. The arguments are those of `sample_history`.
    """
    score = np.asarray(scores(suite))
    sources = [suite.tasks.index(task) for task in tasks]
    budget = min(_BUDGET, len(suite.pool))
    searches = -(-size // budget)
    drawn, known = [], []
    for source in sources:
        keys = jax.random.split(jax.random.fold_in(key, source), searches)
        rows = _evolve(keys, jnp.asarray(score[source]), _neighbors(suite), budget).ravel()[:size]
        first = np.unique(rows, return_index=True)[1]
        drawn.append(rows)
        known.append(np.isin(np.arange(size), first))
    rows = np.stack(drawn)
    at = np.array(sources)[:, None], rows
    metrics = {name: table[at] for name, table in suite.metrics.items()}
    return make_history(suite.pool[rows], metrics, mask=np.stack(known))


def unrelated_history(key: Array, suite: Suite, tasks: Sequence[str], size: int) -> History:
    """Sample random evaluations, and permute the metrics of one task drawn at random.

    The evaluations of the other tasks, the arguments and the errors are those of `sample_history`.
    """
    history = sample_history(key, suite, tasks, size)
    task_key, order_key = jax.random.split(jax.random.clone(key))
    task = jax.random.randint(task_key, (), 0, len(tasks))
    order = jax.random.permutation(order_key, size)
    permuted = {name: m.at[task].set(m[task, order]) for name, m in history.metrics.items()}
    return history._replace(metrics=permuted)


HISTORIES: dict[str, Callable[[Array, Suite, Sequence[str], int], History]] = {
    "random": sample_history,
    "biased": evolved_history,
    "unrelated": unrelated_history,
}


@lru_cache(maxsize=1)
def _neighbors(suite: Suite) -> Array:
    return pool_neighbors(suite.space, jnp.asarray(suite.pool))


def _evolve(keys: Array, score: Array, neighbors: Array, budget: int) -> np.ndarray:
    """Return rows int[S, B] of a search per key[S], which reads only scores and neighbors."""
    _, trace = run_batch(keys, ScoreTable(score, neighbors), _EVOLUTION, steps=budget)
    return np.asarray(trace.row)


_EVOLUTION = RegularizedEvolution()
