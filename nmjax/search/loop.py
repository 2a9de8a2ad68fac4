"""Searches as one scan: `run` continues one from its state, `run_batch` runs one for each key."""

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
from nmjax.search.record import SearchInfo
from nmjax.types import Array

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
    """Take `steps` steps of a search in one scan; steps past its end change nothing.

    Args:
      state: as `algorithm.init` or an earlier run returned it.
      problem: what is searched, with scores.
      algorithm: for instance `BayesianSearch()`.
      hyper: the traced numbers; `default_hyper(steps)` by default.
      steps: number of steps.

    Returns:
      The state, and the trace: a `SearchInfo` whose leaves have a leading axis of `steps`.

    Raises:
      NmjaxError: `steps` is larger than the capacity of the search.
    """
    return _run(state, problem, algorithm, _hyper(hyper, steps), steps=steps)


def run_batch(
    keys: Array,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None = None,
    *,
    steps: int,
) -> tuple[StateT, SearchInfo]:
    """Run a search for each key[S], all at once.

    Args:
      keys: one random key for each search.
      problem: what is searched, with scores.
      algorithm: for instance `BayesianSearch()`.
      hyper: the traced numbers; `default_hyper(steps)` by default.
      steps: number of steps.

    Returns:
      The states and the trace, with leaves of leading axes [S] and [S, steps].

    Raises:
      NmjaxError: `steps` is larger than the capacity of the search, or no score is known.
    """
    _check_scores(problem, algorithm)
    return _run_batch(keys, problem, algorithm, _hyper(hyper, steps), steps=steps)


def _hyper(hyper: SearchHyper | None, steps: int) -> SearchHyper:
    return default_hyper(steps) if hyper is None else hyper


def _check_scores(problem: object, algorithm: SearchAlgorithm[StateT, ProblemT]) -> None:
    score = getattr(problem, "score", None)
    looks_up = getattr(algorithm, "evaluate", None) is table_lookup
    if score is None or not looks_up or isinstance(score, jax.core.Tracer):
        return
    if not bool(jnp.any(jnp.isfinite(score))):
        raise NmjaxError(
            "Got a problem without scores, which a run would have to read; give make_problem the "
            "scores, or evaluate yourself what suggest returns and pass the results to observe."
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
        return _run(state, problem, algorithm, hyper, steps=steps)

    return jax.vmap(one)(keys)
