"""Calibration of Gaussian predictions."""

import jax.numpy as jnp
from jax.scipy.special import ndtri

from nmjax.types import Array, Gaussian

_LEVELS = tuple(level / 20 for level in range(1, 20))


def interval_coverage(
    prediction: Gaussian, y: Array, levels: Array, mask: Array | None = None
) -> Array:
    """Fraction of scores inside the central interval of each level.

    Args:
      prediction: marginals float[..., N] of the *observed* score, its noise included.
      y: float[..., N]; NaN is a failed evaluation and is left out.
      levels: float[L] in (0, 1), the nominal probability of each interval.
      mask: bool[..., N], False where y is padding.

    Returns:
      float[..., L]; NaN without any score.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import interval_coverage
      >>> from nmjax.types import Gaussian
      >>> prediction = Gaussian(jnp.zeros(4), jnp.ones(4))
      >>> interval_coverage(prediction, jnp.array([0.1, -0.2, 0.3, 3.0]), jnp.array([0.5]))
      Array([0.75], dtype=float32)
    """
    valid = ~jnp.isnan(y)
    if mask is not None:
        valid = valid & jnp.broadcast_to(mask, valid.shape)
    mean, std, y, valid = jnp.broadcast_arrays(*prediction, y, valid)
    distance = jnp.abs(jnp.where(valid, y, 0) - mean) / std
    widths = ndtri(0.5 * (1 + jnp.asarray(levels, distance.dtype)))
    inside = distance[..., None, :] <= widths.reshape((1,) * valid[..., 0].ndim + (-1, 1))
    count = jnp.sum(valid, axis=-1, keepdims=True)
    covered = jnp.sum(inside & valid[..., None, :], axis=-1)
    return jnp.where(count > 0, covered / jnp.maximum(count, 1), jnp.nan)


def calibration_error(
    prediction: Gaussian, y: Array, levels: Array | None = None, mask: Array | None = None
) -> Array:
    """Mean absolute difference float[...] between coverage and level of central intervals.

    The expected calibration error for regression of Kuleshov, Fenner and Ermon (2018), section 3.
    Arguments are those of `interval_coverage`; the default levels are .05, .10, ..., .95.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import calibration_error
      >>> from nmjax.types import Gaussian
      >>> prediction = Gaussian(jnp.zeros(4), jnp.ones(4))
      >>> error = calibration_error(prediction, jnp.array([0.1, -0.2, 0.3, 3.0]))
      >>> round(float(error), 2)
      0.2
    """
    levels = jnp.asarray(_LEVELS if levels is None else levels)
    coverage = interval_coverage(prediction, y, levels, mask)
    return jnp.mean(jnp.abs(coverage - jnp.broadcast_to(levels, coverage.shape)), axis=-1)
