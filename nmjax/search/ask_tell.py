"""Searches whose evaluations happen elsewhere: `suggest` an architecture, `observe` its score.

The functions are pure and work under `jit` and `vmap`. Where values are concrete, the functions
also validate them.
"""

from functools import partial
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.search.algorithm import SearchAlgorithm, SearchHyper, check_capacity, default_hyper
from nmjax.search.record import Record, SearchInfo
from nmjax.types import Array, PyTree


class _HasWeights(Protocol):
    @property
    def log_weights(self) -> Array: ...


StateT = TypeVar("StateT")
ProblemT = TypeVar("ProblemT", bound=_HasWeights)


def start(
    key: Array,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None = None,
) -> StateT:
    """Return the state of a search before its first evaluation.

    Args:
      key: random key of the search.
      problem: what is searched; its scores are not read.
      algorithm: for instance `BayesianSearch()`.
      hyper: the traced numbers; by default those of `default_hyper` with the algorithm's capacity
        as the budget.

    Raises:
      NmjaxError: `algorithm` is not a search, `hyper` is not a `SearchHyper`, or the budget is
        larger than the capacity.
    """
    hyper = _check_arguments(algorithm, hyper)
    state = _start(key, problem, algorithm, hyper)
    if _is_concrete(hyper.budget):
        check_capacity(state, budget=int(np.max(hyper.budget)))
    return state


def suggest(
    state: StateT,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None = None,
) -> PyTree:
    """Return what to evaluate next.

    While the search is not finished, that has never been observed before.

    Args:
      state: state of the search.
      problem: as given to `start`.
      algorithm: as given to `start`.
      hyper: as given to `start`.

    Returns:
      A row int32[] of the pool; for a `SpaceSearch` an architecture int32[C], or
      a `Candidate` if the space has real-valued choices.

    Raises:
      NmjaxError: the state is one of another algorithm.
    """
    hyper = _check_arguments(algorithm, hyper, state)
    return _suggest(state, problem, algorithm, hyper)


def observe(
    state: StateT,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None,
    index: Any,
    score: Any,
) -> tuple[StateT, SearchInfo]:
    """Return the state after one more evaluation; a finished search stays as it is.

    Args:
      state: state before the evaluation.
      problem: as given to `start`.
      algorithm: as given to `start`.
      hyper: as given to `start`.
      index: row that was evaluated, suggested or not; for a `SpaceSearch` an architecture
        int32[C], or a pair of int32[C] and float32[R].
      score: score of the evaluation, higher is better; NaN or infinite if it failed.

    Returns:
      The state, and a `SearchInfo`.

    Raises:
      NmjaxError: the state is one of another algorithm; the index is no row of the pool or no
        architecture of the space, or was observed before; or the score is not a number. Traced
        values are not checked.
    """
    hyper = _check_arguments(algorithm, hyper, state)
    index = algorithm.check_index(state, index)
    score = _check_score(score, problem.log_weights.dtype)
    return _observe(state, problem, algorithm, hyper, index, score)


def is_finished(
    state: StateT,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None = None,
) -> Array:
    """Return whether bool[] no further evaluation would count.

    That is so if the budget is spent, nothing is left to evaluate, or the expected improvement is
    below `hyper.min_expected_improvement`. Call it before the next evaluation.

    Args:
      state: state of the search.
      problem: as given to `start`.
      algorithm: as given to `start`.
      hyper: as given to `start`.

    Raises:
      NmjaxError: the state is one of another algorithm.
    """
    hyper = _check_arguments(algorithm, hyper, state)
    return _is_finished(state, problem, algorithm, hyper)


def suggest_next_point(
    key: Array,
    problem: ProblemT,
    algorithm: SearchAlgorithm[StateT, ProblemT],
    hyper: SearchHyper | None,
    evaluated: Any,
    score: Any,
) -> PyTree:
    """Return what to evaluate after a list of evaluations, without keeping a state.

    Args:
      key: random key of the search.
      problem: what is searched; its scores are not read.
      algorithm: for instance `BayesianSearch()` or `SpaceSearch(space)`.
      hyper: the traced numbers; evaluations beyond the budget do not count, and
        `min_expected_improvement` is ignored.
      evaluated: rows int32[M], or architectures int32[M, C] for a `SpaceSearch`, in order of
        evaluation; M may be 0.
      score: float[M], higher is better; NaN or infinite if an evaluation failed.

    Returns:
      A row int32[], or an architecture int32[C].

    Raises:
      NmjaxError: there are more evaluations than the capacity, lengths differ, or an evaluation is
        one that `observe` refuses.
    """
    hyper = _check_arguments(algorithm, hyper)
    hyper = hyper._replace(min_expected_improvement=jnp.zeros_like(hyper.min_expected_improvement))
    scores = jnp.asarray(score, problem.log_weights.dtype)
    lengths = {np.shape(leaf)[0] for leaf in jax.tree.leaves(evaluated)}
    if scores.ndim != 1 or lengths != {len(scores)}:
        raise NmjaxError(
            f"Got {max(lengths, default=0)} evaluations with scores {list(scores.shape)}; give one "
            "score for each."
        )
    state = _start(key, problem, algorithm, hyper)
    check_capacity(state, evaluations=len(scores))
    indices = algorithm.check_indices(state, evaluated)
    return _suggest_after(state, problem, algorithm, hyper, indices, scores)


def _check_arguments(
    algorithm: Any, hyper: SearchHyper | None, state: PyTree = None
) -> SearchHyper:
    """The numbers of a search, once it is clear that the arguments belong together."""
    if not isinstance(algorithm, SearchAlgorithm):
        raise NmjaxError(
            f"Got {algorithm!r} as algorithm; give a search, for instance BayesianSearch()."
        )
    if hyper is not None and not isinstance(hyper, SearchHyper):
        raise NmjaxError(f"Got {hyper!r} as hyper; give a SearchHyper, as by default_hyper().")
    record = getattr(state, "record", None)
    if isinstance(record, Record):
        capacity, made_by = record.row.shape[-1], record.made_by
        if (capacity, made_by) != (algorithm.capacity, algorithm.label):
            raise NmjaxError(
                f"Got a state of {made_by} with capacity={capacity} for {algorithm.label} with "
                f"capacity={algorithm.capacity}; give the algorithm that the search was started "
                "with."
            )
    return default_hyper(algorithm.capacity) if hyper is None else hyper


def _check_score(score: Any, dtype: Any) -> Array:
    if isinstance(score, jax.core.Tracer):
        return score.astype(dtype)
    value = np.asarray(score)
    if value.shape != () or not (
        np.issubdtype(value.dtype, np.integer) or jnp.issubdtype(value.dtype, jnp.floating)
    ):
        raise NmjaxError(
            f"Got {score!r} as a score; give one number, NaN if the evaluation failed."
        )
    with np.errstate(over="ignore"):
        return jnp.asarray(value, dtype)


def _is_concrete(value: Any) -> bool:
    return not isinstance(value, jax.core.Tracer)


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
    failure = jnp.full((), jnp.nan, problem.log_weights.dtype)
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
