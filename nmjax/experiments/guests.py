"""Anyone's search under the frozen protocol: the splits, seeds and pasts of nmjax's own methods.

A guest is an (init, step) pair, as `nmjax.search` makes them, or an object with `ask()` and
`tell(architecture, score)`. Both are held to the rules of the peers: a row that was paid for costs
nothing when it is suggested again, nor does what is not in the pool; after 20 suggestions for each
evaluation what is left of the budget goes to random rows.
"""

import importlib
import inspect
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.experiments.leave_one_out import compile_search
from nmjax.experiments.progress import Progress, SilentProgress
from nmjax.experiments.protocol import BUDGET, lane_history, prepare_lane
from nmjax.experiments.trajectories import Trajectories
from nmjax.search import default_hyper
from nmjax.spaces import Space, pool_rows
from nmjax.tasks import Suite, scores
from nmjax.types import History, Metric

SUGGESTIONS_PER_EVALUATION = 20
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class SearchTask(NamedTuple):
    """What an `ask`/`tell` guest is made from, anew for each search.

    Attributes:
      space: of the architectures.
      pool: int32[N, C], the architectures that have a score.
      budget: evaluations that it will be told of, repeated ones aside.
      seed: an integer for what is random; each search has its own.
      sources: T names of past tasks.
      history: of these, 300 random evaluations each.
      metric: what of the history's metrics the score is made from, by `tasks.history_scores`.
    """

    space: Space
    pool: np.ndarray
    budget: int
    seed: int
    sources: tuple[str, ...]
    history: History
    metric: Metric


class Pair(NamedTuple):
    """An (init, step) pair, of which nothing else is asked."""

    init: Callable[..., Any]
    step: Callable[..., Any]


class PaidSearch:
    """One search on one task: the only way from a row to its score.

    Attributes:
      rows: of the pool, in the order in which they were paid for.
    """

    def __init__(self, score: np.ndarray, budget: int):
        self.rows: list[int] = []
        self._score, self._budget, self._suggestions = score, budget, 0

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or the suggestions are."""
        limit = SUGGESTIONS_PER_EVALUATION * self._budget
        return len(self.rows) == self._budget or self._suggestions == limit

    def evaluate(self, row: int) -> float:
        """The score of a row; NaN where it failed, or for -1, which is not in the pool.

        Raises:
          NmjaxError: the row is beyond the pool.
        """
        if not -1 <= row < len(self._score):
            raise NmjaxError(f"Got row {row}; expected 0 to {len(self._score) - 1}, or -1.")
        self._suggestions += 1
        if row < 0:
            return float("nan")
        if row not in self.rows:
            self.rows.append(row)
        return float(self._score[row])

    def filled(self, generator: np.random.Generator) -> np.ndarray:
        """The rows int32[B], what is left of the budget at random."""
        rest = np.setdiff1d(np.arange(len(self._score)), self.rows)
        drawn = generator.choice(rest, self._budget - len(self.rows), replace=False)
        return np.array([*self.rows, *drawn], np.int32)


Play = Callable[[PaidSearch, str, int, int], float]


def load_guest(name: str) -> Callable[..., Any]:
    """The function `MODULE:FUNCTION`; modules of the working folder are found too.

    Raises:
      NmjaxError: there is no such module or function, or importing it failed.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise NmjaxError(f"Got {name!r}; give MODULE:FUNCTION, as in nmjax.search:random_search.")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    with _blamed(f"Importing {module!r}"):
        found = importlib.import_module(module)
    function = getattr(found, attribute, None)
    if not callable(function):
        raise NmjaxError(f"{module!r} has no function {attribute!r}; give MODULE:FUNCTION.")
    return function


