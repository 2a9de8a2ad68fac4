"""Ask-and-tell interface: `suggest` an architecture, evaluate it, and `observe` its score.

The functions are pure and work under `jit` and `vmap`. They validate values that are concrete.
"""

from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.search.algorithm import SearchAlgorithm, SearchHyper, check_capacity
from nmjax.search.argument_checks import check_arguments, check_score, score_dtype
from nmjax.search.record import SearchInfo
from nmjax.types import Array, PyTree, is_traced

StateT = TypeVar("StateT")
ProblemT = TypeVar("ProblemT")


def start(
    key: Array,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None = None,
) -> StateT:
    """Return the state of a search before its first evaluation.

    Args:
      key: Random key of the search.
      problem: Problem to search. Its scores are not read.
      algorithm: Search, for instance `BayesianSearch()`.
      hyper: Hyperparameters; by default `default_hyper` with the algorithm's capacity as the
        budget.

    Raises:
      NmjaxError: `algorithm` is not a search, `hyper` is not a `SearchHyper`, or the budget is
        larger than the capacity.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, start
      >>> unknown = ScoreTable(jnp.full(9, jnp.nan))
      >>> int(start(jax.random.key(0), unknown, RandomSearch(capacity=4)).record.step)
      0
    """
    hyper = check_arguments(algorithm, hyper)
    state: StateT = _start(key, problem, algorithm, hyper)
    if not is_traced(hyper.budget):
        check_capacity(state, budget=int(np.max(np.asarray(hyper.budget))))
    return state


def suggest(
    state: StateT,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None = None,
) -> PyTree:
    """Return what to evaluate next.

    Until the search is finished, the suggestion has not been observed before.

    Args:
      state: State of the search.
      problem: Problem given to `start`.
      algorithm: Search given to `start`.
      hyper: Hyperparameters given to `start`.

    Returns:
      A row int32[] of the pool; for a `SpaceSearch`, an architecture int32[C], or a `Candidate` if
      the space has real-valued choices.

    Raises:
      NmjaxError: The state belongs to another algorithm.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, start, suggest
      >>> unknown, algorithm = ScoreTable(jnp.full(9, jnp.nan)), RandomSearch(capacity=4)
      >>> row = suggest(start(jax.random.key(0), unknown, algorithm), unknown, algorithm)
      >>> row.shape
      ()
    """
    hyper = check_arguments(algorithm, hyper, state)
    return _suggest(state, problem, algorithm, hyper)


def observe(
    state: StateT,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None,
    index: Any,
    score: Any,
) -> tuple[StateT, SearchInfo]:
    """Return the state after one more evaluation. A finished search does not change.

    Args:
      state: State before the evaluation.
      problem: Problem given to `start`.
      algorithm: Search given to `start`.
      hyper: Hyperparameters given to `start`.
      index: Evaluated row, suggested or not; for a `SpaceSearch`, an architecture int32[C], or a
        pair of int32[C] and float32[R].
      score: Score of the evaluation, higher is better; NaN or infinite if it failed.

    Returns:
      The state, and a `SearchInfo`.

    Raises:
      NmjaxError: The state belongs to another algorithm; the index is not a row of the pool or an
        architecture of the space, or was observed before; or the score is not a number. Traced
        values are not checked.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, default_hyper, observe, start
      >>> arguments = ScoreTable(jnp.full(9, jnp.nan)), RandomSearch(capacity=4), default_hyper(4)
      >>> state, info = observe(start(jax.random.key(0), *arguments), *arguments, 3, 0.5)
      >>> int(info.row), float(info.score)
      (3, 0.5)
    """
    hyper = check_arguments(algorithm, hyper, state)
    index = algorithm.check_index(state, index)
    score = check_score(score, score_dtype(state))
    after: tuple[StateT, SearchInfo]
    after = _observe(state, problem, algorithm, hyper, index, score)
    return after


def is_finished(
    state: StateT,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None = None,
) -> Array:
    """Return whether bool[] no further evaluation would count.

    A search is finished when the budget is spent, nothing is left to evaluate, or the expected
    improvement is below `hyper.min_expected_improvement`. Call this before each evaluation.

    Args:
      state: State of the search.
      problem: Problem given to `start`.
      algorithm: Search given to `start`.
      hyper: Hyperparameters given to `start`.

    Raises:
      NmjaxError: The state belongs to another algorithm.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, is_finished, observe, start
      >>> arguments = ScoreTable(jnp.full(9, jnp.nan)), RandomSearch(capacity=1)
      >>> state = start(jax.random.key(0), *arguments)
      >>> bool(is_finished(state, *arguments))
      False
      >>> bool(is_finished(observe(state, *arguments, None, 3, 0.5)[0], *arguments))
      True
    """
    hyper = check_arguments(algorithm, hyper, state)
    finished: Array = _is_finished(state, problem, algorithm, hyper)
    return finished


