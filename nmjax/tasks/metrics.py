"""From raw measured values to scores, where higher is always better, and back."""

import jax.numpy as jnp
from jax.typing import ArrayLike

from nmjax.types import Array, Metric

ERROR_RESOLUTION = 1e-4
"""Floor of the error in "log_error", so that an accuracy of exactly 1 has a finite score. It lies
below every non-zero mean error of the suites."""


def raw_to_score(metric: Metric, values: ArrayLike) -> Array:
    """Scores float32[...] of raw `values` [...]: the transform, its sign by direction.

    NaN stays NaN. "log" maps values not above 0 to NaN; "log_error" is -log(1 - value) with the
    error floored at `ERROR_RESOLUTION`.
    """
    raw = jnp.asarray(values, dtype=jnp.float32)
    if metric.transform == "log":
        positive = raw > 0
        score = jnp.where(positive, jnp.log(jnp.where(positive, raw, 1.0)), jnp.nan)
    elif metric.transform == "log_error":
        score = -jnp.log(jnp.maximum(1.0 - raw, ERROR_RESOLUTION))
    else:
        score = raw
    return score if metric.direction == "max" else -score


def score_to_raw(metric: Metric, scores: ArrayLike) -> Array:
    """Raw values float32[...] of `scores` [...], the inverse of `raw_to_score` above its floor."""
    score = jnp.asarray(scores, dtype=jnp.float32)
    score = score if metric.direction == "max" else -score
    if metric.transform == "log":
        return jnp.exp(score)
    if metric.transform == "log_error":
        return -jnp.expm1(-score)
    return score
