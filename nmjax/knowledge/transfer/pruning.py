"""How far a space may be cut before a new task loses its best, told by past tasks left out.

Every option has a level: how much rarer it is among the best of the past than the commonest option
of its choice, in nats. A space keeps the options up to a threshold, so that a lower threshold is a
smaller space. What a past task needs is the lowest threshold at which something of its best is
kept, under levels that the other tasks set. If the new task is one more draw of those that the past
tasks are draws of, it needs more than all but the k least of n past tasks did with a probability of
about (n - k + 1) / (n + 1): conformal prediction (Vovk, Gammerman and Shafer, 2005) by leaving one
out (Barber et al., 2021).

A real-valued choice counts as an ordinal one, whose options are equal parts of its scale.
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
"""Of a real-valued choice's scale."""


class Pruning(NamedTuple):
    """Which options to keep, and why.

    Attributes:
      level: float[C, O], nats; infinite where no option exists.
      threshold: float[], options up to it are kept; infinite where no cut is safe enough.
      needed: float[T], the lowest threshold that keeps something of each past task's best.
    """

    level: Array
    threshold: Array
    needed: Array


class Classes(NamedTuple):
    """All ways to choose, and which are the same architecture.

    Attributes:
      architecture: int32[size, C], by flat index.
      code: int32[size], the flat index of the one that stands for each.
      valid: bool[size].
    """

    architecture: np.ndarray
    code: np.ndarray
    valid: np.ndarray


@lru_cache(maxsize=8)
def isomorphism_classes(space: Space) -> Classes | None:
    """None where no two architectures are isomorphic, or there are too many to list."""
    if space.size > ENUMERABLE or (space.canonical is None and not space.is_conditional):
        return None
    architecture = from_flat(np.arange(space.size, dtype=np.int32), space.num_options)
    code = to_flat(np.asarray(canonicalize(space, architecture)), space.num_options)
    return Classes(architecture, code, np.asarray(is_valid(space, architecture)))


def parted_space(space: Space) -> Space:
    """The space with real-valued choices as ordinal ones of `PARTS` options, after the others.

    It says what is an option, not what is valid or isomorphic.
    """
    parts = [
        Choice(real.name, tuple(range(PARTS)), "ordinal", conditions=real.conditions)
        for real in space.continuous
    ]
    return space.replace(
        choices=(*space.choices, *parts), continuous=(), valid=None, canonical=None
    )


def continuous_parts(space: Space, architecture: Array, continuous: Array) -> Array:
    """Architectures int32[..., C + R] of the parted space, of int32[..., C] and float[..., R]."""
    share = 0.5 * (to_scale(space, continuous) + 1)
    part = jnp.floor(PARTS * jnp.nan_to_num(jnp.clip(share, 0, 1)))
    part = jnp.minimum(part, PARTS - 1).astype(jnp.int32)
    return jnp.concatenate([architecture, part], axis=-1)


def option_levels(probability: Array, *, space: Space) -> Array:
    """Levels float[C, O] of options with probabilities float[C, O].

    The nodes of a cell have one set of operations, so that an operation's level is its lowest on
    any node. What is kept of an ordinal choice is a range: an option between two has a level no
    higher than the higher of theirs.
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
    """The lowest thresholds float[N] that keep architectures int32[N, C], or isomorphic ones.

    Args:
      level: float[C, O], of the options.
      architecture: int32[N, C].
      classes: of the space's first choices, those after them being each for itself.
      space: of the architectures.
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
    """The tightest pruning under which a new task loses its best with a probability of `risk`.

    Args:
      architecture: int32[T, M, C], of past tasks.
      score: float[T, M], higher is better; NaN does not count.
      classes: as in `architecture_levels`.
      risk: float[], in (0, 1); below 1 / (T + 1) nothing is cut.
      space: of the architectures.
      share: of each task's evaluations, the best, whose options set the levels.
      top: share of each task's evaluations of which one must be kept; 0 for the best.
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
    # The margin is for the rounding of, say, 0.2 x 5.
    lost = jnp.floor(risk * (number + 1) + 1e-4).astype(jnp.int32) - 1
    ordered = jnp.append(jnp.sort(needed), jnp.inf)
    threshold = ordered[jnp.clip(number - 1 - lost, 0, number)]
    return Pruning(option_levels(total / number, space=space), threshold, needed)
