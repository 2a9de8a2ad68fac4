"""Meta-trained learners as components of the mixture that a search predicts with.

A search weights its Gaussian processes by their evidence. A meta-trained learner joins them: it
adapts to all evaluations so far before each prediction. Its evidence is prequential (Dawid, 1984,
"Present position and potential developments: the prequential approach"): each score counts by its
density under the learner adapted to the earlier ones, relative to its density under the mixture of
processes. Both are densities of the same transformed score, so that units cancel, although the
outcome transform is fitted again after every evaluation.
"""

from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.knowledge import mixture_log_weights
from nmjax.meta import Batch, LearnedModel
from nmjax.predictors import PoolState, newest_log_density
from nmjax.search.acquisitions import AcquisitionContext
from nmjax.search.acquisitions.context import noise_free
from nmjax.search.problem import HasModel, LearnedComponent, Problem
from nmjax.search.problem.components import COMPONENT_WEIGHT
from nmjax.search.record import Record
from nmjax.stats import gaussian_log_prob
from nmjax.types import Array, Gaussian, Mixture, is_traced


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


def add_component(
    problem: Problem, model: LearnedModel, inputs: Array, weight: ArrayLike = COMPONENT_WEIGHT
) -> Problem:
    """Add a meta-trained model to the mixture that `BayesianSearch` predicts with.

    The component is weighted by how well it predicts the scores of the new task.

    Args:
      problem: Problem over a pool.
      model: Learner and its parameters, meta-trained on scores that are roughly standard normal
        within a task, such as `knowledge.source_scores`.
      inputs: float[N, D], the learner's input for each architecture, such as `unit_inputs`.
      weight: float[], prior probability of the component, in (0, 1). The processes and the
        components added before share the rest.

    Raises:
      NmjaxError: The inputs do not fit the pool, or the weight is not in (0, 1).

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import LearnedModel, deep_kernel, init_deep_kernel
      >>> from nmjax.search import add_component, make_problem
      >>> from nmjax.spaces import Space
      >>> problem = make_problem(Space(width=[8, 16]), jnp.array([[0], [1]]), None)
      >>> learner = deep_kernel(lambda params, x: x, optax.sgd(0.1))
      >>> model = LearnedModel(learner, init_deep_kernel(None, size=2))
      >>> len(add_component(problem, model, jnp.eye(2)).learned)
      1
    """
    size = len(problem.score)
    if jnp.ndim(inputs) != 2 or len(inputs) != size:
        raise NmjaxError(
            f"Got inputs of shape {jnp.shape(inputs)} for a pool of {size} architectures; give "
            f"float[{size}, D]."
        )
    if not is_traced(weight) and not 0 < np.asarray(weight) < 1:
        raise NmjaxError(f"Got weight={weight}; give a probability in (0, 1).")
    dtype = problem.score.dtype
    share = jnp.asarray(weight, dtype)
    before = tuple(
        component._replace(log_weight=component.log_weight + jnp.log1p(-share))
        for component in problem.learned
    )
    added = LearnedComponent(model, jnp.asarray(inputs, dtype), jnp.log(share))
    return problem._replace(learned=(*before, added))


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


def learned_weight(
    problem: HasModel, relative_evidence: Array, fixed_share: Array, transferred: Array
) -> Array:
    """Return the probability float[] of all that learned from the past: processes and components.

    Args:
      problem: Problem with E components.
      relative_evidence: float[E], log evidence of the components, relative to the processes.
      fixed_share: float[], smallest share of its prior weight that each keeps.
      transferred: float[], share of the transferred prior among the processes; NaN without one.
    """
    weights = jnp.exp(component_log_weights(problem, relative_evidence, fixed_share))
    return weights[0] * jnp.nan_to_num(transferred) + jnp.sum(weights[1:])


def update_evidence(
    before: Array, after: LearnedState, problem: HasModel, transformed: Array
) -> Array:
    """Return the relative evidence float[E] with the newest score.

    Args:
      before: float[E], relative evidence without the newest score.
      after: State after the evaluation.
      problem: Problem to search.
      transformed: float[B], transformed scores with the newest one.
    """
    newest = after.record.step - 1
    row, score = after.record.row[newest], transformed[newest]
    is_newest = jnp.arange(len(transformed), dtype=jnp.int32) == newest
    earlier = jnp.where(is_newest, jnp.nan, transformed)
    predicted = _stack(
        [_predict(component, after.record.row, earlier, row[None]) for component in problem.learned]
    )
    by_learner = gaussian_log_prob(score, predicted.mean[:, 0], predicted.std[:, 0])
    with_newest = problem.log_weights + after.model.log_evidence
    without = with_newest - newest_log_density(after.model, newest)
    by_processes = jax.nn.logsumexp(with_newest) - jax.nn.logsumexp(without)
    return before + jnp.where(jnp.isnan(score), 0, by_learner - by_processes)


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
