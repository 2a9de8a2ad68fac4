"""Calibration of pruning: the threshold for a given risk of pruning the optimum of a new task.

Each option has a level, its log frequency ratio (in nats) to the most frequent option of the choice
among the best past architectures. A pruned space keeps the options up to a threshold; a lower
threshold gives a smaller space. A past task needs the lowest threshold that keeps one of its best
architectures, with levels from the other tasks. If the new task is exchangeable with n past tasks,
it exceeds the k-th lowest of their needs with a probability of about (n - k + 1) / (n + 1). This is
conformal prediction (Vovk, Gammerman and Shafer, 2005) with leave-one-out scores, the jackknife+
(Barber et al., 2021).

A real-valued choice is treated as an ordinal one, whose options are equal parts of its scale.
"""

from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.knowledge.standardized_past import best_counts, smoothed_shares
from nmjax.spaces import (
    Choice,
    Space,
    at_options,
    canonicalize,
    is_valid,
    option_mask,
    to_scale,
)
from nmjax.spaces.enumeration import ENUMERABLE
from nmjax.spaces.indexing import from_flat, to_flat
from nmjax.types import Array

PARTS = 16
"""Number of parts of the scale of a real-valued choice."""


class Pruning(NamedTuple):
    """Levels of options and the calibrated threshold.

    Attributes:
      level: float[C, O], levels of options in nats; infinite where no option exists.
      threshold: float[], largest level that is kept; infinite if no pruning meets the risk.
      needed: float[T], lowest threshold that keeps one of each past task's best architectures.
    """

    level: Array
    threshold: Array
    needed: Array


class Classes(NamedTuple):
    """All combinations of options, with their isomorphism classes.

    Attributes:
      architecture: int32[size, C], architectures by flat index.
      code: int32[size], flat index of the representative of each architecture's class.
      valid: bool[size], whether each architecture is valid.
    """

    architecture: np.ndarray
    code: np.ndarray
    valid: np.ndarray


@lru_cache(maxsize=8)
def isomorphism_classes(space: Space) -> Classes | None:
    """Isomorphism classes; None if they are trivial or the space is too large to enumerate."""
    if space.size > ENUMERABLE or (space.canonical is None and not space.is_conditional):
        return None
    architecture = from_flat(np.arange(space.size, dtype=np.int32), space.num_options)
    code = to_flat(np.asarray(canonicalize(space, architecture)), space.num_options)
    return Classes(architecture, code, np.asarray(is_valid(space, architecture)))


def parted_space(space: Space) -> Space:
    """The space with real-valued choices replaced by ordinal ones of `PARTS` options, at the end.

    It has no validity and no isomorphism.
    """
    parts = [
        Choice(real.name, tuple(range(PARTS)), "ordinal", conditions=real.conditions)
        for real in space.continuous
    ]
    return space.replace(
        choices=(*space.choices, *parts), continuous=(), valid=None, canonical=None
    )


def continuous_parts(space: Space, architecture: Array, continuous: Array) -> Array:
    """Architectures int32[..., C + R] of `parted_space` from int32[..., C] and float[..., R]."""
    share = 0.5 * (to_scale(space, continuous) + 1)
    part = jnp.floor(PARTS * jnp.nan_to_num(jnp.clip(share, 0, 1)))
    part = jnp.minimum(part, PARTS - 1).astype(jnp.int32)
    return jnp.concatenate([architecture, part], axis=-1)


def option_levels(probability: Array, *, space: Space) -> Array:
    """Levels float[C, O] of options with probabilities float[C, O].

    The nodes of a cell share a set of operations, so an operation has its lowest level over nodes.
    Kept options of an ordinal choice form a range, so the level of an option is at most the higher
    of the levels of any two options around it.
    """
    rarity = jnp.log(jnp.max(probability, axis=-1, keepdims=True)) - jnp.log(probability)
    level = jnp.where(option_mask(space), rarity, jnp.inf)
    if space.cell is not None:
        nodes = np.array(space.cell.labels)
        level = level.at[nodes].set(jnp.min(level[nodes], axis=0, keepdims=True))
    from_below = jax.lax.cummin(level, axis=1)
    from_above = jax.lax.cummin(level, axis=1, reverse=True)
    ordinal = np.array([[choice.kind == "ordinal"] for choice in space.choices], bool)
    return jnp.where(ordinal, jnp.maximum(from_below, from_above), level)


def architecture_levels(
    level: Array, architecture: Array, classes: Classes | None, *, space: Space
) -> Array:
    """Lowest thresholds float[N] that keep architectures or isomorphic ones.

    Args:
      level: float[C, O], levels of options.
      architecture: int32[N, C], architectures.
      classes: Isomorphism classes over the first choices of the space; None without any.
      space: Space of the architectures.
    """
    if classes is None:
        return jnp.max(at_options(level, architecture), axis=-1)
    first = classes.architecture.shape[-1]
    alone = jnp.max(at_options(level[:first], classes.architecture), axis=-1)
    alone = jnp.where(classes.valid, alone, jnp.inf)
    lowest = jax.ops.segment_min(alone, classes.code, len(classes.code))
    flat = to_flat(architecture[..., :first], space.num_options[:first])
    others = at_options(level[first:], architecture[..., first:])
    by_class = lowest[jnp.asarray(classes.code)[flat]]
    return jnp.maximum(by_class, jnp.max(others, axis=-1, initial=-jnp.inf))


@partial(jax.jit, static_argnames=("space", "share", "top"))
def calibrate_pruning(
    architecture: Array,
    score: Array,
    classes: Classes | None,
    risk: Array,
    *,
    space: Space,
    share: float,
    top: float,
) -> Pruning:
    """Find the tightest pruning that loses the optimum of a new task with probability `risk`.

    Args:
      architecture: int32[T, M, C], architectures of past tasks.
      score: float[T, M], higher is better; NaN is ignored.
      classes: As in `architecture_levels`.
      risk: float[], in (0, 1); below 1 / (T + 1) nothing is pruned.
      space: Space of the architectures.
      share: Fraction of each task's evaluations that count as its best and set the levels.
      top: Fraction of each task's evaluations of which at least one must be kept; 0 requires the
        best one.
    """
    number = score.shape[0]
    shares = smoothed_shares(
        best_counts(architecture, score, space=space, share=share), space=space
    )
    total = jnp.sum(shares, axis=0)

    def need(task: tuple[Array, Array, Array]) -> Array:
        own, architecture, score = task
        level = option_levels((total - own) / (number - 1), space=space)
        least = architecture_levels(level, architecture, classes, space=space)
        return jnp.min(jnp.where(score >= jnp.nanquantile(score, 1 - top), least, jnp.inf))

    needed = jax.lax.map(need, (shares, architecture, score))
    # The margin absorbs rounding errors, such as of 0.2 x 5.
    lost = jnp.floor(risk * (number + 1) + 1e-4).astype(jnp.int32) - 1
    ordered = jnp.append(jnp.sort(needed), jnp.inf)
    threshold = ordered[jnp.clip(number - 1 - lost, 0, number)]
    return Pruning(option_levels(total / number, space=space), threshold, needed)
