"""Zero-shot prior, which weights sources by the context of the new task before any evaluation.

The weights follow a Gaussian kernel of contexts, whose length is fitted on the past by predicting
each task from the others with these weights. If no length is better than equal weights, the weights
are equal.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge.component_weights import weight_sources
from nmjax.knowledge.features import predict_sources
from nmjax.knowledge.similarity.context import context_scale, impute_context
from nmjax.knowledge.standardized_past import standardize_past
from nmjax.knowledge.state import MetaKnowledge, require_metric, require_space
from nmjax.predictors import PoolPrior, kernel_position
from nmjax.spaces import Space
from nmjax.stats import spearman
from nmjax.types import Array, History, Metric

_LENGTHS = np.append(2.0 ** np.arange(-3, 3), np.inf)


class ContextFit(NamedTuple):
    """Fitted kernel of contexts.

    Attributes:
      length: float[], length of the kernel on contexts of unit variance; infinite if contexts are
        not informative.
      gain: float[], mean gain over tasks of context weights over equal ones at the best finite
        length, in nats per evaluation.
      error: float[], standard error of the gain over tasks.

    Example:
      >>> from nmjax.knowledge import ContextFit
      >>> ContextFit._fields
      ('length', 'gain', 'error')
    """

    length: Array
    gain: Array
    error: Array


def context_weights(source_context: Array, target_context: Array, length: Array) -> Array:
    """Weights float[S] of sources by a Gaussian kernel of contexts, with sum 1.

    They are equal for an infinite length, or without contexts (K = 0).

    Args:
      source_context: float[S, K], contexts of the sources.
      target_context: float[K], context of the target.
      length: float[], length of the kernel on contexts of unit variance.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import context_weights
      >>> context_weights(jnp.array([[0.0], [1.0]]), jnp.zeros(1), jnp.array(jnp.inf)).tolist()
      [0.5, 0.5]
    """
    between = (source_context - target_context[None, :]) / context_scale(source_context)[None, :]
    return jax.nn.softmax(-0.5 * jnp.sum(jnp.square(between), axis=-1) / jnp.square(length))


@jax.jit
def fit_context(context: Array, predicted: Array, score: Array) -> ContextFit:
    """Fit the length of the kernel with which past tasks predict one another best.

    A finite length must gain more than two standard errors over tasks, because it is the best of
    several; otherwise the length is infinite.

    Args:
      context: float[T, K], contexts of past tasks.
      predicted: float[T, M, T], predictions of each source (last axis) at the evaluations of each
        task (first axis).
      score: float[T, M], scores of these evaluations; NaN is ignored.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import fit_context
      >>> predicted, score = jnp.zeros((3, 4, 3)), jnp.zeros((3, 4))
      >>> float(fit_context(jnp.arange(3.0)[:, None], predicted, score).length)
      inf
    """
    number = len(context)
    itself = jnp.eye(number, dtype=bool)

    def information(length: Array) -> Array:
        """Information float[T] in the others' weighted mean, in nats per evaluation of each task.

        It is the mutual information of Gaussian variables with the same rank correlation; 0 if that
        is negative.
        """
        weights = jax.vmap(context_weights, in_axes=(None, 0, None))(context, context, length)
        weights = jnp.where(itself, 0, weights)
        weights = weights / jnp.maximum(jnp.sum(weights, axis=-1, keepdims=True), 1e-30)
        combined = jnp.einsum("tms,ts->tm", predicted, weights)
        correlation = jnp.nan_to_num(spearman(combined, score))
        return -0.5 * jnp.log1p(-jnp.square(jnp.clip(correlation, 0, 0.9999)))

    between = (context[:, None] - context[None]) / context_scale(context)[None, None, :]
    typical = jnp.sqrt(jnp.sum(jnp.square(between)) / (number * (number - 1)))
    lengths = jnp.maximum(typical, 1e-6) * jnp.asarray(_LENGTHS, context.dtype)
    nats = jax.lax.map(information, lengths)
    gains = nats[:-1] - nats[-1:]
    best = jnp.argmax(jnp.mean(gains, axis=-1))
    gain = jnp.mean(gains[best])
    error = jnp.std(gains[best], ddof=1) / jnp.sqrt(number)
    return ContextFit(jnp.where(gain > 2 * error, lengths[best], jnp.inf), gain, error)


def zero_shot_prior(
    knowledge: MetaKnowledge,
    history: History,
    metric: Metric,
    target_context: Array,
    *,
    space: Space,
) -> tuple[PoolPrior, ContextFit]:
    """Weight the sources in the priors of a new task by its context.

    Args:
      knowledge: Knowledge learned from the history.
      history: The S past tasks with their contexts.
      metric: Metric that defines the score.
      target_context: float[K], context of the new task. Unknown numbers, which are NaN, become the
        mean of the past tasks'.
      space: Space of the architectures.

    Returns:
      The priors of `knowledge` with sources weighted by context, and the fitted kernel.

    Raises:
      NmjaxError: The space or the metric differs, contexts have different lengths or are
        infinite, or the history does not have one task per source and at least three.

    Example:
      >>> import numpy as np
      >>> from nmjax.knowledge import default_knowledge, with_capacity, zero_shot_prior
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import make_history
      >>> from nmjax.types import Metric
      >>> space, metric = Space(width=[8, 16]), Metric("accuracy")
      >>> history = make_history(
      ...     [[[0], [1]]] * 3, {"accuracy": [[0.1, 0.9]] * 3}, np.arange(3.0)[:, None])
      >>> knowledge = with_capacity(default_knowledge(space, metric), 3)
      >>> prior, fit = zero_shot_prior(knowledge, history, metric, np.zeros(1), space=space)
      >>> float(fit.length)
      inf
    """
    require_space(knowledge, space)
    require_metric(knowledge, metric)
    context, target = jnp.asarray(history.context), jnp.asarray(target_context)
    sources = knowledge.sources.constant.shape[0]
    if len(context) != sources or sources < 3:
        raise NmjaxError(
            f"Got {len(context)} past tasks and knowledge of {sources} sources; give the history "
            "that was learned from, of at least three tasks."
        )
    if target.shape != context.shape[1:]:
        raise NmjaxError(
            f"Got a context {list(target.shape)} for past contexts {list(context.shape)}; give "
            f"float[{context.shape[1]}]."
        )
    if np.isinf(context).any() or np.isinf(target).any():
        raise NmjaxError("Got infinite contexts; give finite numbers, NaN where unknown.")
    context, target = impute_context(context, context), impute_context(target, context)
    fit = fit_context(context, *_cross_predictions(knowledge, history, space=space, metric=metric))
    return weight_sources(knowledge.prior, context_weights(context, target, fit.length)), fit


@partial(jax.jit, static_argnames=("space", "metric"))
def _cross_predictions(
    knowledge: MetaKnowledge, history: History, *, space: Space, metric: Metric
) -> tuple[Array, Array]:
    """Predictions of each source at the evaluations of each, float[S, M, S], and their scores."""
    past, params = standardize_past(history, space=space, metric=metric), knowledge.params

    def predict(x: Array) -> Array:
        position = kernel_position(params.kernel, x)
        return predict_sources(knowledge.sources, position)

    return jax.lax.map(predict, past.x), past.y
