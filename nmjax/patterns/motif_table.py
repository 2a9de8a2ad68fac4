"""Which motifs a set of past searches has in common, everywhere or only on some tasks."""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.patterns.enrichment import (
    Enrichment,
    false_discovery_rate,
    motif_enrichment,
    replicate,
)
from nmjax.patterns.motifs import find_motifs
from nmjax.spaces import Space, canonicalize
from nmjax.types import Array


class MotifTable(NamedTuple):
    """What F motifs are among the chosen of T tasks; rates are false discovery rates.

    Attributes:
      log_odds: float[F], the mean over a population of tasks, or the only task's.
      low: float[F], lower end of its 95% interval.
      high: float[F], upper end.
      everywhere: float[F], the rate of "on every task".
      somewhere: float[F], of "on some task".
      differs: float[F], of "not to the same extent on all"; NaN where there is one task.
      task_log_odds: float[T, F], of each task; NaN where there is nothing to test.
      task_rate: float[T, F], of "on this task", among all tasks and motifs.
    """

    log_odds: Array
    low: Array
    high: Array
    everywhere: Array
    somewhere: Array
    differs: Array
    task_log_odds: Array
    task_rate: Array


@partial(jax.jit, static_argnames=("space", "direction"))
def motif_table(
    space: Space,
    architecture: Array,
    chosen: Array,
    mask: Array | None = None,
    *,
    direction: Literal["enriched", "depleted"] = "enriched",
) -> MotifTable:
    """Tests every motif of `find_motifs` on every task, and what the tasks say together.

    Architectures are made canonical first. Memory is that of one task's motifs.

    Args:
      space: of the architectures.
      architecture: int32[T, M, C].
      chosen: bool[T, M], the best or the failed.
      mask: bool[T, M], False where an evaluation is padding or is not to be compared with.
      direction: whether motifs are tested to be more or less frequent among the chosen.

    Raises:
      NmjaxError: the arrays are not those of T tasks.
    """
    architecture, chosen = jnp.asarray(architecture, jnp.int32), jnp.asarray(chosen, bool)
    if architecture.ndim != 3 or chosen.shape != architecture.shape[:2] or not len(chosen):
        raise NmjaxError(
            f"Got architectures {list(architecture.shape)} with chosen {list(chosen.shape)}, "
            "expected int32[T, M, C] and bool[T, M]: stack the tasks on the first axis."
        )
    known = jnp.ones_like(chosen) if mask is None else jnp.broadcast_to(mask, chosen.shape)

    def of_task(task: tuple[Array, Array, Array]) -> Enrichment:
        rows, chosen, known = task
        return motif_enrichment(find_motifs(space, canonicalize(space, rows)), chosen, known)

    tasks = jax.lax.map(of_task, (architecture, chosen, known))
    p_value = getattr(tasks, direction)
    rates = false_discovery_rate(p_value.reshape(-1)).reshape(p_value.shape)
    effects = jnp.where(jnp.isnan(p_value), jnp.nan, tasks.log_odds)
    if len(chosen) == 1:
        low, high = (jnp.where(jnp.isnan(p_value), jnp.nan, e)[0] for e in (tasks.low, tasks.high))
        nothing = jnp.full_like(rates[0], jnp.nan)
        return MotifTable(effects[0], low, high, rates[0], rates[0], nothing, effects, rates)
    together = replicate(tasks, direction=direction)
    return MotifTable(
        log_odds=together.log_odds,
        low=together.low,
        high=together.high,
        everywhere=false_discovery_rate(together.everywhere),
        somewhere=false_discovery_rate(together.somewhere),
        differs=false_discovery_rate(together.differs),
        task_log_odds=effects,
        task_rate=rates,
    )