def suggest_next_point(
    key: Array,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None,
    evaluated: Any,
    score: Any,
) -> PyTree:
    """Return what to evaluate after a list of evaluations, without keeping a state.

    All evaluations up to the budget count, whatever `hyper.min_expected_improvement` is.

    Args:
      key: Random key of the search.
      problem: Problem to search. Its scores are not read.
      algorithm: Search, for instance `BayesianSearch()` or `SpaceSearch(space)`.
      hyper: Hyperparameters; by default `default_hyper` with the algorithm's capacity as the
        budget. Evaluations beyond the budget do not count.
      evaluated: Rows int32[M], or architectures int32[M, C] for a `SpaceSearch`, in order of
        evaluation; M may be 0.
      score: float[M], higher is better; NaN or infinite if an evaluation failed.

    Returns:
      What `suggest` returns after these evaluations.

    Raises:
      NmjaxError: There are more evaluations than the capacity, lengths differ, or `observe` would
        refuse an evaluation.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, suggest_next_point
      >>> unknown, algorithm = ScoreTable(jnp.full(3, jnp.nan)), RandomSearch(capacity=3)
      >>> evaluated, scores = jnp.array([0, 2]), jnp.array([0.5, 0.4])
      >>> int(suggest_next_point(jax.random.key(0), unknown, algorithm, None, evaluated, scores))
      1
    """
    hyper = check_arguments(algorithm, hyper)
    hyper = hyper._replace(min_expected_improvement=jnp.zeros_like(hyper.min_expected_improvement))
    state = _start(key, problem, algorithm, hyper)
    scores = jnp.asarray(score, score_dtype(state))
    lengths = {np.shape(leaf)[0] for leaf in jax.tree.leaves(evaluated)}
    if scores.ndim != 1 or lengths != {len(scores)}:
        raise NmjaxError(
            f"Got {max(lengths, default=0)} evaluations with scores {list(scores.shape)}; give one "
            "score for each."
        )
    check_capacity(state, evaluations=len(scores))
    indices = algorithm.check_indices(state, evaluated)
    return _suggest_after(state, problem, algorithm, hyper, indices, scores)


@partial(jax.jit, static_argnames="algorithm")
def _start(key: Array, problem: PyTree, algorithm: Any, hyper: SearchHyper) -> PyTree:
    return algorithm.init(key, problem, hyper)


@partial(jax.jit, static_argnames="algorithm")
def _suggest(state: PyTree, problem: PyTree, algorithm: Any, hyper: SearchHyper) -> PyTree:
    return algorithm.suggest(state, problem, hyper)


@partial(jax.jit, static_argnames="algorithm")
def _observe(
    state: PyTree,
    problem: PyTree,
    algorithm: Any,
    hyper: SearchHyper,
    index: PyTree,
    score: Array,
) -> tuple[Any, SearchInfo]:
    observed: tuple[Any, SearchInfo] = algorithm.observe(state, problem, hyper, index, score)
    return observed


@partial(jax.jit, static_argnames="algorithm")
def _is_finished(state: PyTree, problem: PyTree, algorithm: Any, hyper: SearchHyper) -> Array:
    failure = jnp.full((), jnp.nan, score_dtype(state))
    next_one = algorithm.suggest(state, problem, hyper)
    counted: Array = algorithm.observe(state, problem, hyper, next_one, failure)[1].counted
    return ~counted


@partial(jax.jit, static_argnames="algorithm")
def _suggest_after(
    state: PyTree,
    problem: PyTree,
    algorithm: Any,
    hyper: SearchHyper,
    evaluated: PyTree,
    score: Array,
) -> PyTree:
    def add(state: PyTree, evaluation: tuple[PyTree, Array]) -> tuple[PyTree, None]:
        return algorithm.observe(state, problem, hyper, *evaluation)[0], None

    state, _ = jax.lax.scan(add, state, (evaluated, score))
    return algorithm.suggest(state, problem, hyper)