def evaluate_guest(
    name: str,
    function: Callable[..., Any],
    suite: Suite,
    *,
    seeds: int,
    progress: Progress | None = None,
) -> Trajectories:
    """The searches of a guest on every task, S seeds of 100 evaluations.

    Args:
      name: that failures are told by.
      function: () -> an (init, step) pair, which is given the problem with all that was learned
        from the past; or (SearchTask) -> an object with `ask` and `tell`, for one search.
      suite: a benchmark.
      seeds: S; they are 0 to S - 1.
      progress: told of each search.

    Raises:
      NmjaxError: no seed, the guest is neither, it failed, or it suggested what is no architecture.
    """
    if seeds < 1:
        raise NmjaxError(f"Got --seeds {seeds}; give at least 1.")
    progress = SilentProgress() if progress is None else progress
    play, table = _player(name, function, suite), np.asarray(scores(suite))
    rows = np.zeros((len(suite.tasks), seeds, BUDGET), np.int32)
    seconds = np.zeros(rows.shape[:2])
    for done, (task, seed) in enumerate(np.ndindex(*seconds.shape)):
        own, filling = np.random.SeedSequence((task, seed)).spawn(2)
        search, number = PaidSearch(table[task], BUDGET), int(own.generate_state(1)[0])
        with _blamed(f"{name} on {suite.tasks[task]}, seed {seed},"):
            seconds[task, seed] = play(search, suite.tasks[task], seed, number)
        rows[task, seed] = search.filled(np.random.default_rng(filling))
        progress.update(f"search: {name}", done + 1, seconds.size)
    return Trajectories(rows, True, "guest", float(np.median(seconds)), name)


def _player(name: str, function: Callable[..., Any], suite: Suite) -> Play:
    """What plays one search, and returns its seconds without learning."""
    with _blamed(f"The signature of {name}"):
        parameters = inspect.signature(function).parameters.values()
    required = [p for p in parameters if p.default is p.empty and p.kind not in _VARIADIC]
    if required:
        return partial(_play_object, function, suite, _row_of_options(suite))
    with _blamed(name):
        made = function()
    halves = [getattr(made, half, None) for half in Pair._fields]
    pair = halves if all(halves) or not isinstance(made, tuple) else made
    if len(pair) != 2 or not all(map(callable, pair)):
        raise NmjaxError(
            f"{name} takes nothing and returned a {type(made).__name__}, expected an (init, step) "
            "pair; let it take a SearchTask if it makes an object with ask and tell."
        )
    return partial(_play_pair, Pair(*pair), suite)


def _play_pair(
    pair: Pair, suite: Suite, search: PaidSearch, task: str, seed: int, number: int
) -> float:
    del number
    prepared, keys = prepare_lane(suite, task, seed)
    problem, hyper = prepared.problem, default_hyper(BUDGET)
    start, advance = compile_search(pair, keys, problem, hyper)
    begun = time.perf_counter()
    state = start(keys, problem, hyper)
    while not search.finished:
        state, trace = advance(state, problem, hyper)
        for row in np.asarray(trace.row[0]):
            if not search.finished:
                search.evaluate(int(row))
    return time.perf_counter() - begun


def _play_object(
    function: Callable[[SearchTask], Any],
    suite: Suite,
    row_of: np.ndarray,
    search: PaidSearch,
    task: str,
    seed: int,
    number: int,
) -> float:
    sources, history = lane_history(suite, task, seed)
    metric = suite.metric_info[suite.score_metric]
    begun = time.perf_counter()
    guest = function(SearchTask(suite.space, suite.pool, BUDGET, number, sources, history, metric))
    while not search.finished:
        architecture = guest.ask()
        row = int(row_of[_options(suite.space, architecture)])
        guest.tell(architecture, search.evaluate(row))
    return time.perf_counter() - begun


def _row_of_options(suite: Suite) -> np.ndarray:
    """The pool's row int32[O_1, ..., O_C] of option indices, -1 where there is none."""
    sizes = suite.space.num_options
    every = np.stack(np.unravel_index(np.arange(suite.space.size), sizes), axis=-1)
    rows = pool_rows(suite.space, jnp.asarray(suite.pool), jnp.asarray(every, jnp.int32))
    return np.asarray(rows).reshape(sizes)


def _options(space: Space, architecture: Any) -> tuple[int, ...]:
    """C option indices of what a guest asked for."""
    told = np.asarray(architecture)
    fits = told.shape == (space.num_choices,) and np.issubdtype(told.dtype, np.integer)
    if not fits or (told < 0).any() or (told >= np.array(space.num_options)).any():
        raise NmjaxError(
            f"ask() returned {architecture!r}, expected {space.num_choices} option indices below "
            f"{', '.join(map(str, space.num_options))}."
        )
    return tuple(told.tolist())


@contextmanager
def _blamed(what: str) -> Iterator[None]:
    """Tells a failure of another's code in their own lines."""
    try:
        yield
    except NmjaxError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        theirs = [f for f in frames if f.filename != __file__ and "importlib" not in f.filename]
        lines = "".join(traceback.format_list(theirs))
        raise NmjaxError(f"{what} failed: {type(error).__name__}: {error}\n{lines}") from error
