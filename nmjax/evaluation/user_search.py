"""Evaluate a user's search under the frozen protocol, with the splits and seeds of all methods.

A user's search is a search of `nmjax.search`, an (init, step) pair, or an object with `ask()` and
`tell(architecture, score)`. The rules are those of the peers: suggesting an evaluated row again, or
an architecture outside the pool, is free; after 20 suggestions per evaluation, the rest of the
budget goes to random rows. A pair receives all scores but may only read those of rows that it
suggested: the first search is repeated with the other scores changed, and must not change.
"""

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Compiled

from nmjax.errors import NmjaxError
from nmjax.evaluation.leave_one_out import compile_search
from nmjax.evaluation.plugins import load_named, reraise_user_error
from nmjax.evaluation.protocol import BUDGET, past_history, prepare_search
from nmjax.evaluation.trajectories import Trajectories
from nmjax.experiments.progress import Progress, SilentProgress
from nmjax.search import Problem, SearchAlgorithm, SearchHyper, SearchInfo, default_hyper
from nmjax.search.algorithm import check_capacity
from nmjax.search.problem import with_unevaluated_changed
from nmjax.spaces import Space, pool_rows
from nmjax.tasks import Suite, scores
from nmjax.types import Array, History, Metric

SUGGESTIONS_PER_EVALUATION = 20
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class SearchTask(NamedTuple):
    """What an `ask`/`tell` search is constructed from, once per search.

    Attributes:
      space: space of the architectures.
      pool: int32[N, C], the architectures that have a score.
      budget: number of distinct evaluations.
      seed: random seed of this search.
      sources: names of the T past tasks.
      history: 300 random evaluations of each past task.
      metric: metric behind the score, for `nmjax.tasks.history_scores`.
    """

    space: Space
    pool: np.ndarray
    budget: int
    seed: int
    sources: tuple[str, ...]
    history: History
    metric: Metric


