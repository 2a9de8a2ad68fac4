"""Checks of the arguments of `start`, `suggest` and `observe`."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from nmjax.errors import NmjaxError
from nmjax.search.algorithm import SearchAlgorithm, SearchHyper, default_hyper
from nmjax.search.record import Record
from nmjax.types import Array, PyTree, is_traced


def check_algorithm(algorithm: Any) -> None:
    """Raise an NmjaxError if `algorithm` is not a search."""
    if not isinstance(algorithm, SearchAlgorithm):
        raise NmjaxError(
            f"Got {algorithm!r} as algorithm; give a search, for instance BayesianSearch()."
        )


def check_arguments(algorithm: Any, hyper: SearchHyper | None, state: PyTree = None) -> SearchHyper:
    """Return the hyperparameters, after checking that the arguments belong together.

    Args:
      algorithm: Search.
      hyper: Hyperparameters; by default `default_hyper` with the algorithm's capacity as the
        budget.
      state: State of the search, if it has been started.

    Raises:
      NmjaxError: `algorithm` is not a search, `hyper` is not a `SearchHyper`, or the state belongs
        to another algorithm.
    """
    check_algorithm(algorithm)
    if hyper is not None and not isinstance(hyper, SearchHyper):
        raise NmjaxError(f"Got {hyper!r} as hyper; give a SearchHyper, as from default_hyper().")
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


def score_dtype(state: Any) -> DTypeLike:
    """Return the floating type of the scores that a search records."""
    dtype: DTypeLike = state.record.score.dtype
    return dtype


def check_score(score: Any, dtype: Any) -> Array:
    """Return a score as float[]. Traced values are not checked.

    Raises:
      NmjaxError: It is not one number.
    """
    if is_traced(score):
        traced: Array = score.astype(dtype)
        return traced
    value = np.asarray(score)
    if value.shape != () or not (
        np.issubdtype(value.dtype, np.integer) or jnp.issubdtype(value.dtype, jnp.floating)
    ):
        raise NmjaxError(
            f"Got {score!r} as a score; give one number, NaN if the evaluation failed."
        )
    with np.errstate(over="ignore"):
        return jnp.asarray(value, dtype)
