"""User searches given as (init, step) pairs."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Compiled

from nmjax.errors import NmjaxError
from nmjax.evaluation.budgeted_objective import BudgetedObjective
from nmjax.evaluation.compiled_search import compile_search
from nmjax.evaluation.protocol import BUDGET, prepare_search
from nmjax.search import Problem, SearchAlgorithm, SearchHyper, SearchInfo, default_hyper
from nmjax.search.algorithm import check_capacity
from nmjax.search.problem import with_unevaluated_changed
from nmjax.tasks import Suite
from nmjax.types import Array


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


def run_pair(
    name: str,
    algorithm: StepSearch,
    suite: Suite,
    search: BudgetedObjective,
    task: str,
    seed: int,
    number: int,
) -> float:
    """Run a search on one task and return its seconds without learning.

    The first search of a suite is repeated with the scores of unevaluated rows changed, to detect a
    search that reads them.

    Args:
      name: name of the search in error messages.
      algorithm: the user's search.
      suite: benchmark that is searched.
      search: objective, which is evaluated until it is finished.
      task: target.
      seed: seed of the past and of the search.
      number: not used.

    Raises:
      NmjaxError: the capacity is below the budget, or the search reads scores of unevaluated rows.
    """
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
    """Yield the suggested rows of a search with key[1] forever."""
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
