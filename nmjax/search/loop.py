"""Run searches as scans: `run` continues from a state, `run_batch` runs a search for each key."""

from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.algorithm import (
    SearchAlgorithm,
    SearchHyper,
    check_capacity,
    default_hyper,
    table_lookup,
)
from nmjax.search.argument_checks import check_algorithm
from nmjax.search.record import SearchInfo
from nmjax.setting_checks import check_keys
from nmjax.types import Array, is_traced

StateT = TypeVar("StateT")
ProblemT = TypeVar("ProblemT")


def run(
    state: StateT,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None = None,
    *,
    steps: int,
) -> tuple[StateT, SearchInfo]:
    """Take a number of steps of a search in one scan. Steps past its end change nothing.

    Args:
      state: State from `algorithm.init` or an earlier run.
      problem: Problem to search, with scores.
      algorithm: Search, for instance `BayesianSearch()`.
      hyper: Hyperparameters; by default `default_hyper(steps)`.
      steps: Number of steps.

    Returns:
      The state, and the trace: a `SearchInfo` whose leaves have a leading axis of `steps`.

    Raises:
      NmjaxError: `steps` is larger than the capacity of the search.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, default_hyper, run, start
      >>> arguments = ScoreTable(jnp.arange(4.0)), RandomSearch(capacity=4), default_hyper(4)
      >>> state, trace = run(start(jax.random.key(0), *arguments), *arguments, steps=3)
      >>> int(state.record.step), trace.score.shape
      (3, (3,))
    """
    hyper = default_hyper(steps) if hyper is None else hyper
    final: tuple[StateT, SearchInfo] = _run(state, problem, algorithm, hyper, steps=steps)
    return final


def run_batch(
    keys: Array,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None = None,
    *,
    steps: int,
) -> tuple[StateT, SearchInfo]:
    """Run a search for each key[S] in one compiled call.

    Args:
      keys: Random keys, one for each search.
      problem: Problem to search, with scores.
      algorithm: Search, for instance `BayesianSearch()`.
      hyper: Hyperparameters; by default `default_hyper(steps)`.
      steps: Number of steps.

    Returns:
      The states, with leaves [S, ...], and the trace, a `SearchInfo` with leaves [S, steps].

    Raises:
      NmjaxError: `algorithm` is not a search, there is not one axis of keys, `steps` is larger than
        the capacity of the search, or no score is known.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, run_batch
      >>> keys = jax.random.split(jax.random.key(0), 2)
      >>> _, trace = run_batch(keys, ScoreTable(jnp.arange(4.0)), RandomSearch(), steps=4)
      >>> trace.score.max(axis=1).tolist()
      [3.0, 3.0]
    """
    check_algorithm(algorithm)
    check_keys(keys)
    _check_scores(problem, algorithm)
    hyper = default_hyper(steps) if hyper is None else hyper
    final: tuple[StateT, SearchInfo] = _run_batch(keys, problem, algorithm, hyper, steps=steps)
    return final


def _check_scores(problem: object, algorithm: SearchAlgorithm[StateT, ProblemT]) -> None:
    score = getattr(problem, "score", None)
    looks_up = getattr(algorithm, "evaluate", None) is table_lookup
    if score is None or not looks_up or is_traced(score):
        return
    if not bool(jnp.any(jnp.isfinite(score))):
        raise NmjaxError(
            "Got a problem without scores, but a run reads them; give make_problem the scores, or "
            "evaluate what suggest returns and pass the results to observe."
        )


@partial(jax.jit, static_argnames=("algorithm", "steps"))
def _run(
    state: StateT,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper,
    *,
    steps: int,
) -> tuple[StateT, SearchInfo]:
    check_capacity(state, steps=steps)
    return jax.lax.scan(
        lambda carried, _: algorithm.step(carried, problem, hyper), state, None, length=steps
    )


@partial(jax.jit, static_argnames=("algorithm", "steps"))
def _run_batch(
    keys: Array,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper,
    *,
    steps: int,
) -> tuple[StateT, SearchInfo]:
    def one(key: Array) -> tuple[StateT, SearchInfo]:
        state = algorithm.init(key, problem, hyper)
        final: tuple[StateT, SearchInfo] = _run(state, problem, algorithm, hyper, steps=steps)
        return final

    return jax.vmap(one)(keys)
