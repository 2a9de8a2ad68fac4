"""Motifs that are enriched or depleted among the best or the failed architectures.

Tests are exact (Fisher's, by the hypergeometric distribution) and one-sided, since a motif that is
enriched in one task and depleted in another has not replicated. They assume that evaluations are
independent draws: a search that exploits its own results repeats motifs for that reason alone.
"""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaincc, ndtri

from nmjax.errors import NmjaxError
from nmjax.patterns.hypergeometric import tail_probabilities
from nmjax.stats import check_level
from nmjax.types import Array

_TABLES = 16


class Enrichment(NamedTuple):
    """How much more frequent each motif is among the chosen architectures than among the rest.

    Attributes:
      log_odds: float[..., F], log ratio of the odds among the chosen to those among the rest, with
        half an evaluation added to each cell (Haldane 1956, Anscombe 1956).
      std: float[..., F], its standard error (Gart 1966).
      low: float[..., F], lower end of its interval.
      high: float[..., F], upper end of its interval.
      enriched: float[..., F], Fisher's p-value of the hypothesis "not more frequent"; NaN where all
        or none of the evaluations contain the motif or are chosen, so that nothing can be tested.
      depleted: float[..., F], p-value of the hypothesis "not less frequent".

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import motif_enrichment
      >>> present, chosen = jnp.array([[True], [True], [False], [False]]), jnp.arange(4) < 2
      >>> enrichment = motif_enrichment(present, chosen)
      >>> round(float(enrichment.enriched[0]), 3)
      0.167
    """

    log_odds: Array
    std: Array
    low: Array
    high: Array
    enriched: Array
    depleted: Array


class Replication(NamedTuple):
    """The evidence of T tasks together about F motifs.

    Attributes:
      log_odds: float[F], mean over a population of tasks (DerSimonian and Laird 1986).
      low: float[F], lower end of its interval.
      high: float[F], upper end of its interval.
      everywhere: float[F], p-value of the hypothesis "not in every task".
      somewhere: float[F], p-value of the hypothesis "in no task".
      differs: float[F], p-value of the hypothesis "to the same extent in all tasks" (Cochran's Q).

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import Enrichment, replicate
      >>> tasks = Enrichment(*jnp.full((6, 2, 3), 0.5))
      >>> replicate(tasks).everywhere.shape
      (3,)
    """

    log_odds: Array
    low: Array
    high: Array
    everywhere: Array
    somewhere: Array
    differs: Array


def is_best(scores: Array, share: Array, mask: Array | None = None) -> Array:
    """Select the best `share` float[] of scores float[..., M]: bool[..., M], ties included.

    Failed (NaN) and masked evaluations are never selected and do not count toward the share.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import is_best
      >>> is_best(jnp.array([0.1, 0.4, 0.3, jnp.nan]), 0.4)
      Array([False,  True, False, False], dtype=bool)
    """
    scores = jnp.asarray(scores)
    known = ~jnp.isnan(scores) if mask is None else ~jnp.isnan(scores) & mask
    level = jnp.nanquantile(
        jnp.where(known, scores, jnp.nan), 1 - share, axis=-1, keepdims=True, method="higher"
    )
    return known & (scores >= level)


@partial(jax.jit, static_argnames="level")
def motif_enrichment(
    present: Array, chosen: Array, mask: Array | None = None, *, level: float = 0.95
) -> Enrichment:
    """Test which motifs are enriched or depleted among the chosen evaluations.

    For motifs of the best architectures, choose by `is_best` and mask the failed; for motifs of
    failures, choose the failed among all.

    Args:
      present: bool[..., M, F], which evaluations contain which motifs.
      chosen: bool[..., M].
      mask: bool[..., M], False where an evaluation is padding or excluded from the comparison.
      level: Level of the interval.

    Returns:
      Leaves float[..., F]; p-values have a relative error below 1e-3.

    Raises:
      NmjaxError: shapes do not fit, or the level is outside (0, 1).

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import motif_enrichment
      >>> present, chosen = jnp.array([[True], [True], [False], [False]]), jnp.arange(4) < 2
      >>> bool(motif_enrichment(present, chosen).log_odds[0] > 0)
      True
    """
    present, chosen = jnp.asarray(present, bool), jnp.asarray(chosen, bool)
    if present.ndim < 2 or chosen.shape != present.shape[:-1]:
        raise NmjaxError(
            f"Got present {list(present.shape)} with chosen {list(chosen.shape)}, expected bool"
            "[..., M, F] and bool[..., M]: give both for the same evaluations."
        )
    width = _width(level)
    known = jnp.ones_like(chosen) if mask is None else jnp.broadcast_to(mask, chosen.shape)
    dtype = jnp.result_type(float)
    sides = jnp.stack([known & chosen, known & ~chosen], axis=-2).astype(dtype)
    within = jnp.einsum(
        "...gm,...mf->...fg", sides, present.astype(dtype), precision=jax.lax.Precision.HIGHEST
    )
    size = jnp.sum(sides, axis=-1)[..., None, :]
    table = jnp.stack([within, size - within], axis=-1)

    logs = jnp.log(table + 0.5)
    log_odds = logs[..., 0, 0] - logs[..., 0, 1] - logs[..., 1, 0] + logs[..., 1, 1]
    std = jnp.sqrt(jnp.sum(1 / (table + 0.5), axis=(-2, -1)))
    tails = jax.lax.map(
        partial(tail_probabilities, rows=chosen.shape[-1]),
        table.reshape(-1, 2, 2),
        batch_size=_TABLES,
    )
    varies = jnp.all((table.sum(-2) > 0) & (table.sum(-1) > 0), axis=-1)
    enriched, depleted = (jnp.where(varies, p.reshape(varies.shape), jnp.nan) for p in tails)
    return Enrichment(
        log_odds, std, log_odds - width * std, log_odds + width * std, enriched, depleted
    )


