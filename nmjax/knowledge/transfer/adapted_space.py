"""A space cut to what was best in the past, with the risk of cutting off the best of a new task."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge.features import pool_features
from nmjax.knowledge.state import MetaKnowledge, is_source, require_space, source_features
from nmjax.knowledge.transfer.pruning import (
    PARTS,
    calibrate_pruning,
    continuous_parts,
    isomorphism_classes,
    parted_space,
)
from nmjax.spaces import (
    Cell,
    Condition,
    RealChoice,
    Space,
    active_choices,
    at_options,
    canonicalize,
    encode,
    from_scale,
    is_valid,
    to_index,
)
from nmjax.spaces.cells.isomorphism import look_up, representatives
from nmjax.spaces.description.choices import Option
from nmjax.spaces.enumeration import ENUMERABLE
from nmjax.spaces.indexing import from_flat
from nmjax.stats import Interval, clopper_pearson
from nmjax.tasks import history_scores, make_history
from nmjax.types import Array, History, Metric


@dataclass(frozen=True, eq=False)
class AdaptedSpace:
    """Part of a space.

    Attributes:
      space: what is left, a space of its own.
      original: what it is part of.
      kept: bool[C, O], the original's options that are left.
      risk: as stated.
      miss_rate: share of the past tasks that lose their best if the others decide, float[]; the
        interval is the exact one, which takes the threshold for given.
      resolved: whether the tasks are enough to tell: the interval ends at 1.5 times the stated
        risk or below.
    """

    space: Space
    original: Space
    kept: np.ndarray
    risk: float
    miss_rate: Interval
    resolved: bool


def adapt_space(
    space: Space,
    history: History,
    metric: Metric,
    *,
    risk: float = 0.05,
    share: float = 0.1,
    top: float = 0.0,
    level: float = 0.95,
) -> AdaptedSpace:
    """Prunes choices and tightens ranges to what was best in the past.

    It is the tightest pruning of its kind (`nmjax.knowledge.risk`) that loses the best of a new
    task with a probability of about `risk`, if that task is to past tasks as they are to one
    another. Less than 1 / (T + 1) cannot be shown with T past tasks: then nothing is cut.
    Ranges of real-valued choices are cut at sixteenths of their scales.

    Args:
      space: of the history.
      history: T past tasks, raw metrics; or what knowledge says of them (`predicted_history`).
      metric: which metric is the score.
      risk: probability that the best of a new task is cut off, inside (0, 1).
      share: of each task's evaluations, the best, whose options set what is kept first.
      top: share of each task's evaluations of which one must be kept; 0 for the best.
      level: of the interval of the risk.

    Raises:
      NmjaxError: fewer than two past tasks, a task without a score, architectures of another
        space, a risk or share out of range, or nothing valid would be left.
    """
    score = history_scores(history, metric)
    _check(space, history, np.asarray(score), risk, share, top)
    pruning = calibrate_pruning(
        continuous_parts(space, history.architecture, history.continuous),
        score,
        isomorphism_classes(space),
        jnp.asarray(risk),
        space=parted_space(space),
        share=share,
        top=top,
    )
    kept = np.asarray((pruning.level <= pruning.threshold) & jnp.isfinite(pruning.level))
    lost = jnp.sum(pruning.needed > pruning.threshold)
    miss_rate = clopper_pearson(lost, jnp.asarray(pruning.needed.size), level=level)
    resolved = bool(miss_rate.high <= 1.5 * risk)
    options = kept[: space.num_choices, : space.max_options]
    restricted = restrict_space(space, options, _tightened(space, kept[space.num_choices :]))
    return AdaptedSpace(restricted, space, options, risk, miss_rate, resolved)


def predicted_history(
    knowledge: MetaKnowledge, pool: Array, *, space: Space, continuous: Array | None = None
) -> tuple[History, Metric]:
    """What the models of the S sources predict of a whole pool, as their history; and its metric.

    So a space can be adapted to knowledge alone. The models' errors are then in the risk as if
    they were the tasks'.

    Args:
      knowledge: of the sources; room for more is none of them.
      pool: int32[N, C].
      space: of the pool.
      continuous: float32[N, R], the pool's real-valued choices, if the space has some.

    Raises:
      NmjaxError: the knowledge is of another space.
    """
    require_space(knowledge, space)
    metric = Metric("predicted", "normal score")
    known = np.asarray(is_source(knowledge.sources))
    features = pool_features(knowledge, encode(space, pool, continuous)).pool.features
    score = features[:, source_features(len(known))].T[known]
    numbers = jnp.zeros((len(pool), 0)) if continuous is None else jnp.asarray(continuous)
    architecture, numbers = (
        jnp.broadcast_to(leaf, (len(score), *leaf.shape)) for leaf in (jnp.asarray(pool), numbers)
    )
    return make_history(architecture, {metric.name: score}, continuous=numbers), metric


def restrict_space(
    space: Space, kept: np.ndarray, continuous: tuple[RealChoice, ...] | None = None
) -> Space:
    """The space with options `kept` bool[C, O] only, named after the original.

    Its real-valued choices are `continuous`, with ranges within the original's; by default those.

    Its cell, validity and isomorphism are the original's; of an architecture and those isomorphic
    to it, one stands for all that are left. Above ten million architectures none are merged.

    Raises:
      NmjaxError: a choice keeps no option, nodes of a cell keep different ones, or no architecture
        that is left is valid.
    """
    options = [
        np.flatnonzero(row[:count]) for row, count in zip(kept, space.num_options, strict=True)
    ]
    for choice, chosen in zip(space.choices, options, strict=True):
        if not len(chosen):
            raise NmjaxError(f"Choice {choice.name!r} keeps no option; keep at least one.")
    continuous = space.continuous if continuous is None else continuous
    if continuous == space.continuous and tuple(map(len, options)) == space.num_options:
        return space
    left = {
        choice.name: tuple(choice.options[i] for i in chosen)
        for choice, chosen in zip(space.choices, options, strict=True)
    }
    choices = tuple(
        replace(choice, options=left[choice.name], conditions=_remaining(choice.conditions, left))
        for choice in space.choices
    )
    continuous = tuple(
        replace(real, conditions=_remaining(real.conditions, left)) for real in continuous
    )
    cell = space.cell
    if cell is not None and cell.topology is not None:
        topologies = tuple(cell.topologies[i] for i in options[cell.topology])
        cell = Cell(cell.labels, topologies, cell.topology)
    num_options = tuple(map(len, options))
    index = _padded(options)

    def valid(architecture: Array) -> Array:
        remains: Array = is_valid(space, at_options(index, architecture))
        return remains

    restricted = Space.build(
        f"{space.name}-restricted",
        choices,
        continuous,
        cell,
        None if space.valid is None else valid,
    )
    if restricted.size > ENUMERABLE:
        return restricted
    everything = from_flat(np.arange(restricted.size, dtype=np.int32), num_options)
    if not np.any(is_valid(restricted, everything)):
        raise NmjaxError(
            f"No architecture of space {space.name!r} is valid that has the options "
            f"{[list(choice.options) for choice in choices]} alone; keep more of them."
        )
    if space.canonical is None:
        return restricted
    codes = to_index(space, canonicalize(space, at_options(index, everything)))
    table = representatives(np.asarray(codes))

    def canonical(architecture: Array) -> Array:
        return look_up(table, num_options, architecture)

    return restricted.replace(canonical=canonical)


def _remaining(
    conditions: tuple[Condition, ...], left: Mapping[str, tuple[Option, ...]]
) -> tuple[Condition, ...]:
    """The conditions without the options of the parents that are no longer there."""
    return tuple(
        Condition(parent, tuple(option for option in options if option in left[parent]))
        for parent, options in conditions
    )


def to_original(adapted: AdaptedSpace, architecture: Array) -> Array:
    """Architectures int32[..., C] of the adapted space as the original's, int32[..., C].

    Real-valued choices are the same in both.
    """
    return at_options(_padded([np.flatnonzero(row) for row in adapted.kept]), architecture)


def from_original(adapted: AdaptedSpace, architecture: Array) -> tuple[Array, Array]:
    """Architectures int32[..., C] of the original space as the adapted's.

    Returns:
      int32[..., C], and bool[...], whether all options are left; where one is not, the choice has
      another that is.
    """
    inactive = ~active_choices(adapted.original, architecture)
    inside = jnp.all(at_options(adapted.kept, architecture) | inactive, axis=-1)
    position = np.maximum(np.cumsum(adapted.kept, axis=-1) - 1, 0).astype(np.int32)
    return at_options(position, architecture), inside


def _padded(options: list[np.ndarray]) -> np.ndarray:
    """int32[C, O] of ragged option indices, each row filled up with its last."""
    longest = max(map(len, options), default=0)
    rows = [np.pad(chosen, (0, longest - len(chosen)), mode="edge") for chosen in options]
    return np.array(rows, np.int32).reshape(len(rows), longest)


def _tightened(space: Space, kept: np.ndarray) -> tuple[RealChoice, ...]:
    """The real-valued choices with the parts `kept` bool[R, ...] of their scales."""
    parts = [np.flatnonzero(row) for row in kept]
    ends = np.array([(part[0], part[-1] + 1) for part in parts]).reshape(-1, 2).T
    lows, highs = (np.asarray(from_scale(space, 2 * end / PARTS - 1)).tolist() for end in ends)
    return tuple(
        real if len(part) == PARTS else replace(real, low=low, high=high)
        for real, part, low, high in zip(space.continuous, parts, lows, highs, strict=True)
    )


def _check(
    space: Space, history: History, score: np.ndarray, risk: float, share: float, top: float
) -> None:
    if history.architecture.shape[-1] != space.num_choices:
        raise NmjaxError(
            f"Got architectures {list(history.architecture.shape)} for space {space.name!r}; give "
            f"[T, M, {space.num_choices}]."
        )
    if len(score) < 2 or np.isnan(score).all(axis=-1).any():
        raise NmjaxError(
            f"Got {len(score)} past tasks, with {(~np.isnan(score)).sum(axis=-1).tolist()} scores; "
            "give at least two tasks, each with a score."
        )
    if not (0 < risk < 1 and 0 < share <= 1 and 0 <= top < 1):
        raise NmjaxError(
            f"Got risk={risk}, share={share} and top={top}; give a risk inside (0, 1), a share in "
            "(0, 1] and a top share in [0, 1)."
        )
