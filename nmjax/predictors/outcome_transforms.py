"""Outcome transforms: maps of scores to a scale that tasks share.

Metrics differ in location, scale and shape, and failures stretch their lower tails by orders of
magnitude. Past tasks are mapped to normal scores (van der Waerden), which keep only the order. In a
new task scores arrive one at a time and are not a random sample, so that only `standardize` or
`log_lower_tail` of the evaluated scores applies; the remaining location and scale are inferred by
the surrogate's intercept and inverse gamma.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax.scipy.special import ndtri

from nmjax.errors import unknown_name
from nmjax.stats import rank
from nmjax.types import Array


def normal_scores(score: Array) -> Array:
    """Standard normal quantiles float[M] of the ranks of scores float[M].

    Ties share their mean rank. NaN, a failed evaluation, stays NaN and takes no rank.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import normal_scores
      >>> [round(float(score), 2) for score in normal_scores(jnp.array([0.9, 0.1, 0.5]))]
      [0.97, -0.97, 0.0]
    """
    counts = ~jnp.isnan(score)
    number = jnp.sum(counts).astype(score.dtype)
    ranks = rank(score, counts)
    quantile = (ranks - 0.5) / jnp.maximum(number, 1)
    return jnp.where(counts, ndtri(jnp.where(counts, quantile, 0.5)), jnp.nan)


def identity(score: Array) -> Array:
    """Return the scores unchanged."""
    return score


def standardize(score: Array, reference: Array | None = None) -> Array:
    """Subtract the mean of a reference from scores float[M] and divide by its standard deviation.

    NaN stays NaN. Where all reference values are equal, only the mean is subtracted.

    Args:
      score: float[M].
      reference: float[R], the data that the map is fitted on; by default the scores themselves.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import standardize
      >>> standardize(jnp.array([1.0, 3.0]))
      Array([-1.,  1.], dtype=float32)
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
    """Standardized scores whose part below the median is compressed logarithmically.

    In units of the distance between the best and the median, a score s below the median becomes
    -log(1 - s), so that failures stay bad without dominating the scale. Where more than half of the
    scores equal the best, the unit is the distance from the worst to the median.

    Args:
      score: float[M].
      reference: float[R], the data that the map is fitted on; by default the scores themselves.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import log_lower_tail
      >>> transformed = log_lower_tail(jnp.array([-1000.0, 1.0, 2.0, 3.0]))
      >>> bool(transformed[0] > -2)
      True
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


OUTCOME_TRANSFORMS: dict[str, Callable[[Array], Array]] = {
    "identity": identity,
    "standardize": standardize,
    "log_lower_tail": log_lower_tail,
    "normal_scores": normal_scores,
}


def get_outcome_transform(name: str) -> Callable[[Array], Array]:
    """Look up the outcome transform float[M] -> float[M] of a name.

    Args:
      name: "identity", "standardize", "log_lower_tail" or "normal_scores".

    Raises:
      NmjaxError: no outcome transform has that name.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import get_outcome_transform
      >>> get_outcome_transform("standardize")(jnp.array([1.0, 3.0]))
      Array([-1.,  1.], dtype=float32)
    """
    if name not in OUTCOME_TRANSFORMS:
        raise unknown_name("outcome transform", name, OUTCOME_TRANSFORMS)
    return OUTCOME_TRANSFORMS[name]