def false_discovery_rate(p_value: Array, *, any_dependence: bool = False) -> Array:
    """Smallest false discovery rate float[..., F] at which each p-value is a discovery.

    Keeping those at or below q makes false discoveries a share of at most q on average (Benjamini
    and Hochberg 1995), for independent or positively dependent tests.

    Args:
      p_value: float[..., F]; NaN means not tested, is ignored and stays NaN.
      any_dependence: Multiply by 1 + 1/2 + ... + 1/F, which is valid under any dependence between
        tests (Benjamini and Yekutieli 2001).

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import false_discovery_rate
      >>> false_discovery_rate(jnp.array([0.01, 0.5, 0.03, jnp.nan])).shape
      (4,)
    """
    p_value = jnp.asarray(p_value)
    order = jnp.argsort(p_value, axis=-1)
    tested = ~jnp.isnan(p_value)
    count = jnp.sum(tested, axis=-1, keepdims=True).astype(p_value.dtype)
    place = jnp.arange(1, p_value.shape[-1] + 1, dtype=p_value.dtype)
    place = jnp.broadcast_to(place, p_value.shape)
    if any_dependence:
        count = count * jnp.sum(jnp.where(place <= count, 1 / place, 0), axis=-1, keepdims=True)
    ordered = jnp.take_along_axis(jnp.where(tested, p_value, jnp.inf), order, axis=-1)
    least = jax.lax.cummin(ordered * count / place, axis=p_value.ndim - 1, reverse=True)
    back = jnp.take_along_axis(jnp.minimum(least, 1), jnp.argsort(order, axis=-1), axis=-1)
    return jnp.where(tested, back, jnp.nan)


@partial(jax.jit, static_argnames=("direction", "level"))
def replicate(
    tasks: Enrichment,
    *,
    direction: Literal["enriched", "depleted"] = "enriched",
    level: float = 0.95,
) -> Replication:
    """Test which motifs hold in every task, in some task, and whether their effect differs.

    "In at least u of T tasks" is tested by T - u + 1 times the u-th smallest p-value (Benjamini and
    Heller 2008, with Bonferroni's combination): the largest p-value for every task, T times the
    smallest for some task. A motif that is not shown to hold everywhere may still do so; it holds
    only somewhere if `differs` is small too. For many motifs, pass each through
    `false_discovery_rate`.

    Args:
      tasks: result of `motif_enrichment` with leaves float[T, F]. Where a motif could not be tested
        (NaN) it counts as not holding, and its effect is left out.
      direction: Direction of the effect.
      level: Level of the interval.

    Raises:
      NmjaxError: there are fewer than two tasks, or direction or level is invalid.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import Enrichment, replicate
      >>> tasks = Enrichment(*jnp.full((6, 2, 3), 0.5))
      >>> replicate(tasks, direction="enriched").log_odds
      Array([0.5, 0.5, 0.5], dtype=float32)
    """
    check_direction(direction)
    width = _width(level)
    effect = jnp.asarray(tasks.log_odds)
    if effect.ndim != 2 or len(effect) < 2:
        raise NmjaxError(
            f"Got effects {list(effect.shape)}, expected float[T, F] of at least two tasks: stack "
            "them on the first axis."
        )
    p_value = getattr(tasks, direction)
    tested = ~jnp.isnan(p_value)
    p_value = jnp.where(tested, p_value, 1)

    variance = tasks.std**2
    weight = jnp.where(tested, 1 / variance, 0)
    within = jnp.sum(weight * (effect - _mean(weight, effect)[None]) ** 2, axis=0)
    freedom = jnp.maximum(jnp.sum(tested, axis=0) - 1, 0).astype(effect.dtype)
    total = jnp.sum(weight, axis=0)
    scale = total - jnp.sum(weight**2, axis=0) / jnp.where(total > 0, total, 1)
    between = jnp.where(scale > 0, jnp.maximum(within - freedom, 0) / scale, 0)
    weight = jnp.where(tested, 1 / (variance + between[None]), 0)
    mean, std = _mean(weight, effect), jax.lax.rsqrt(jnp.sum(weight, axis=0))
    return Replication(
        log_odds=mean,
        low=mean - width * std,
        high=mean + width * std,
        everywhere=jnp.max(p_value, axis=0),
        somewhere=jnp.minimum(len(effect) * jnp.min(p_value, axis=0), 1),
        differs=jnp.where(freedom > 0, gammaincc(0.5 * freedom, 0.5 * within), jnp.nan),
    )


def check_direction(direction: str) -> None:
    """Validate the direction of an effect.

    Raises:
      NmjaxError: it is neither "enriched" nor "depleted".
    """
    if direction not in ("enriched", "depleted"):
        raise NmjaxError(
            f"Got direction={direction!r}, expected 'enriched' or 'depleted': give one of them."
        )


def _mean(weight: Array, effect: Array) -> Array:
    """Weighted mean float[F] of effects float[T, F]; NaN where all weights are 0."""
    return jnp.sum(weight * effect, axis=0) / jnp.sum(weight, axis=0)


def _width(level: float) -> Array:
    check_level(level)
    return ndtri(jnp.asarray(0.5 * (1 + level)))
