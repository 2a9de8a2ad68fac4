"""Maps between raw metric values and scores, of which higher is always better."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.types import Array, Metric

ERROR_RESOLUTION = 1e-4
"""Smallest error in "log_error", so that an accuracy of exactly 1 has a finite score. It is below
every non-zero mean error of the suites."""
LARGEST_ACCURACY = 1 + 1e-6
"""Largest value of an accuracy in [0, 1] after rounding to float32."""


def raw_to_score(metric: Metric, values: ArrayLike) -> Array:
    """Return scores of raw values: the metric's transform, negated if lower is better.

    NaN and infinite values are failed evaluations, whose score is NaN, and so are values outside
    the domain of the transform: those not above 0 for "log", those above 1 for "log_error". The
    error 1 - value is at least `ERROR_RESOLUTION`.

    Args:
      metric: Metric of the values.
      values: Raw values, float[...].

    Returns:
      float32[...].

    Raises:
      NmjaxError: Values for "log_error" are above 1, such as percentages. Under `jit` they give NaN
        instead.

    Example:
      >>> from nmjax.tasks import raw_to_score
      >>> from nmjax.types import Metric
      >>> raw_to_score(Metric("loss", direction="min"), [0.5, 2.0]).tolist()
      [-0.5, -2.0]
    """
    raw = jnp.asarray(values, dtype=jnp.float32)
    if metric.transform == "log_error" and not isinstance(raw, jax.core.Tracer):
        _check_accuracies(metric, np.asarray(raw))
    if metric.transform == "log":
        positive = raw > 0
        score = jnp.where(positive, jnp.log(jnp.where(positive, raw, 1.0)), jnp.nan)
    elif metric.transform == "log_error":
        score = -jnp.log(jnp.maximum(1.0 - raw, ERROR_RESOLUTION))
        score = jnp.where(raw > LARGEST_ACCURACY, jnp.nan, score)
    else:
        score = raw
    score = jnp.where(jnp.isfinite(raw), score, jnp.nan)
    return score if metric.direction == "max" else -score


def score_to_raw(metric: Metric, scores: ArrayLike) -> Array:
    """Return the raw values of scores, the inverse of `raw_to_score` within its domain.

    Args:
      metric: Metric of the raw values.
      scores: Scores, float[...].

    Returns:
      float32[...].

    Example:
      >>> from nmjax.tasks import score_to_raw
      >>> from nmjax.types import Metric
      >>> score_to_raw(Metric("loss", direction="min"), [-0.5, -2.0]).tolist()
      [0.5, 2.0]
    """
    score = jnp.asarray(scores, dtype=jnp.float32)
    score = score if metric.direction == "max" else -score
    if metric.transform == "log":
        return jnp.exp(score)
    if metric.transform == "log_error":
        return -jnp.expm1(-score)
    return score


def _check_accuracies(metric: Metric, values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    if finite.size and finite.max() > LARGEST_ACCURACY:
        raise NmjaxError(
            f"Expected values of metric {metric.name!r} in [0, 1] for the transform 'log_error', "
            f"got {finite.min():g} to {finite.max():g}. Divide percentages by 100, or use the "
            "transform 'identity'."
        )
