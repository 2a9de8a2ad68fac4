"""Bayesian optimization by a Gaussian process that is fitted anew after every evaluation.

What is common to the process without a past and to the one whose kernel is meta-learned.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

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
from nmjax.search.algorithm import SearchAlgorithm, SearchHyper, check_sizes
from nmjax.search.problem import Problem
from nmjax.search.record import Record, SearchInfo, record_evaluation
from nmjax.types import Array, Gaussian, PyTree

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


@dataclass(frozen=True, kw_only=True)
class RefittedProcessSearch(SearchAlgorithm[ProcessState, Problem]):
    """Expected improvement of the noise-free score under a process on features.

    After each evaluation all parameters ascend the log posterior by Adam. A step costs
    O(steps B^3 + N B (B + F)) for F features.

    A subclass says where a fit starts (`begin`), what the features are (`features`), what the
    prior of the kernel is (`log_prior`), and whether a fit starts where the last one ended
    (`warm`) or from what `begin` returned.

    Attributes:
      capacity: B, the largest budget.
      evaluate: as in `SearchAlgorithm`.
      initial: number of rows evaluated first.
      steps: number of Adam steps after each evaluation.
      rate: learning rate of Adam.
      outcome_transform: name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: capacity or initial are not positive, or no outcome transform has that name.
    """

    warm: ClassVar[bool]

    initial: int = 5
    steps: int = 10
    rate: float = 0.1
    outcome_transform: str = "log_lower_tail"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(initial=self.initial)
        get_outcome_transform(self.outcome_transform)

    @abstractmethod
    def begin(self, key: Array, problem: Problem) -> tuple[DeepKernelParams, Array]:
        """Return parameters before any evaluation, and rows int32[I] to evaluate first.

        Repeated rows are skipped. The kernel has a relevance for each feature, or one.
        """

    @abstractmethod
    def features(self, network: PyTree, x: Array) -> Array:
        """Return features float[M, F] of inputs float[M, D] that `unit_inputs` made."""

    @abstractmethod
    def log_prior(self, kernel: KernelParams) -> Array:
        """Return the log prior density float[] of the kernel, up to a constant."""

    def init(self, key: Array, problem: Problem, hyper: SearchHyper) -> ProcessState:
        """Return the state before the first evaluation."""
        del hyper
        params, planned = self.begin(key, problem)
        record = self.empty_record(problem.score)
        return ProcessState(record, planned, params, params)

    def _fit(self, start: DeepKernelParams, x: Array, y: Array) -> DeepKernelParams:
        optimizer = optax.adam(self.rate)

        def loss(params: DeepKernelParams) -> Array:
            embedded = self.features(params.network, x)
            covariance = noisy_covariance(params.kernel, embedded)
            return -log_normal_density(covariance, y - params.mean) - self.log_prior(params.kernel)

        def step(carried: Fit, _: None) -> tuple[Fit, None]:
            params, opt_state = carried
            return descend(optimizer, jax.grad(loss)(params), opt_state, params)[:2], None

        return jax.lax.scan(step, (start, optimizer.init(start)), None, length=self.steps)[0][0]

    def _predict(self, state: ProcessState, problem: Problem, transformed: Array) -> Gaussian:
        params = state.params
        embedded = self.features(params.network, unit_inputs(problem, problem.pool.position))
        process = gaussian_process(embedded.shape[-1], capacity=self.capacity)
        known = process.condition(
            params.kernel, embedded[state.record.row], transformed - params.mean
        )
        mean, std = process.predict(known, embedded)
        return Gaussian(mean + params.mean, std)

    def suggest(self, state: ProcessState, problem: Problem, hyper: SearchHyper) -> Array:
        """Return the row int32[] to evaluate next."""
        del hyper
        record = state.record
        transformed = get_outcome_transform(self.outcome_transform)(record.score)
        number = state.planned.shape[0]
        planned = state.planned[jnp.minimum(record.step, number - 1)]
        chosen = most_improving(
            self._predict(state, problem, transformed), transformed, record.evaluated
        )
        return jnp.where((record.step < number) & ~record.evaluated[planned], planned, chosen)

    def update(
        self, state: ProcessState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[ProcessState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        x = unit_inputs(problem, problem.pool.position[record.row])
        y = get_outcome_transform(self.outcome_transform)(record.score)
        fitted = self._fit(state.start, x, y)
        params = jax.tree.map(
            lambda new, old: jnp.where(info.counted, new, old), fitted, state.params
        )
        start = params if self.warm else state.start
        return ProcessState(record, state.planned, start, params), info


def unit_inputs(problem: Problem, position: Array) -> Array:
    """Positions float[..., D] with each dimension as a share of its range over the pool.

    It undoes the relevance that the past gave to each dimension; what does not vary is 0.
    """
    pool = problem.pool.position
    low, high = jnp.min(pool, axis=0), jnp.max(pool, axis=0)
    span = jnp.where(high > low, high - low, 1)
    shape = (1,) * (position.ndim - 1) + low.shape
    return (position - low.reshape(shape)) / span.reshape(shape)
