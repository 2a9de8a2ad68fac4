"""Similarity of tasks by their contexts, calibrated on the correlations of past tasks."""

import jax
import jax.numpy as jnp

from nmjax.knowledge.features import predict_sources
from nmjax.knowledge.similarity.bayesian_bootstrap import (
    INTERVAL_LEVEL,
    bootstrap_weights,
    normalized,
)
from nmjax.knowledge.state import SourceModels
from nmjax.stats import Interval, draws_interval, spearman
from nmjax.types import Array

_ROWS = 64


def context_scale(context: Array) -> Array:
    """Standard deviations float[K] of contexts float[T, K]; 1 for constant columns."""
    scale = jnp.std(context, axis=0)
    return jnp.where(scale > 0, scale, 1)


def impute_context(context: Array, known: Array) -> Array:
    """Contexts float[..., K] with unknown numbers, which are NaN, replaced by means of float[T, K].

    A number that is unknown for all T tasks becomes 0.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge.similarity.context import impute_context
      >>> impute_context(jnp.array([jnp.nan, 5.0]), jnp.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
      [2.0, 5.0]
    """
    is_known = ~jnp.isnan(known)
    number = jnp.maximum(jnp.sum(is_known, axis=0), 1).astype(known.dtype)
    mean = jnp.sum(jnp.where(is_known, known, 0), axis=0) / number
    return jnp.where(jnp.isnan(context), mean, context)


def source_correlations(sources: SourceModels) -> Array:
    """Spearman's correlation float[S, S] of the sources' predictions.

    Predictions are compared at the first 64 evaluations of every source. A correlation with a
    constant source is 0.

    Args:
      sources: Posterior means of S sources.

    Example:
      >>> from nmjax.knowledge import default_knowledge, source_correlations, with_capacity
      >>> from nmjax.spaces import Space
      >>> knowledge = with_capacity(default_knowledge(Space(width=[8, 16])), 2)
      >>> source_correlations(knowledge.sources).shape
      (2, 2)
    """
    position, mask = sources.position[:, :_ROWS], sources.mask[:, :_ROWS]
    predicted = predict_sources(sources, position.reshape(-1, position.shape[-1])).T
    return jnp.nan_to_num(spearman(predicted[:, None], predicted[None], mask.ravel()))


def context_similarity(key: Array, context: Array, known: Array) -> Interval:
    """Correlation of the target with each source, predicted from contexts.

    The sources' correlations are regressed on a Gaussian kernel of their contexts, whose length is
    the root mean square distance. A negative slope is set to 0. A draw resamples sources and adds a
    residual of the regression. With the weight of unseen sources, a draw is uniform from -1 to 1
    instead, so that few sources give wide intervals.

    Args:
      key: Random key of the resamples.
      context: float[S + 1, K], contexts of the sources and, last, the target; K may be 0. Unknown
        numbers, which are NaN, become the mean of the sources'.
      known: float[S, S], correlations of the sources.

    Returns:
      Posterior means and 95% intervals, float[S] each.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import context_similarity
      >>> context = jnp.array([[0.0], [0.1], [1.0], [0.0]])
      >>> known = jnp.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
      >>> estimate = context_similarity(jax.random.key(0), context, known).estimate
      >>> bool(estimate[0] > estimate[2])
      True
    """
    weight_key, draw_key = jax.random.split(key)
    sources = len(known)
    context = impute_context(context, context[:-1])
    scaled = context / context_scale(context[:-1])[None, :]
    squared = jnp.sum(jnp.square(scaled[:, None] - scaled[None]), axis=-1)
    others = ~jnp.eye(sources, dtype=bool)
    typical = jnp.mean(squared[:-1, :-1], where=others)
    near = jnp.exp(-0.5 * squared / jnp.where(typical > 0, typical, 1))
    near, target = near[:-1, :-1].ravel(), near[-1, :-1]
    known = known.ravel()
    weights = bootstrap_weights(weight_key, jnp.ones(sources, bool))

    def draw(weights: Array, key: Array) -> Array:
        pair_key, unseen_key, unknown_key = jax.random.split(key, 3)
        of_pairs = jnp.where(others, weights[:, None] * weights[None, :], 0).ravel()
        of_pairs = normalized(of_pairs)
        off, level = near - of_pairs @ near, of_pairs @ known
        variance = of_pairs @ jnp.square(off)
        covariance = of_pairs @ (off * (known - level))
        slope = jnp.where(variance > 1e-6, jnp.maximum(covariance, 0) / variance, 0)
        residual = known - level - slope * off
        drawn = jax.random.choice(pair_key, residual, target.shape, p=of_pairs)
        predicted = level + slope * (target - of_pairs @ near) + drawn
        is_new = jax.random.bernoulli(unseen_key, 1 - jnp.sum(weights))
        unknown = jax.random.uniform(unknown_key, target.shape, target.dtype, minval=-1)
        return jnp.where(is_new, unknown, jnp.clip(predicted, -1, 1))

    drawn = jax.vmap(draw)(weights, jax.random.split(draw_key, len(weights)))
    interval: Interval = draws_interval(drawn, level=INTERVAL_LEVEL)
    return interval
