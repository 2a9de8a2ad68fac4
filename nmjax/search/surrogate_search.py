"""Bayesian optimization of a pool under any `nmjax.types.Surrogate`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.predictors import update_many
from nmjax.search.acquisitions import (
    AcquisitionContext,
    acquisition_value,
    argmax_unevaluated,
    is_worthwhile,
)
from nmjax.search.algorithm import SearchHyper, TransformedSearch
from nmjax.search.bayesian import LOG_IMPROVEMENT
from nmjax.search.problem import Problem, unit_inputs
from nmjax.search.record import (
    Record,
    SearchInfo,
    best_score,
    follow_plan,
    record_evaluation,
    successes,
)
from nmjax.setting_checks import check_callables, check_sizes
from nmjax.types import Acquisition, Array, Gaussian, Mixture, PyTree, Surrogate


class SurrogateState(NamedTuple):
    """State of a `SurrogateSearch`.

    Attributes:
      key: Random key, folded with the step and never drawn from.
      record: Evaluations so far.
      planned: int32[I], rows to evaluate first.
      model: State of the surrogate, conditioned on the transformed scores so far.

    Example:
      >>> import jax
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.predictors import default_kernel, gaussian_process
      >>> from nmjax.search import SurrogateSearch, default_hyper, make_problem
      >>> from nmjax.spaces import Space, enumerate_architectures
      >>> space = Space(width=[8, 16, 32])
      >>> problem = make_problem(
      ...     space, enumerate_architectures(space), None, default_knowledge(space))
      >>> search = SurrogateSearch(gaussian_process(3, capacity=3), default_kernel, capacity=3)
      >>> arguments = jax.random.key(0), problem, default_hyper(3)
      >>> jax.eval_shape(search.init, *arguments).planned.shape
      (3,)
    """

    key: Array
    record: Record
    planned: Array
    model: PyTree


@dataclass(frozen=True, kw_only=True)
class SurrogateSearch(TransformedSearch[SurrogateState, Problem]):
    """Bayesian optimization of a pool under one surrogate, without transfer.

    After a few random rows, the row with the largest acquisition value comes next. The surrogate's
    inputs are the encodings of the pool, each dimension scaled to [0, 1]; override `inputs` for
    others. All scores are transformed again after each evaluation, so the surrogate is conditioned
    on all of them, one at a time. With `gaussian_process` a step costs O(B^3 + N B^2), with
    `bayesian_linear` O(B F^2 + N F^2) for F inputs. Hyperparameters stay as `make_hyper` returns
    them; `GPSearch` fits them. The information gains in `SearchInfo` are NaN.

    Attributes:
      surrogate: Model of the transformed scores, hashable. It implements `Surrogate`.
      make_hyper: Function F -> hyperparameters of the surrogate for F inputs. Define it once, at
        the top level of a module: two lambdas are never equal, so each would be compiled again.
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.
      initial: Number of random rows evaluated first.
      acquisition: Value of evaluating each row.
      intercept: Whether a constant input of 1 is appended, which `bayesian_linear` needs.
      noise: Variance of an evaluation's noise, positive, in squared units of the transformed
        score. It is added to the surrogate's variances, which are noise-free.
      outcome_transform: Name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: A size or the noise is not positive, the surrogate has a smaller capacity than
        the search, a field is not hashable, or the outcome transform is unknown.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.predictors import default_kernel, gaussian_process
      >>> from nmjax.search import SurrogateSearch, make_problem, run_batch
      >>> from nmjax.spaces import Space, encoding_size, enumerate_architectures
      >>> space = Space("tiny", op=["a", "b", "c"], act=["relu", "tanh", "gelu"])
      >>> pool, scores = enumerate_architectures(space), jnp.arange(9.0)
      >>> problem = make_problem(space, pool, scores, default_knowledge(space))
      >>> surrogate = gaussian_process(encoding_size(space), capacity=6)
      >>> search = SurrogateSearch(surrogate, default_kernel, capacity=6, initial=2)
      >>> keys = jax.random.split(jax.random.key(0), 2)
      >>> run_batch(keys, problem, search, steps=6)[1].score.shape
      (2, 6)
    """

    surrogate: Surrogate = field(kw_only=False)
    make_hyper: Callable[[int], PyTree] = field(kw_only=False)
    initial: int = 5
    acquisition: Acquisition = LOG_IMPROVEMENT
    intercept: bool = False
    noise: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(initial=self.initial)
        check_callables(acquisition=self.acquisition, make_hyper=self.make_hyper)
        room = getattr(self.surrogate, "capacity", self.capacity)
        if room < self.capacity:
            raise NmjaxError(
                f"Got a surrogate of capacity={room} for a search of capacity={self.capacity}; "
                "give the surrogate at least the capacity of the search."
            )
        if not self.noise > 0:
            raise NmjaxError(f"Got noise={self.noise}; give a positive variance.")
        try:
            hash(self)
        except TypeError as error:
            raise NmjaxError(
                f"Got the surrogate {self.surrogate!r} with a field that is not hashable "
                f"({error}); let make_hyper return arrays instead."
            ) from error

    def inputs(self, problem: Problem) -> Array:
        """Return the surrogate's inputs float[N, F] for each row of the pool."""
        scaled = unit_inputs(problem, problem.pool.position)
        if not self.intercept:
            return scaled
        return jnp.concatenate([scaled, jnp.ones_like(scaled, shape=(len(scaled), 1))], axis=1)

    def init(self, key: Array, problem: Problem, hyper: SearchHyper) -> SurrogateState:
        """Return the state before the first evaluation."""
        del hyper
        start_key, step_key = jax.random.split(key)
        rows = jax.random.permutation(start_key, problem.score.shape[0])
        return SurrogateState(
            step_key,
            self.empty_record(problem.score),
            rows[: self.initial].astype(jnp.int32),
            self._unconditioned(problem),
        )

    def suggest(self, state: SurrogateState, problem: Problem, hyper: SearchHyper) -> Array:
        """Return the row int32[] to evaluate next."""
        record, number = state.record, state.planned.shape[0]
        key = jax.random.fold_in(state.key, record.step)
        value = acquisition_value(self.acquisition, key, *self._predictive(state, problem, hyper))
        chosen = argmax_unevaluated(value, record.evaluated, otherwise=state.planned[0])
        planned = state.planned[jnp.minimum(record.step, number - 1)]
        return follow_plan(record, planned, chosen, number=number)

    def update(
        self,
        state: SurrogateState,
        problem: Problem,
        hyper: SearchHyper,
        index: Array,
        score: Array,
    ) -> tuple[SurrogateState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        worthwhile = is_worthwhile(
            *self._predictive(state, problem, hyper),
            hyper.min_expected_improvement,
            initial=state.planned.shape[0],
        )
        budget = jnp.where(worthwhile, hyper.budget, 0)
        record, info = record_evaluation(state.record, budget, index, score)
        transformed = self.transform(record.score)
        start = self._unconditioned(problem)
        model = update_many(self.surrogate, start, self.inputs(problem)[record.row], transformed)
        return state._replace(record=record, model=model), info

    def _unconditioned(self, problem: Problem) -> PyTree:
        """Return the surrogate before any observation, in the precision of the scores."""
        hyper = self.make_hyper(self.inputs(problem).shape[-1])
        return self.surrogate.init(
            jax.tree.map(
                lambda leaf: (
                    jnp.asarray(leaf, problem.score.dtype)
                    if jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
                    else leaf
                ),
                hyper,
            )
        )

    def _predictive(
        self, state: SurrogateState, problem: Problem, hyper: SearchHyper
    ) -> tuple[Mixture, AcquisitionContext]:
        """Return predictions as a mixture of one component, and the context of acquisitions."""
        record, model, x = state.record, state.model, self.inputs(problem)
        transformed = self.transform(record.score)
        mean, std = self.surrogate.predict(model, x)
        noise = jnp.full((1,), self.noise, mean.dtype)
        noisy = Gaussian(mean[None], jnp.sqrt(jnp.square(std)[None] + noise[:, None]))
        context = AcquisitionContext(
            best=best_score(transformed),
            exploration=hyper.exploration,
            step=record.step,
            evaluated=record.evaluated,
            succeeded=successes(record),
            noise=noise,
            cost=problem.cost,
            neighbors=problem.neighbors,
            sample=lambda key: self.surrogate.sample(key, model, x),
            covariance=lambda rows: self.surrogate.covariance(model, x[rows], x)[None],
        )
        return Mixture(jnp.zeros_like(noise), noisy), context
