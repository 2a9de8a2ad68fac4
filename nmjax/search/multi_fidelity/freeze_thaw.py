"""Freeze-thaw search: predicted ends of learning curves decide which child trains on."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.knowledge import mixture_log_weights
from nmjax.predictors import (
    CurvePredictor,
    PoolState,
    init_pool,
    log_lower_tail,
    observe_pool,
    predict_evaluation,
    predict_final,
)
from nmjax.search.acquisitions import argmax_unevaluated, log_standard_improvement
from nmjax.search.algorithm import SearchHyper
from nmjax.search.initial_design import INITIAL, initial_design, next_initial
from nmjax.search.multi_fidelity.algorithm import MultiFidelitySearch
from nmjax.search.multi_fidelity.children import (
    ChildRecord,
    EpochInfo,
    NextEpoch,
    empty_children,
    record_epoch,
)
from nmjax.search.problem import HasModel
from nmjax.types import Array, Gaussian, PyTree


class CurveProblem(NamedTuple):
    """Pool to search by epochs, with priors and a curve predictor from past tasks.

    Attributes:
      children: What the children are and train on: a `CurveTable`, or a `nmjax.live.LivePool`.
      problem: Priors of the last score over the same rows, from `make_problem`. Its scores are not
        read.
      predictor: Predictor of the last score of a curve.
      encoding: float[N, D], encodings of the rows, which the predictor reads.

    Example:
      >>> from nmjax.search import CurveProblem
      >>> CurveProblem._fields[:2]
      ('children', 'problem')
    """

    children: Any
    problem: HasModel
    predictor: CurvePredictor
    encoding: Array


class FreezeThawState(NamedTuple):
    """State of a `FreezeThawSearch`.

    Attributes:
      record: Epochs so far.
      memory: Memory of the children.
      initial: int32[4], rows of the initial design, as in `SearchState`.
      model: Posteriors of the last score over the pool, leaves with a leading axis of K.
      log_weights: float[K], posterior log-probabilities of the components.
      predicted: Last score of each child, in transformed units: mean and std float[B].

    Example:
      >>> from nmjax.search.multi_fidelity.freeze_thaw import FreezeThawState
      >>> FreezeThawState._fields[0]
      'record'
    """

    record: ChildRecord
    memory: PyTree
    initial: Array
    model: PoolState
    log_weights: Array
    predicted: Gaussian


@dataclass(frozen=True, kw_only=True)
class FreezeThawSearch(MultiFidelitySearch[FreezeThawState, CurveProblem]):
    """Bayesian optimization that freezes and thaws trainings (Swersky, Snoek and Adams, 2014).

    Each step trains the child with the largest expected improvement per epoch that is left: one
    that was started, whose end the curve predictor predicts from its curve, or a new one, whose
    score the priors of the problem predict. The improvement is over the best child that has been
    trained to the end; before there is one, over the best lower bound of one standard deviation.
    The model of the pool is conditioned on the predicted ends of all children. Both predictions
    come from past tasks, the curve predictor from `predictors.fit_curves` and the priors from
    `nmjax.learn`.

    Attributes:
      capacity: B, the largest number of children.
      training: How a child trains for an epoch.

    Raises:
      NmjaxError: The capacity is not positive.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.predictors import naive_curves
      >>> from nmjax.search import CurveProblem, CurveTable, FreezeThawSearch
      >>> from nmjax.search import make_problem, run_epochs
      >>> from nmjax.spaces import Space, encode, enumerate_architectures
      >>> space = Space(op=["a", "b", "c"], act=["relu", "tanh"])
      >>> pool, curve = enumerate_architectures(space), jnp.arange(18.0).reshape(6, 3)
      >>> problem = CurveProblem(
      ...     CurveTable(curve), make_problem(space, pool, None, default_knowledge(space)),
      ...     naive_curves(3, 5, std=1.0), encode(space, pool))
      >>> search = FreezeThawSearch(capacity=6)
      >>> state, _ = run_epochs(jax.random.key(0), problem, search, epochs=12)
      >>> int(state.record.cost)
      12
    """

    def children(self, problem: CurveProblem) -> Any:
        """Return the part of the problem that `training` reads."""
        return problem.children

    def init(self, key: Array, problem: CurveProblem, hyper: SearchHyper) -> FreezeThawState:
        """Return the state before the first epoch.

        Raises:
          NmjaxError: The predictor was fitted on curves of another length or on another encoding.
        """
        del hyper
        known = problem.problem
        epochs = self.training.epochs(problem.children)
        _check_predictor(problem, epochs)
        unknown = jnp.full((self.capacity,), jnp.nan, known.score.dtype)
        return FreezeThawState(
            empty_children(known.score, capacity=self.capacity, epochs=epochs),
            self.training.init(problem.children, self.capacity),
            initial_design(key, known),
            init_pool(known.prior, known.pool, capacity=self.capacity),
            known.log_weights,
            Gaussian(unknown, unknown),
        )

    def suggest(
        self, state: FreezeThawState, problem: CurveProblem, hyper: SearchHyper
    ) -> NextEpoch:
        """Return the child to train next."""
        record, whole = state.record, state.record.curve.shape[1]
        best = self._incumbent(state)
        left = (whole - record.epochs).astype(best.dtype)
        can_go_on = (record.epochs > 0) & (left > 0) & ~record.failed
        going = _log_improvement(state.predicted, best) - jnp.log(jnp.maximum(left, 1))
        going = jnp.where(can_go_on, going, -jnp.inf)

        posterior = predict_evaluation(state.model, problem.problem.prior)
        each = _log_improvement(posterior, best)
        value = jax.nn.logsumexp(state.log_weights[:, None] + each, axis=0)
        fresh = argmax_unevaluated(value, record.started, otherwise=state.initial[0])
        is_initial = record.number < INITIAL
        planned = next_initial(state, problem.problem)
        fresh = jnp.where(is_initial & ~record.started[planned], planned, fresh)

        has_room = record.number < min(self.capacity, len(record.started))
        starts = value[fresh] - math.log(whole) > jnp.max(going)
        starts = has_room & (starts | is_initial | ~jnp.any(can_go_on))
        slot = jnp.where(starts, record.number, jnp.argmax(going)).astype(jnp.int32)
        active = (starts | jnp.any(can_go_on)) & (record.cost < hyper.budget)
        slot = jnp.minimum(slot, self.capacity - 1)
        return NextEpoch(slot, jnp.where(starts, fresh, record.row[slot]), active)

    def update(
        self,
        state: FreezeThawState,
        problem: CurveProblem,
        hyper: SearchHyper,
        chosen: NextEpoch,
        score: Array,
    ) -> tuple[FreezeThawState, EpochInfo]:
        """Return the state after the suggested epoch, whose score float[] is finite or NaN."""
        known = problem.problem
        record, info = record_epoch(state.record, chosen, score)
        predicted = _predict(record, problem)
        is_new = record.number > state.record.number
        newest = jnp.where(is_new, chosen.slot, -1)
        model = observe_pool(
            state.model, known.prior, known.pool, record.row, predicted.mean, newest
        )
        log_weights = mixture_log_weights(known.log_weights, model.log_evidence, hyper.fixed_share)
        return state._replace(
            record=record, model=model, log_weights=log_weights, predicted=predicted
        ), info

    def _incumbent(self, state: FreezeThawState) -> Array:
        """Return the score float[] to improve on, in transformed units."""
        mean, std = state.predicted
        ended = jnp.isfinite(state.record.final)
        whole = jnp.max(jnp.where(ended, mean, -jnp.inf))
        alive = jnp.isfinite(mean) & ~state.record.failed
        lower = jnp.max(jnp.where(alive, mean - std, -jnp.inf))
        best = jnp.where(jnp.any(ended), whole, lower)
        return jnp.where(jnp.isfinite(best), best, 0)


def _check_predictor(problem: CurveProblem, epochs: int) -> None:
    """Raise an NmjaxError if the predictor is for other curves or encodings."""
    size = problem.encoding.shape[-1]
    given, expected = problem.predictor.weights.shape, (epochs, 1 + epochs + size)
    if given != expected:
        raise NmjaxError(
            f"Got a curve predictor with weights {list(given)} for trainings of {epochs} epochs "
            f"and encodings of {size} features, expected {list(expected)}: fit it on past curves "
            "of as many epochs and on the same encoding."
        )


def _predict(record: ChildRecord, problem: CurveProblem) -> Gaussian:
    """Predict the last scores of the children, mean and std float[B], in transformed units.

    A child that failed after its first epoch counts as the worst of the others. One that failed in
    it, or was not started, is NaN.
    """
    encoding = problem.encoding[record.row]
    mean, std = predict_final(problem.predictor, record.curve, record.epochs, encoding)
    mean = jnp.where(jnp.isfinite(mean) & ~record.failed, mean, jnp.nan)
    worst = jnp.min(jnp.where(jnp.isnan(mean), jnp.inf, mean))
    late = record.failed & jnp.isfinite(record.curve[:, 0])
    mean = jnp.where(late, jnp.where(jnp.isfinite(worst), worst, record.curve[:, 0]), mean)
    transformed = log_lower_tail(mean, mean)
    return Gaussian(transformed, log_lower_tail(mean + std, mean) - transformed)


def _log_improvement(posterior: Gaussian, best: Array) -> Array:
    """Return log E[max(score - best, 0)] of normal marginals."""
    std = jnp.maximum(posterior.std, 1e-6)
    return jnp.log(std) + log_standard_improvement((posterior.mean - best) / std)
