"""Motifs that past searches share, on every task or on some."""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.patterns.enrichment import (
    Enrichment,
    check_direction,
    false_discovery_rate,
    motif_enrichment,
    replicate,
)
from nmjax.patterns.motifs import find_motifs
from nmjax.spaces import Space, canonicalize
from nmjax.types import Array


class MotifTable(NamedTuple):
    """Tests of F motifs among the chosen evaluations of T tasks; rates are false discovery rates.

    Attributes:
      log_odds: float[F], mean over a population of tasks, or the value of the only task.
      low: float[F], lower end of its 95% interval.
      high: float[F], upper end of its 95% interval.
      everywhere: float[F], rate of the claim "on every task".
      somewhere: float[F], rate of the claim "on some task".
      differs: float[F], rate of the claim "not to the same extent on all tasks"; NaN for one task.
      task_log_odds: float[T, F], value of each task; NaN where nothing can be tested.
      task_rate: float[T, F], rate of the claim "on this task", among all tasks and motifs.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import motif_table
      >>> from nmjax.spaces import Space
      >>> space = Space("tiny", op=["a", "b"])
      >>> table = motif_table(space, jnp.array([[[0], [0], [1], [1]]]), jnp.array([[1, 1, 0, 0]]))
      >>> table.log_odds.shape
      (2,)
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
    """Test every motif of `find_motifs` on every task, and on the tasks together.

    Architectures are made canonical first. Peak memory is that of one task's motifs.

    Args:
      space: the space.
      architecture: int32[T, M, C].
      chosen: bool[T, M], for instance the best or the failed evaluations.
      mask: bool[T, M], False where an evaluation is padding or excluded from the comparison.
      direction: "enriched" tests whether motifs are more frequent among the chosen, "depleted"
        whether they are less frequent.

    Raises:
      NmjaxError: the arrays are not those of T tasks, or the direction is invalid.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import motif_table
      >>> from nmjax.spaces import Space
      >>> space = Space("tiny", op=["a", "b"])
      >>> table = motif_table(space, jnp.array([[[0], [0], [1], [1]]]), jnp.array([[1, 1, 0, 0]]))
      >>> bool(table.log_odds[0] > 0 > table.log_odds[1])
      True
    """
    check_direction(direction)
    architecture, chosen = jnp.asarray(architecture, jnp.int32), jnp.asarray(chosen, bool)
    if architecture.ndim != 3 or chosen.shape != architecture.shape[:2] or not len(chosen):
        raise NmjaxError(
            f"Got architectures {list(architecture.shape)} with chosen {list(chosen.shape)}, "
            "expected int32[T, M, C] and bool[T, M]: stack the tasks on the first axis."
        )
    known = jnp.ones_like(chosen) if mask is None else jnp.broadcast_to(mask, chosen.shape)

    def of_task(task: tuple[Array, Array, Array]) -> Enrichment:
        rows, chosen, known = task
        present = find_motifs(space, canonicalize(space, rows))
        enrichment: Enrichment = motif_enrichment(present, chosen, known)
        return enrichment

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
