"""Scores on a scale that tasks share: normal scores of past tasks, warped scores of a new one.

Metrics differ in location, scale and shape, and failures stretch their lower tails by orders of
magnitude. A past task's scores are replaced by their normal scores (van der Waerden), which keep
only the order. A new task's scores are seen one at a time, and the best are not a random sample,
so only `standardise` or `compress` is applied to what was paid for; what location and scale
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


def standardise(score: Array) -> Array:
    """Scores float[M] less their mean and over their standard deviation; NaN stays NaN.

    Where all are equal, as where there is one, they become 0.
    """
    counts = ~jnp.isnan(score)
    number = jnp.maximum(jnp.sum(counts), 1).astype(score.dtype)
    centred = jnp.where(counts, score - jnp.sum(jnp.where(counts, score, 0)) / number, 0)
    spread = jnp.sqrt(jnp.sum(jnp.square(centred)) / number)
    unit = jnp.where(spread > 0, centred / jnp.where(spread > 0, spread, 1), 0)
    return jnp.where(counts, unit, jnp.nan)


def compress(score: Array) -> Array:
    """Standardised scores whose half below the median is put on a logarithmic scale.

    In units of the distance between the best and the median so far, scores s below the median
    become -log(1 - s): a failure is bad, not infinitely so.
    """
    counts = ~jnp.isnan(score)
    median = jnp.nan_to_num(jnp.nanmedian(score))
    best = jnp.max(jnp.where(counts, score, -jnp.inf), initial=-jnp.inf)
    span = jnp.where(best > median, best - median, 1)
    unit = jnp.where(counts, score - median, 0) / span
    compressed = jnp.where(unit < 0, -jnp.log1p(-jnp.minimum(unit, 0)), unit)
    return standardise(jnp.where(counts, compressed, jnp.nan))


WARPS = {
    "identity": identity,
    "standardise": standardise,
    "compress": compress,
    "normal_scores": normal_scores,
}


def get_warp(name: str):
    """The function float[M] -> float[M] of that name.

    Raises:
      NmjaxError: no warp has that name.
    """
    if name not in WARPS:
        raise unknown_name("warp", name, WARPS)
    return WARPS[name]
