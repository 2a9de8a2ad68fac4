"""The same search for one's own training job: `suggest` an architecture, `observe` its score."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.search.algorithm import AnySearch, SearchHyper, check_capacity
from nmjax.search.problem import Problem, SpaceProblem
from nmjax.search.record import SearchInfo
from nmjax.types import Array, PyTree


class Study(NamedTuple):
    """A search in progress whose evaluations happen elsewhere.

    Attributes:
      state: of the algorithm; save it with `experiments.save_checkpoint`.
      problem: what is searched; its scores are not read.
      hyper: the traced numbers.
    """

    state: PyTree
    problem: Problem | SpaceProblem
    hyper: SearchHyper


def start_study(
    key: Array, problem: Problem | SpaceProblem, hyper: SearchHyper, *, algorithm: AnySearch
) -> Study:
    """A study before its first evaluation.

    Raises:
      NmjaxError: the budget, where it is known, is larger than the capacity of the algorithm.
    """
    state = algorithm.init(key, problem, hyper)
    if not isinstance(hyper.budget, jax.core.Tracer):
        check_capacity(state, budget=int(np.max(hyper.budget)))
    return Study(state, problem, hyper)


@partial(jax.jit, static_argnames="algorithm")
def suggest(study: Study, *, algorithm: AnySearch) -> Array:
    """What to evaluate next: a row int32[] of the pool, or of a search of a space int32[C] itself.

    While the study is not finished, it is never what was observed.
    """
    return algorithm.suggest(study.state, study.problem, study.hyper)


@partial(jax.jit, static_argnames="algorithm")
def observe(
    study: Study, index: Array, score: Array, *, algorithm: AnySearch
) -> tuple[Study, SearchInfo]:
    """The study with one more evaluation; once it is finished it stays as it is.

    Args:
      study: before the evaluation.
      index: int32[], the row that was evaluated, suggested or not; of a search of a space the
        architecture int32[C].
      score: float[], higher is better; NaN or infinite where the evaluation failed.
      algorithm: that the study was started with.
    """
    score = jnp.asarray(score, study.problem.log_weights.dtype)
    state, info = algorithm.observe(study.state, study.problem, study.hyper, index, score)
    return study._replace(state=state), info


@partial(jax.jit, static_argnames="algorithm")
def is_finished(study: Study, *, algorithm: AnySearch) -> Array:
    """Whether bool[] no evaluation would count any more; ask before paying for the next one.

    The budget is spent, nothing is left to evaluate, or all that is left promises less than
    `hyper.min_expected_improvement`.
    """
    failure = jnp.full((), jnp.nan, study.problem.log_weights.dtype)
    next_one = algorithm.suggest(study.state, study.problem, study.hyper)
    return ~algorithm.observe(study.state, study.problem, study.hyper, next_one, failure)[1].counted


@partial(jax.jit, static_argnames="algorithm")
def suggest_next_point(
    key: Array,
    problem: Problem | SpaceProblem,
    hyper: SearchHyper,
    evaluated: Array,
    score: Array,
    *,
    algorithm: AnySearch,
) -> Array:
    """What to evaluate after some evaluations, for who keeps those and no study.

    Args:
      key: of the search.
      problem: what is searched; its scores are not read.
      hyper: the traced numbers; evaluations past its budget do not count, and its
        min_expected_improvement ends nothing.
      evaluated: int32[M] rows, or int32[M, C] architectures for a search of a space, in order;
        there may be none.
      score: float[M], higher is better; NaN or infinite where an evaluation failed.
      algorithm: for instance `BayesianSearch()` or `SpaceSearch(space)`.

    Returns:
      A row int32[], or an architecture int32[C].

    Raises:
      NmjaxError: there are more evaluations than the algorithm has a capacity for.
    """
    hyper = hyper._replace(min_expected_improvement=jnp.zeros_like(hyper.min_expected_improvement))

    def add(state: PyTree, evaluation: tuple[Array, Array]) -> tuple[PyTree, None]:
        return algorithm.observe(state, problem, hyper, *evaluation)[0], None

    score = jnp.asarray(score, problem.log_weights.dtype)
    start = algorithm.init(key, problem, hyper)
    check_capacity(start, evaluations=len(score))
    state, _ = jax.lax.scan(add, start, (jnp.asarray(evaluated, jnp.int32), score))
    return algorithm.suggest(state, problem, hyper)
