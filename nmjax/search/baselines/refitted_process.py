"""Bayesian optimization by a Gaussian process that is fitted anew after every evaluation.

What is common to the process without a past and to the one whose kernel is meta-learned.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.meta import DeepKernelParams
from nmjax.optimize import descend
from nmjax.predictors import (
    KernelParams,
    gaussian_process,
    get_outcome_transform,
    log_normal_density,
    noisy_covariance,
)
from nmjax.search.acquisitions import most_improving
from nmjax.search.loop import SearchAlgorithm, SearchHyper, make_algorithm
from nmjax.search.problem import Problem
from nmjax.search.record import Record, SearchInfo, empty_record, record_evaluation
from nmjax.types import ApplyFn, Array, Gaussian, PyTree

Fit = tuple[DeepKernelParams, PyTree]


class ProcessState(NamedTuple):
    """What a search by a process that is fitted anew carries.

    Attributes:
      record: the evaluations so far.
      planned: int32[I], the rows to begin with.
      start: what the next fit begins from.
      params: of the process now.
    """

    record: Record
    planned: Array
    start: DeepKernelParams
    params: DeepKernelParams


def process_search(
    begin: Callable[[Array, Problem], tuple[DeepKernelParams, Array]],
    features: ApplyFn,
    log_prior: Callable[[KernelParams], Array],
    *,
    capacity: int,
    steps: int,
    rate: float,
    warm: bool,
    outcome_transform: str,
) -> SearchAlgorithm:
    """Expected improvement of the noise-free score under a process on features.

    After each evaluation all parameters ascend the log posterior by Adam. A step costs
    O(steps B^3 + N B (B + F)) for F features.

    Args:
      begin: (key, problem) -> parameters before any evaluation, and rows int32[I] to begin with, of
        which repeated ones are passed over. The kernel has a relevance for each feature, or one.
      features: (network, x float[M, D]) -> float[M, F] of inputs as `unit_inputs` makes them.
      log_prior: of the kernel, up to a constant.
      capacity: B, the largest budget.
      steps: of Adam, after each evaluation.
      rate: of Adam.
      warm: whether a fit begins where the last one ended, or from what `begin` gave.
      outcome_transform: what is done to the scores so far, a name of `predictors.normalize`.

    Raises:
      NmjaxError: no outcome_transform has that name.
    """
    apply_transform, optimizer = get_outcome_transform(outcome_transform), optax.adam(rate)

    def init(key: Array, problem: Problem, hyper: SearchHyper) -> ProcessState:
        del hyper
        params, planned = begin(key, problem)
        return ProcessState(empty_record(problem.score, capacity=capacity), planned, params, params)

    def fit(start: DeepKernelParams, x: Array, y: Array) -> DeepKernelParams:
        def loss(params: DeepKernelParams) -> Array:
            embedded = features(params.network, x)
            covariance = noisy_covariance(params.kernel, embedded)
            return -log_normal_density(covariance, y - params.mean) - log_prior(params.kernel)

        def step(carried: Fit, _: None) -> tuple[Fit, None]:
            params, opt_state = carried
            return descend(optimizer, jax.grad(loss)(params), opt_state, params)[:2], None

        return jax.lax.scan(step, (start, optimizer.init(start)), None, length=steps)[0][0]

    def predict(state: ProcessState, problem: Problem, transformed: Array) -> Gaussian:
        params = state.params
        embedded = features(params.network, unit_inputs(problem, problem.pool.position))
        process = gaussian_process(embedded.shape[-1], capacity=capacity)
        known = process.condition(
            params.kernel, embedded[state.record.row], transformed - params.mean
        )
        mean, std = process.predict(known, embedded)
        return Gaussian(mean + params.mean, std)

    def suggest(state: ProcessState, problem: Problem, hyper: SearchHyper) -> Array:
        del hyper
        record, transformed = state.record, apply_transform(state.record.score)
        number = state.planned.shape[0]
        planned = state.planned[jnp.minimum(record.step, number - 1)]
        chosen = most_improving(predict(state, problem, transformed), transformed, record.evaluated)
        return jnp.where((record.step < number) & ~record.evaluated[planned], planned, chosen)

    def observe(
        state: ProcessState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[ProcessState, SearchInfo]:
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        x = unit_inputs(problem, problem.pool.position[record.row])
        fitted = fit(state.start, x, apply_transform(record.score))
        params = jax.tree.map(
            lambda new, old: jnp.where(info.counted, new, old), fitted, state.params
        )
        return ProcessState(record, state.planned, params if warm else state.start, params), info

    return make_algorithm(init, suggest, observe)


def unit_inputs(problem: Problem, position: Array) -> Array:
    """Positions float[..., D] with each dimension as a share of its range over the pool.

    It undoes the relevance that the past gave to each dimension; what does not vary is 0.
    """
    pool = problem.pool.position
    low, high = jnp.min(pool, axis=0), jnp.max(pool, axis=0)
    span = jnp.where(high > low, high - low, 1)
    shape = (1,) * (position.ndim - 1) + low.shape
    return (position - low.reshape(shape)) / span.reshape(shape)
