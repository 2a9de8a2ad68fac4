"""The same search for one's own training job: `suggest` an architecture, `observe` its score."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.search.loop import SearchAlgorithm, SearchHyper
from nmjax.search.problem import Problem
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
    problem: Problem
    hyper: SearchHyper


def start_study(
    key: Array, problem: Problem, hyper: SearchHyper, *, algorithm: SearchAlgorithm
) -> Study:
    """A study before its first evaluation."""
    return Study(algorithm.init(key, problem, hyper), problem, hyper)


@partial(jax.jit, static_argnames="algorithm")
def suggest(study: Study, *, algorithm: SearchAlgorithm) -> Array:
    """The row int32[] of the pool to evaluate next; never one that was observed."""
    return algorithm.suggest(study.state, study.problem, study.hyper)


@partial(jax.jit, static_argnames="algorithm")
def observe(
    study: Study, index: Array, score: Array, *, algorithm: SearchAlgorithm
) -> tuple[Study, SearchInfo]:
    """The study with one more evaluation; once it is finished it stays as it is.

    Args:
      study: before the evaluation.
      index: int32[], the row that was evaluated, suggested or not.
      score: float[], higher is better; NaN where the evaluation failed.
      algorithm: that the study was started with.
    """
    score = jnp.asarray(score, study.problem.score.dtype)
    state, info = algorithm.observe(study.state, study.problem, study.hyper, index, score)
    return study._replace(state=state), info


@partial(jax.jit, static_argnames="algorithm")
def is_finished(study: Study, *, algorithm: SearchAlgorithm) -> Array:
    """Whether bool[] no evaluation would count any more; ask before paying for the next one.

    The budget is spent, nothing is left to evaluate, or all that is left promises less than
    `hyper.price`.
    """
    failure = jnp.full((), jnp.nan, study.problem.score.dtype)
    anywhere = jnp.zeros((), jnp.int32)
    return ~algorithm.observe(study.state, study.problem, study.hyper, anywhere, failure)[1].counted