@dataclass(frozen=True, kw_only=True)
class StepSearch(SearchAlgorithm[Any, Problem]):
    """A search made of a user's `init` and `step`, without `suggest` and `observe`.

    Attributes:
      capacity: not used.
      evaluate: not used.
      begin: (key, problem, hyper) -> state.
      advance: (state, problem, hyper) -> (state, info).
    """

    begin: Callable[..., Any]
    advance: Callable[..., Any]

    def init(self, key: Array, problem: Problem, hyper: SearchHyper) -> Any:
        """Return the state before the first evaluation."""
        return self.begin(key, problem, hyper)

    def step(self, state: Any, problem: Problem, hyper: SearchHyper) -> tuple[Any, SearchInfo]:
        """Suggest, evaluate and observe once."""
        advanced: tuple[Any, SearchInfo] = self.advance(state, problem, hyper)
        return advanced

    def suggest(self, state: Any, problem: Problem, hyper: SearchHyper) -> Array:
        """Raise an error: the search has whole steps only."""
        del state, problem, hyper
        raise _no_suggest()

    def update(
        self, state: Any, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[Any, SearchInfo]:
        """Raise an error: the search has whole steps only."""
        del state, problem, hyper, index, score
        raise _no_suggest()


def _no_suggest() -> NmjaxError:
    return NmjaxError("Got a search with only init and step; give one with suggest and observe.")


class BudgetedObjective:
    """The objective of one search on one task, which counts evaluations and suggestions.

    Attributes:
      rows: evaluated rows of the pool, in order.

    Example:
      >>> objective = BudgetedObjective(np.array([0.1, 0.5, 0.3]), budget=2)
      >>> objective.evaluate(1), objective.evaluate(1), objective.rows, objective.finished
      (0.5, 0.5, [1], False)
    """

    def __init__(self, score: np.ndarray, budget: int):
        self.rows: list[int] = []
        self._score, self._budget, self._suggestions = score, budget, 0

    @property
    def finished(self) -> bool:
        """Whether the budget or the number of suggestions is used up."""
        limit = SUGGESTIONS_PER_EVALUATION * self._budget
        return len(self.rows) == self._budget or self._suggestions == limit

    def evaluate(self, row: int) -> float:
        """Return the score of a row; NaN if it failed, or for -1, an architecture not in the pool.

        Raises:
          NmjaxError: the row is outside the pool.
        """
        if not -1 <= row < len(self._score):
            raise NmjaxError(f"Got row {row}; give 0 to {len(self._score) - 1}, or -1.")
        self._suggestions += 1
        if row < 0:
            return float("nan")
        if row not in self.rows:
            self.rows.append(row)
        return float(self._score[row])

    def filled(self, generator: np.random.Generator) -> np.ndarray:
        """Return the rows int32[B], with the rest of the budget drawn at random."""
        rest = np.setdiff1d(np.arange(len(self._score)), self.rows)
        drawn = generator.choice(rest, self._budget - len(self.rows), replace=False)
        return np.array([*self.rows, *drawn], np.int32)


RunSearch = Callable[[BudgetedObjective, str, int, int], float]
"""(objective, task, seed, random seed) -> seconds of the search without learning."""


def load_user_search(name: str) -> Callable[..., Any]:
    """Import the function `MODULE:FUNCTION`, also from modules in the working folder.

    Raises:
      NmjaxError: there is no such module or function, or importing it failed.

    Example:
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

    Raises:
      NmjaxError: there is no seed, the function returns neither, the search fails or suggests
        something that is not an architecture, or a pair has too small a capacity or reads scores
        that it did not evaluate.

    Example:
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
    rows = np.zeros((len(suite.tasks), seeds, BUDGET), np.int32)
    seconds = np.zeros(rows.shape[:2])
    for done, (task, seed) in enumerate(np.ndindex(*seconds.shape)):
        own, filling = np.random.SeedSequence((task, seed)).spawn(2)
        search, number = BudgetedObjective(table[task], BUDGET), int(own.generate_state(1)[0])
        with reraise_user_error(f"{name} on {suite.tasks[task]}, seed {seed},"):
            seconds[task, seed] = run_search(search, suite.tasks[task], seed, number)
        rows[task, seed] = search.filled(np.random.default_rng(filling))
        progress.update(f"search: {name}", done + 1, seconds.size)
    return Trajectories(rows, True, "user", float(np.median(seconds)), name)


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
    return partial(_run_pair, name, algorithm, suite)


def _run_pair(
    name: str,
    algorithm: StepSearch,
    suite: Suite,
    search: BudgetedObjective,
    task: str,
    seed: int,
    number: int,
) -> float:
    del number
    prepared, keys = prepare_search(suite, task, seed)
    problem, hyper = prepared.problem, default_hyper(BUDGET)
    check_capacity(jax.eval_shape(algorithm.init, keys[0], problem, hyper), budget=BUDGET)
    compiled = compile_search(algorithm, keys, problem, hyper)
    suggested: list[int] = []
    begun = time.perf_counter()
    for row in _suggestions(compiled, keys, problem, hyper):
        suggested.append(row)
        search.evaluate(row)
        if search.finished:
            break
    seconds = time.perf_counter() - begun
    if (task, seed) == (suite.tasks[0], 0):
        evaluated = np.isin(np.arange(len(suite.pool)), search.rows)
        for changed in with_unevaluated_changed(problem, jnp.asarray(evaluated)):
            again = islice(_suggestions(compiled, keys, changed, hyper), len(suggested))
            _check_unread(f"{name} on {task}, seed {seed},", suggested, list(again))
    return seconds


def _suggestions(
    compiled: tuple[Compiled, Compiled], keys: Array, problem: Problem, hyper: SearchHyper
) -> Iterator[int]:
    """Yield the rows that a search with key[1] suggests, without end."""
    start, advance = compiled
    state = start(keys, problem, hyper)
    while True:
        state, trace = advance(state, problem, hyper)
        yield from np.asarray(trace.row[0]).tolist()


def _check_unread(what: str, suggested: Sequence[int], again: Sequence[int]) -> None:
    for place, (row, other) in enumerate(zip(suggested, again, strict=True)):
        if row != other:
            raise NmjaxError(
                f"{what} suggested row {other} instead of {row} at step {place + 1} of a second "
                "run, in which only scores that it had not evaluated were changed; expected the "
                "same rows. Let init and step read problem.score only at rows that step suggests, "
                "and derive all randomness from the key."
            )


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
