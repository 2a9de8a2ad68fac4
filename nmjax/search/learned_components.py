"""Meta-trained learners as components of the mixture that a search predicts with.

A search weights its Gaussian processes by their evidence. A meta-trained learner joins them: it
adapts to all evaluations so far before each prediction. Its evidence is prequential (Dawid, 1984,
"Present position and potential developments: the prequential approach"): each score counts by its
density under the learner adapted to the earlier ones, relative to its density under the mixture of
processes. Both are densities of the same transformed score, so that units cancel, although the
outcome transform is fitted again after every evaluation.
"""

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

import jax
import jax.numpy as jnp

from nmjax.knowledge import mixture_log_weights
from nmjax.meta import Batch
from nmjax.predictors import PoolState, newest_log_density
from nmjax.search.acquisitions import AcquisitionContext
from nmjax.search.acquisitions.context import noise_free
from nmjax.search.problem import HasModel, LearnedComponent
from nmjax.search.record import Record, SearchInfo
from nmjax.stats import gaussian_log_prob
from nmjax.types import Array, Gaussian, Mixture


class LearnedState(Protocol):
    """State of a search under processes and meta-trained components."""

    @property
    def record(self) -> Record:
        """Evaluations so far."""

    @property
    def model(self) -> PoolState:
        """Posteriors of the processes."""

    @property
    def relative_evidence(self) -> Array | None:
        """Log evidence float[E] of the components, relative to the mixture of processes."""

    @property
    def _replace(self) -> Callable[..., Self]:
        """Method of a NamedTuple."""


LearnedStateT = TypeVar("LearnedStateT", bound=LearnedState)


def initial_evidence(problem: HasModel) -> Array | None:
    """Return the relative evidence float[E] before any evaluation; None without components."""
    return jnp.zeros(len(problem.learned), problem.score.dtype) if problem.learned else None


def with_components(
    posterior: Mixture,
    context: AcquisitionContext,
    state: LearnedState,
    problem: HasModel,
    fixed_share: Array,
    transformed: Array,
) -> tuple[Mixture, AcquisitionContext]:
    """Return the predictions of processes and components, and the context of acquisitions.

    Learners predict marginals of noisy scores only. Their noise is taken to be that of the flat
    process, but at most half of the smallest predicted variance, and the noise-free scores under a
    component to be perfectly correlated.

    Args:
      posterior: Predictions of the K processes.
      context: Context for them.
      state: State of the search.
      problem: Problem to search.
      fixed_share: float[], smallest share of its prior weight that a component keeps.
      transformed: float[B], transformed scores so far; NaN where failed or padded.
    """
    if state.relative_evidence is None:
        return posterior, context
    weights = component_log_weights(problem, state.relative_evidence, fixed_share)
    evaluated = state.record.row
    learned = _stack([_predict(component, evaluated, transformed) for component in problem.learned])
    mixed = Mixture(
        jnp.concatenate([weights[0] + posterior.log_weights, weights[1:]]),
        _concatenate(posterior.components, learned),
    )
    least = jnp.min(jnp.square(learned.std), axis=-1)
    noise = jnp.minimum(context.noise[-1], 0.5 * least)
    clean = noise_free(Mixture(weights[1:], learned), noise).components

    def sample(key: Array) -> Array:
        process_key, which_key, level_key = jax.random.split(key, 3)
        drawn = clean.mean + jax.random.normal(level_key, (), clean.mean.dtype) * clean.std
        drawn = jnp.concatenate([context.sample(process_key)[None], drawn])
        return drawn[jax.random.categorical(which_key, weights)]

    def covariance(rows: Array) -> Array:
        spread = clean.std[:, rows, None] * clean.std[:, None, :]
        return jnp.concatenate([context.covariance(rows), spread])

    return mixed, context._replace(
        noise=jnp.concatenate([context.noise, noise]), sample=sample, covariance=covariance
    )


def component_log_weights(problem: HasModel, relative_evidence: Array, fixed_share: Array) -> Array:
    """Return the log-probabilities float[1 + E] of all processes together, and of each component.

    Args:
      problem: Problem with E components.
      relative_evidence: float[E], log evidence of the components, relative to the processes.
      fixed_share: float[], smallest share of its prior weight that each keeps.
    """
    prior = jnp.stack([component.log_weight for component in problem.learned])
    processes = jnp.log1p(-jnp.sum(jnp.exp(prior)))
    return mixture_log_weights(
        jnp.append(processes, prior),
        jnp.append(jnp.zeros_like(processes), relative_evidence),
        fixed_share,
    )


def observe_components(
    before: LearnedStateT,
    after: LearnedStateT,
    info: SearchInfo,
    problem: HasModel,
    fixed_share: Array,
    transformed: Array,
) -> tuple[LearnedStateT, SearchInfo]:
    """Update the evidence of the components by an evaluation, and the weight of what was learned.

    Args:
      before: State before the evaluation.
      after: State whose processes are conditioned on it.
      info: Information of the processes.
      problem: Problem to search.
      fixed_share: float[], smallest share of its prior weight that a component keeps.
      transformed: float[B], transformed scores with the newest one.
    """
    if before.relative_evidence is None:
        return after, info
    weights = jnp.exp(component_log_weights(problem, before.relative_evidence, fixed_share))
    transferred = weights[0] * jnp.nan_to_num(info.transfer_weight) + jnp.sum(weights[1:])
    gained = jnp.where(info.counted, _newest_evidence(after, problem, transformed), 0)
    info = info._replace(transfer_weight=jnp.where(info.counted, transferred, jnp.nan))
    return after._replace(relative_evidence=before.relative_evidence + gained), info


def _newest_evidence(state: LearnedState, problem: HasModel, transformed: Array) -> Array:
    """Log-density float[E] of the newest score given the earlier ones, relative to the processes.

    0 if the evaluation failed.
    """
    newest = state.record.step - 1
    row, score = state.record.row[newest], transformed[newest]
    is_newest = jnp.arange(len(transformed), dtype=jnp.int32) == newest
    earlier = jnp.where(is_newest, jnp.nan, transformed)
    predicted = _stack(
        [_predict(component, state.record.row, earlier, row[None]) for component in problem.learned]
    )
    by_learner = gaussian_log_prob(score, predicted.mean[:, 0], predicted.std[:, 0])
    with_newest = problem.log_weights + state.model.log_evidence
    without = with_newest - newest_log_density(state.model, newest)
    by_processes = jax.nn.logsumexp(with_newest) - jax.nn.logsumexp(without)
    return jnp.where(jnp.isnan(score), 0, by_learner - by_processes)


def _predict(
    component: LearnedComponent, evaluated: Array, score: Array, rows: Array | None = None
) -> Gaussian:
    """Predict the scores of some rows, or of all, after adapting to scores of evaluated rows."""
    model, inputs, _ = component
    batch = Batch(inputs[evaluated], score, ~jnp.isnan(score))
    return model.predict(batch, inputs if rows is None else inputs[rows])


def _stack(predictions: list[Gaussian]) -> Gaussian:
    stacked: Gaussian = jax.tree.map(lambda *leaves: jnp.stack(leaves), *predictions)
    return stacked


def _concatenate(one: Gaussian, other: Gaussian) -> Gaussian:
    joined: Gaussian = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), one, other)
    return joined
