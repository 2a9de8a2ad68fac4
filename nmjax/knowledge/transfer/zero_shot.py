"""A prior before any evaluation, from what is known of the new task: its context.

Sources whose contexts are near the target's get more of the prior, by a Gaussian kernel. How near
is near is judged on the past: each task in turn is predicted by the others, weighted by their
contexts. Where that is no better than weighing them alike, they are weighed alike.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge.component_weights import weight_sources
from nmjax.knowledge.features import predict_sources
from nmjax.knowledge.similarity.context import context_scale
from nmjax.knowledge.standardized_past import standardize_past
from nmjax.knowledge.state import MetaKnowledge, require_metric, require_space
from nmjax.predictors import PoolPrior, kernel_position
from nmjax.spaces import Space
from nmjax.stats import spearman
from nmjax.types import Array, History, Metric

_LENGTHS = np.append(2.0 ** np.arange(-3, 3), np.inf)


class ContextFit(NamedTuple):
    """How contexts say which sources to trust.

    Attributes:
      length: float[], of the kernel, on contexts of unit variance over the past; infinite where
        they tell nothing.
      gain: float[], nats an evaluation of a past task that weights by context gain over equal ones
        at the best finite length, on average over tasks.
      error: float[], its standard error over tasks.
    """

    length: Array
    gain: Array
    error: Array


def context_weights(source_context: Array, target_context: Array, length: Array) -> Array:
    """Weights float[S] of sources by how near their contexts float[S, K] are to float[K].

    Equal for an infinite length, or where there is no context (K = 0).
    """
    between = (source_context - target_context[None, :]) / context_scale(source_context)[None, :]
    return jax.nn.softmax(-0.5 * jnp.sum(jnp.square(between), axis=-1) / jnp.square(length))


@jax.jit
def fit_context(context: Array, predicted: Array, score: Array) -> ContextFit:
    """The length of the kernel under which past tasks predict one another best.

    A finite length is taken only if it gains more than two standard errors over tasks, as it is the
    best of several.

    Args:
      context: float[T, K], of past tasks.
      predicted: float[T, M, T], what each (last axis) predicts at the evaluations of each (first).
      score: float[T, M], of those evaluations; NaN does not count.
    """
    number = len(context)
    itself = jnp.eye(number, dtype=bool)

    def information(length: Array) -> Array:
        """Nats float[T] that the others' weighted mean tells of an evaluation of each task.

        Those that Gaussian variables of that rank correlation have in common; 0 where it is
        negative.
        """
        weights = jax.vmap(context_weights, in_axes=(None, 0, None))(context, context, length)
        weights = jnp.where(itself, 0, weights)
        weights = weights / jnp.maximum(jnp.sum(weights, axis=-1, keepdims=True), 1e-30)
        together = jnp.einsum("tms,ts->tm", predicted, weights)
        correlation = jnp.nan_to_num(spearman(together, score))
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
    """The priors of a new task of which only the context is known.

    Args:
      knowledge: learned from the history.
      history: the S past tasks, whose contexts are compared.
      metric: which metric is the score.
      target_context: float[K], of the new task.
      space: of the architectures.

    Returns:
      The priors, those of `knowledge` with the sources weighed by context, and how that was judged.

    Raises:
      NmjaxError: the space or the metric is another one, the contexts do not fit or are not all
        finite, or the history has other tasks than the knowledge has sources.
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
    if not (np.isfinite(context).all() and np.isfinite(target).all()):
        raise NmjaxError("Got contexts that are not finite; fill in what is not known.")
    fit = fit_context(context, *_cross_predictions(knowledge, history, space=space, metric=metric))
    return weight_sources(knowledge.prior, context_weights(context, target, fit.length)), fit


@partial(jax.jit, static_argnames=("space", "metric"))
def _cross_predictions(
    knowledge: MetaKnowledge, history: History, *, space: Space, metric: Metric
) -> tuple[Array, Array]:
    """What each source predicts at the evaluations of each, float[S, M, S], and their scores."""
    past, params = standardize_past(history, space=space, metric=metric), knowledge.params

    def predict(x: Array) -> Array:
        position = kernel_position(params.kernel, x)
        return predict_sources(knowledge.sources, position)

    return jax.lax.map(predict, past.x), past.y
