"""Evaluate a user's search under the frozen protocol, with the splits and seeds of all methods.

A user's search is a search of `nmjax.search`, an (init, step) pair, or an object with `ask()` and
`tell(architecture, score)`. As for the peers, suggesting an evaluated row again, or an architecture
outside the pool, does not count as an evaluation; after 20 suggestions per evaluation, the rest of
the budget is spent on random rows. A pair receives all scores but may read only those of rows that
it suggested. To check this, the first search is repeated with the other scores changed, and has to
evaluate the same rows.
"""

import inspect
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.evaluation.budgeted_objective import BudgetedObjective
from nmjax.evaluation.finished_searches import read_finished, write_finished
from nmjax.evaluation.plugins import load_named, reraise_user_error
from nmjax.evaluation.protocol import BUDGET, past_history
from nmjax.evaluation.step_search import StepSearch, run_pair
from nmjax.evaluation.trajectories import Trajectories
from nmjax.experiments.progress import Progress, SilentProgress
from nmjax.spaces import Space, pool_rows
from nmjax.tasks import Suite, scores
from nmjax.types import History, Metric

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class SearchTask(NamedTuple):
    """Argument from which a search with `ask` and `tell` is constructed.

    Attributes:
      space: space of the architectures.
      pool: int32[N, C], architectures that have a score.
      budget: number of distinct evaluations.
      seed: random seed of this search.
      sources: names of the T past tasks.
      history: 300 random evaluations of each past task.
      metric: metric that defines the score, for `nmjax.tasks.history_scores`.

    Example:
      >>> from nmjax.evaluation import SearchTask
      >>> SearchTask._fields[:3]
      ('space', 'pool', 'budget')
    """

    space: Space
    pool: np.ndarray
    budget: int
    seed: int
    sources: tuple[str, ...]
    history: History
    metric: Metric


RunSearch = Callable[[BudgetedObjective, str, int, int], float]
"""(objective, task, seed, random seed) -> seconds of the search without learning."""


def load_user_search(name: str) -> Callable[..., Any]:
    """Import the function `MODULE:FUNCTION`, also from modules in the working folder.

    Raises:
      NmjaxError: there is no such module or function, or importing it failed.

    Example:
      >>> from nmjax.evaluation.user_search import load_user_search
      >>> load_user_search("nmjax.search:RandomSearch").__name__
      'RandomSearch'
    """
    function: Callable[..., Any] = load_named(
        name, "function", callable, "MODULE:FUNCTION, as in nmjax.search:RandomSearch"
    )
    return function


def evaluate_user_search(
    name: str,
    function: Callable[..., Any],
    suite: Suite,
    *,
    seeds: int,
    progress: Progress | None = None,
    path: Path | None = None,
) -> Trajectories:
    """Run a user's search on every task, with S seeds of 100 evaluations each.

    Args:
      name: name of the search in error messages.
      function: () -> a search of `nmjax.search` or an (init, step) pair, whose problem holds
        everything learned from the past; or (SearchTask) -> an object with `ask` and `tell`, for
        one search.
      suite: benchmark to search.
      seeds: S; the seeds are 0 to S - 1.
      progress: display that is updated after each search.
      path: file ending in .npz that keeps finished searches; a run with the same arguments
        continues from it. None keeps nothing.

    Raises:
      NmjaxError: `seeds` is not positive, the function returns another object, the search fails
        or suggests an invalid architecture, a pair has too small a capacity or reads scores of
        rows that it did not evaluate, or the file is damaged or of another run.

    Example:
      >>> from nmjax.evaluation import evaluate_user_search
      >>> from nmjax.search import RandomSearch
      >>> from nmjax.tasks import load_suite
      >>> suite = load_suite("nas-bench-graph")  # doctest: +SKIP
      >>> evaluate_user_search("mine", RandomSearch, suite, seeds=1).kind  # doctest: +SKIP
      'user'
    """
    if seeds < 1:
        raise NmjaxError(f"Got --seeds {seeds}; give at least 1.")
    progress = SilentProgress() if progress is None else progress
    run_search, table = _runner(name, function, suite), np.asarray(scores(suite))
    config = {"search": name, "suite": suite.name, "package": suite.package}
    found = read_finished(path, (len(suite.tasks), seeds, 1, BUDGET), config=config)
    total, waiting = len(suite.tasks) * seeds, found.waiting
    for done, (task, seed) in enumerate(waiting, total - len(waiting)):
        own, filling = np.random.SeedSequence((task, seed)).spawn(2)
        search, number = BudgetedObjective(table[task], BUDGET), int(own.generate_state(1)[0])
        with reraise_user_error(f"{name} on {suite.tasks[task]}, seed {seed},"):
            found.seconds[task, seed] = run_search(search, suite.tasks[task], seed, number)
        found.rows[task, seed] = search.filled(np.random.default_rng(filling))
        write_finished(path, found, config=config)
        progress.update(f"search: {name}", done + 1, total)
    return Trajectories(found.rows[:, :, 0], True, "user", float(np.median(found.seconds)), name)


def _runner(name: str, function: Callable[..., Any], suite: Suite) -> RunSearch:
    with reraise_user_error(f"The signature of {name}"):
        parameters = inspect.signature(function).parameters.values()
    required = [p for p in parameters if p.default is p.empty and p.kind not in _VARIADIC]
    if required:
        return partial(_run_object, function, suite, _row_of_options(suite))
    with reraise_user_error(name):
        made = function()
    halves: list[Any] = [getattr(made, half, None) for half in ("init", "step")]
    pair = halves if all(halves) or not isinstance(made, tuple) else made
    if len(pair) != 2 or not all(map(callable, pair)):
        raise NmjaxError(
            f"{name} takes no argument and returned a {type(made).__name__}, expected an "
            "(init, step) pair; let it take a SearchTask if it returns an object with ask and tell."
        )
    algorithm = StepSearch(begin=pair[0], advance=pair[1])
    return partial(run_pair, name, algorithm, suite)


def _run_object(
    function: Callable[[SearchTask], Any],
    suite: Suite,
    row_of: np.ndarray,
    search: BudgetedObjective,
    task: str,
    seed: int,
    number: int,
) -> float:
    sources, history = past_history(suite, task, seed)
    metric = suite.metric_info[suite.score_metric]
    begun = time.perf_counter()
    searcher = function(
        SearchTask(suite.space, suite.pool, BUDGET, number, sources, history, metric)
    )
    while not search.finished:
        architecture = searcher.ask()
        row = int(row_of[_options(suite.space, architecture)])
        searcher.tell(architecture, search.evaluate(row))
    return time.perf_counter() - begun


def _row_of_options(suite: Suite) -> np.ndarray:
    """Return the pool's row int32[O_1, ..., O_C] of option indices, -1 if there is none."""
    sizes = suite.space.num_options
    every = np.stack(np.unravel_index(np.arange(suite.space.size), sizes), axis=-1)
    rows = pool_rows(suite.space, jnp.asarray(suite.pool), jnp.asarray(every, jnp.int32))
    return np.asarray(rows).reshape(sizes)


def _options(space: Space, architecture: Any) -> tuple[int, ...]:
    """Return the C option indices of an architecture that `ask` returned."""
    indices = np.asarray(architecture)
    fits = indices.shape == (space.num_choices,) and np.issubdtype(indices.dtype, np.integer)
    if not fits or (indices < 0).any() or (indices >= np.array(space.num_options)).any():
        raise NmjaxError(
            f"ask() returned {architecture!r}, expected {space.num_choices} option indices below "
            f"{', '.join(map(str, space.num_options))}."
        )
    return tuple(indices.tolist())
