"""The probability that an evaluation succeeds within known limits, a factor of the acquisition."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from nmjax.predictors import (
    FailureModel,
    FailureRates,
    condition_failure_rates,
    initial_failure_model,
    log_success_probability,
)
from nmjax.search.acquisitions import is_logarithmic
from nmjax.search.problem import HasModel
from nmjax.search.record import Record
from nmjax.types import Acquisition, Array


def failure_model(rates: FailureRates, record: Record | None, seen: Array) -> FailureModel:
    """Return failure rates given the evaluations so far.

    Args:
      rates: Failure rates before the first evaluation.
      record: Evaluations so far; None before the first.
      seen: float[B, F], parts of the evaluated architectures; not read before the first.
    """
    if record is None:
        return initial_failure_model(rates, seen.shape[-1])
    model: FailureModel = condition_failure_rates(
        rates, seen, jnp.isnan(record.score), _counted(record)
    )
    return model


def pool_log_success(problem: HasModel, record: Record | None = None) -> Array:
    """Return the log-probabilities float[N] that a pool's rows succeed and meet known limits.

    Without limits they are 0 as long as no evaluation has failed, of past tasks or of this search,
    and if failures are ignored.

    Args:
      problem: Problem over a pool.
      record: Evaluations so far; None before the first.
    """
    succeeds = _learned_log_success(problem, record)
    return succeeds if problem.feasibility is None else succeeds + jnp.log(problem.feasibility)


def left_out(problem: HasModel, evaluated: Array) -> Array:
    """Return which rows bool[N] are not to be suggested: evaluated ones, and infeasible ones.

    Args:
      problem: Problem over a pool.
      evaluated: bool[N], rows evaluated so far.
    """
    return evaluated if problem.feasibility is None else evaluated | (problem.feasibility == 0)


def _learned_log_success(problem: HasModel, record: Record | None) -> Array:
    if problem.parts is None or problem.failures is None:
        return jnp.zeros_like(problem.score)
    needed = problem.failures.informed
    if record is not None:
        needed = needed | jnp.any(jnp.isnan(record.score) & _counted(record))

    def compute(rates: FailureRates, record: Record | None, parts: Array) -> Array:
        seen = parts[:1] if record is None else parts[record.row]
        found: Array = log_success_probability(failure_model(rates, record, seen), parts)
        return found

    return _zero_unless(needed, compute, problem.failures, record, problem.parts)


def discount_failures(
    acquisition: Acquisition, value: Array, log_success: Array, floor: Array
) -> Array:
    """Multiply acquisition values by the probability of success.

    The logarithm is added to acquisitions that are logarithms. Of others, what exceeds the floor is
    multiplied, so that they need not be positive.

    Args:
      acquisition: Acquisition that returned the values.
      value: float[N], acquisition values.
      log_success: float[N], log-probabilities of success.
      floor: float[], value of a certain failure.
    """
    if is_logarithmic(acquisition):
        return value + log_success
    return jnp.where(log_success < 0, floor + jnp.exp(log_success) * (value - floor), value)


def _counted(record: Record) -> Array:
    """Return which entries bool[B] of a record are evaluations."""
    return jnp.arange(len(record.score)) < record.step


def _zero_unless(needed: Array, function: Callable[..., Array], *arguments: Any) -> Array:
    """Return the result of a function if `needed` bool[], and zeros otherwise.

    Under `vmap` the function is called if any lane needs it. `jax.lax.cond` would always call it.
    """

    @custom_vmap
    def call(needed: Array, *arguments: Any) -> Array:
        shape = jax.eval_shape(function, *arguments)
        zeros = jnp.zeros(shape.shape, shape.dtype)
        found: Array = jax.lax.cond(needed, function, lambda *_: zeros, *arguments)
        return found

    @call.def_vmap
    def over_lanes(
        axis_size: int, is_batched: list[Any], needed: Array, *arguments: Any
    ) -> tuple[Array, bool]:
        axes = jax.tree.map(lambda batched: 0 if batched else None, tuple(is_batched[1:]))
        lanes = jax.vmap(function, in_axes=axes, axis_size=axis_size)
        return _zero_unless(jnp.any(needed), lanes, *arguments), True

    found: Array = call(needed, *arguments)
    return found
