"""Maps between raw metric values and scores, of which higher is always better."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from nmjax.errors import NmjaxError
from nmjax.types import Array, Metric, is_traced

ERROR_RESOLUTION = 1e-4
"""Smallest error in "log_error", so that an accuracy of exactly 1 has a finite score. It is below
every non-zero mean error of the suites."""
LARGEST_ACCURACY = 1 + 1e-6
"""Largest value of an accuracy in [0, 1] after rounding to float32."""
PERCENT = ("percent", "%")
"""Units of accuracies that are 100 times those in [0, 1]."""
_MARGIN = 1024.0


def raw_to_score(metric: Metric, values: ArrayLike) -> Array:
    """Return scores of raw values: the metric's transform, negated if lower is better.

    NaN, infinite values and scores beyond `largest_score` are failed evaluations, whose score is
    NaN. With "log_error", values are accuracies in [0, 1], or percentages if the metric's unit is
    "percent" or "%"; the error 1 - value is at least `ERROR_RESOLUTION`.

    Args:
      metric: Metric of the values.
      values: Raw values, float[...].

    Returns:
      float32[...].

    Raises:
      NmjaxError: Values are outside the domain of the transform: not above 0 for "log", above 1 (or
        100 percent) for "log_error". Under `jit` they give NaN instead.

    Example:
      >>> from nmjax.tasks import raw_to_score
      >>> from nmjax.types import Metric
      >>> raw_to_score(Metric("loss", direction="min"), [0.5, 2.0]).tolist()
      [-0.5, -2.0]
    """
    with np.errstate(over="ignore"):
        raw = jnp.asarray(values, dtype=jnp.float32)
    if not is_traced(raw):
        _check_domain(metric, np.asarray(raw))
    scores: Array = _transformed(raw, np.float32(_unit_of(metric)), metric=metric)
    return scores


@partial(jax.jit, static_argnames="metric")
def _transformed(raw: Array, unit: Array, *, metric: Metric) -> Array:
    """Scores of raw values, in one program. The unit is an argument, so that XLA divides by it."""
    if metric.transform == "log":
        positive = raw > 0
        score = jnp.where(positive, jnp.log(jnp.where(positive, raw, 1.0)), jnp.nan)
    elif metric.transform == "log_error":
        accuracy = raw / unit
        score = -jnp.log(jnp.maximum(1.0 - accuracy, ERROR_RESOLUTION))
        score = jnp.where(accuracy > LARGEST_ACCURACY, jnp.nan, score)
    else:
        score = raw
    score = failed_unless_finite(jnp.where(jnp.isfinite(raw), score, jnp.nan))
    scores: Array = score if metric.direction == "max" else -score
    return scores


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
        return -jnp.expm1(-score) * _unit_of(metric)
    return score


@jax.jit
def failed_unless_finite(score: Array) -> Array:
    """Return scores float[...], NaN if an evaluation failed: not finite, or beyond `largest_score`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.tasks.metrics import failed_unless_finite
      >>> failed_unless_finite(jnp.array([0.5, -jnp.inf, 1e38])).tolist()
      [0.5, nan, nan]
    """
    return jnp.where(jnp.abs(score) < largest_score(score.dtype), score, jnp.nan)


def largest_score(dtype: DTypeLike) -> float:
    """Return the magnitude from which on scores are failures: 1.8e16 in single precision.

    The squares of larger ones, and sums of these, overflow.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.tasks.metrics import largest_score
      >>> f"{largest_score(jnp.float32):.1e}"
      '1.8e+16'
    """
    largest: float = float(jnp.finfo(dtype).max) ** 0.5 / _MARGIN
    return largest


def _unit_of(metric: Metric) -> float:
    """Return the value of an accuracy of 1."""
    return 100.0 if metric.unit in PERCENT else 1.0


def _check_domain(metric: Metric, values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return
    expected, hint = "", ""
    if metric.transform == "log" and finite.min() <= 0:
        expected = "above 0"
        hint = "Record failed evaluations as NaN"
    if metric.transform == "log_error" and finite.max() > LARGEST_ACCURACY * _unit_of(metric):
        expected = "in [0, 1]" if _unit_of(metric) == 1 else "in [0, 100]"
        hint = "Give percentages the unit 'percent'" if _unit_of(metric) == 1 else "Check the unit"
    if expected:
        raise NmjaxError(
            f"Expected values of metric {metric.name!r} {expected} for the transform "
            f"{metric.transform!r}, got {finite.min():g} to {finite.max():g}. {hint}, or use the "
            "transform 'identity'."
        )
