"""Scores on a scale that tasks share: normal scores of past tasks, transformed scores of a new one.

Metrics differ in location, scale and shape, and failures stretch their lower tails by orders of
magnitude. A past task's scores are replaced by their normal scores (van der Waerden), which keep
only the order. A new task's scores are seen one at a time, and the best are not a random sample,
so only `standardize` or `log_lower_tail` is applied to what was evaluated; what location and scale
remain are inferred by the surrogate's intercept and inverse gamma.
"""

import jax.numpy as jnp
from jax.scipy.special import ndtri

from nmjax.errors import unknown_name
from nmjax.stats import rank
from nmjax.types import Array


def normal_scores(score: Array) -> Array:
    """Standard normal quantiles float[M] of the ranks of scores float[M].

    Ties share their mean rank. NaN, a failed evaluation, stays NaN and takes no rank.
    """
    counts = ~jnp.isnan(score)
    number = jnp.sum(counts).astype(score.dtype)
    ranks = rank(score, counts)
    quantile = (ranks - 0.5) / jnp.maximum(number, 1)
    return jnp.where(counts, ndtri(jnp.where(counts, quantile, 0.5)), jnp.nan)


def identity(score: Array) -> Array:
    """The scores as they are."""
    return score


def standardize(score: Array, reference: Array | None = None) -> Array:
    """Scores float[M] less the mean and over the standard deviation of a reference; NaN stays NaN.

    Where all of the reference are equal, as where there is one, the mean alone is taken off.

    Args:
      score: float[M].
      reference: float[R], what the map is fitted on; the scores themselves by default.
    """
    reference = score if reference is None else reference
    counts = ~jnp.isnan(reference)
    number = jnp.maximum(jnp.sum(counts), 1).astype(score.dtype)
    location = jnp.sum(jnp.where(counts, reference, 0)) / number
    variance = jnp.sum(jnp.square(jnp.where(counts, reference - location, 0))) / number
    spread = jnp.sqrt(jnp.where(variance > 0, variance, 1))
    failed = jnp.isnan(score)
    return jnp.where(failed, jnp.nan, (jnp.where(failed, location, score) - location) / spread)


def log_lower_tail(score: Array, reference: Array | None = None) -> Array:
    """Standardized scores whose half below the median is put on a logarithmic scale.

    In units of the distance between the best and the median so far, scores s below the median
    become -log(1 - s): a failure is bad, not infinitely so. Where more than half are the best, the
    unit is the distance from the worst to the median.

    Args:
      score: float[M].
      reference: float[R], what the map is fitted on; the scores themselves by default.
    """
    reference = score if reference is None else reference
    counts = ~jnp.isnan(reference)
    median = jnp.nan_to_num(jnp.nanmedian(reference))
    best = jnp.max(jnp.where(counts, reference, -jnp.inf), initial=-jnp.inf)
    worst = jnp.min(jnp.where(counts, reference, jnp.inf), initial=jnp.inf)
    above, below = best - median, median - worst
    span = jnp.where(above > 0, above, jnp.where(below > 0, below, 1))

    def mapped(score: Array) -> Array:
        failed = jnp.isnan(score)
        unit = (jnp.where(failed, median, score) - median) / span
        low = -jnp.log1p(-jnp.minimum(unit, 0))
        return jnp.where(failed, jnp.nan, jnp.where(unit < 0, low, unit))

    return standardize(mapped(score), mapped(reference))


OUTCOME_TRANSFORMS = {
    "identity": identity,
    "standardize": standardize,
    "log_lower_tail": log_lower_tail,
    "normal_scores": normal_scores,
}


def get_outcome_transform(name: str):
    """The function float[M] -> float[M] of that name.

    Raises:
      NmjaxError: no outcome_transform has that name.
    """
    if name not in OUTCOME_TRANSFORMS:
        raise unknown_name("outcome_transform", name, OUTCOME_TRANSFORMS)
    return OUTCOME_TRANSFORMS[name]
