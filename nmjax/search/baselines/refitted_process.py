"""Bayesian optimization under a Gaussian process that is refitted after every evaluation.

The base of `GPSearch`, without transfer, and of `FSBOSearch`, whose kernel is meta-learned.
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
    log_normal_density,
    noisy_covariance,
)
from nmjax.search.acquisitions import most_improving
from nmjax.search.algorithm import SearchHyper, TransformedSearch
from nmjax.search.problem import Problem, unit_inputs
from nmjax.search.record import Record, SearchInfo, follow_plan, record_evaluation
from nmjax.setting_checks import check_rates, check_sizes
from nmjax.types import Array, Gaussian, PyTree

Fit = tuple[DeepKernelParams, PyTree]


class ProcessState(NamedTuple):
    """State of a `RefittedProcessSearch`.

    Attributes:
      record: Evaluations so far.
      planned: int32[I], rows to evaluate first.
      start: Parameters where the next fit starts.
      params: Parameters of the process.
    """

    record: Record
    planned: Array
    start: DeepKernelParams
    params: DeepKernelParams


@dataclass(frozen=True, kw_only=True)
class RefittedProcessSearch(TransformedSearch[ProcessState, Problem]):
    """Base class: expected improvement of the noise-free score under a process on features.

    After each evaluation, Adam maximizes the log posterior over all parameters. A step costs
    O(steps B^3 + N B (B + F)) for F features.

    A subclass implements the parameters where fits start (`begin`), the features (`features`) and
    the prior of the kernel (`log_prior`). With `warm`, each fit starts where the last one ended.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.
      initial: Number of rows evaluated first.
      steps: Number of Adam steps after each evaluation.
      rate: Learning rate of Adam.
      outcome_transform: Name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: `capacity` or `initial` is not positive, or the outcome transform is unknown.
    """

    warm: ClassVar[bool]

    initial: int = 5
    steps: int = 10
    rate: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(initial=self.initial, steps=self.steps)
        check_rates(rate=self.rate)

    @abstractmethod
    def begin(self, key: Array, problem: Problem) -> tuple[DeepKernelParams, Array]:
        """Return parameters before any evaluation, and rows int32[I] to evaluate first.

        Repeated rows are skipped. The kernel has one relevance, or one for each feature.
        """

    @abstractmethod
    def features(self, network: PyTree, x: Array) -> Array:
        """Return features float[M, F] of inputs float[M, D] from `unit_inputs`."""

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
        transformed = self.transform(record.score)
        number = state.planned.shape[0]
        planned = state.planned[jnp.minimum(record.step, number - 1)]
        chosen = most_improving(
            self._predict(state, problem, transformed), transformed, record.evaluated
        )
        return follow_plan(record, planned, chosen, number=number)

    def update(
        self, state: ProcessState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[ProcessState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        x = unit_inputs(problem, problem.pool.position[record.row])
        y = self.transform(record.score)
        fitted = self._fit(state.start, x, y)
        params = jax.tree.map(
            lambda new, old: jnp.where(info.counted, new, old), fitted, state.params
        )
        start = params if self.warm else state.start
        return ProcessState(record, state.planned, start, params), info
