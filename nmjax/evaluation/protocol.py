"""The frozen protocol: the past, the keys and the budget of each search."""

from collections.abc import Callable

import jax

from nmjax.errors import unknown_name
from nmjax.evaluation.histories import HISTORIES
from nmjax.evaluation.leave_one_out import PastKeys, Prepared, past_keys, prepare
from nmjax.evaluation.method_runs import seed_keys
from nmjax.tasks import Split, Suite, leave_family_out, leave_one_out, sample_history
from nmjax.types import Array, History

SUITES = ("nas-bench-graph", "nas-bench-201", "hpobench", "hpolib", "transnas101")
BUDGET = 100
SEEDS = 20
HISTORY_SIZE = 300
SPLITTERS: dict[str, Callable[[Suite, str], Split]] = {
    "task": leave_one_out,
    "family": leave_family_out,
}


def prepare_search(
    suite: Suite,
    task: str,
    seed: int,
    *,
    leave: str = "task",
    history: str = "random",
    history_size: int = HISTORY_SIZE,
) -> tuple[Prepared, Array]:
    """Hold out a task and learn from the past of one seed; return also the key[1] of the search.

    Args:
      suite: benchmark.
      task: target, held out of the past.
      seed: seed of the past, of learning and of the searches.
      leave: name in `SPLITTERS`, which tasks are held out.
      history: name in `HISTORIES`, how the past is sampled.
      history_size: number of past evaluations of each source.

    Raises:
      NmjaxError: a name is unknown, or the past is too small to learn from.

    Example:
      >>> from nmjax.evaluation import prepare_search
      >>> from nmjax.tasks import load_suite
      >>> suite = load_suite("nas-bench-graph")  # doctest: +SKIP
      >>> prepared, key = prepare_search(suite, "cora", 0)  # doctest: +SKIP
    """
    for kind, name, known in (("split", leave, SPLITTERS), ("history", history, HISTORIES)):
        if name not in known:
            raise unknown_name(kind, name, known)
    key, draw = search_key(suite, task, seed), HISTORIES[history]
    split = SPLITTERS[leave](suite, task)
    prepared = prepare(key, suite, split, history_size=history_size, draw=draw)
    # `split(key, n)[i]` equals `fold_in(key, i)` in JAX, and `prepare` has split the key.
    return prepared, seed_keys(jax.random.fold_in(key, len(PastKeys._fields)), 1)


def past_history(suite: Suite, task: str, seed: int) -> tuple[tuple[str, ...], History]:
    """Return the sources of a held-out task and the same past evaluations as `prepare_search`.

    Raises:
      NmjaxError: the task is unknown.
    """
    sources = leave_one_out(suite, task).sources
    key = past_keys(search_key(suite, task, seed)).history
    return sources, sample_history(key, suite, sources, HISTORY_SIZE)


def search_key(suite: Suite, task: str, seed: int) -> Array:
    """Return the key of all random draws for a task and a seed."""
    return jax.random.fold_in(jax.random.key(seed), suite.tasks.index(task))
