"""Probability that architectures of a space succeed, given the evaluations in the slots."""

import jax.numpy as jnp

from nmjax.predictors import FailureModel, log_success_probability
from nmjax.search.combinatorial.state import SpaceState
from nmjax.search.feasibility import failure_model
from nmjax.search.maximizers.points import encode_points
from nmjax.search.problem import SpaceProblem
from nmjax.search.record import Record
from nmjax.spaces import Space, encoded_parts
from nmjax.types import Array


def slot_failures(
    problem: SpaceProblem, state: SpaceState, record: Record | None, *, space: Space
) -> FailureModel | None:
    """Return failure rates given the evaluations so far; None if failures are ignored.

    Args:
      problem: Problem to search.
      state: State of the search.
      record: Evaluations so far; None before the first.
      space: Space of the architectures.
    """
    if problem.failures is None:
        return None
    seen = encoded_parts(space, encode_points(space, state.point))
    return failure_model(problem.failures, record, seen)


def encoded_log_success(model: FailureModel | None, encoding: Array, *, space: Space) -> Array:
    """Return the log-probabilities float[n] that encodings float[n, D] succeed.

    Args:
      model: Failure rates; None if failures are ignored.
      encoding: Encodings of architectures.
      space: Space of the architectures.
    """
    if model is None:
        return jnp.zeros(len(encoding), encoding.dtype)
    found: Array = log_success_probability(model, encoded_parts(space, encoding))
    return found
