"""Prune a space by past tasks, with a calibrated risk of pruning the optimum."""

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
from nmjax.knowledge.transfer.restricted_space import pad_options, restrict_space
from nmjax.spaces import (
    RealChoice,
    Space,
    active_choices,
    at_options,
    encode,
    from_scale,
)
from nmjax.stats import Interval, clopper_pearson
from nmjax.tasks import history_scores, make_history
from nmjax.types import Array, History, Metric


@dataclass(frozen=True, eq=False)
class AdaptedSpace:
    """A pruned space.

    Attributes:
      space: The pruned space.
      original: The space that was pruned.
      kept: bool[C, O], options of the original space that are kept.
      risk: Requested probability that the optimum of a new task is pruned.
      miss_rate: Fraction float[] of past tasks whose optimum is pruned when the other tasks set the
        levels, with an exact interval given the threshold.
      resolved: Whether there are enough tasks to support the risk: the interval ends at or below
        1.5 times the requested risk.

    Example:
      >>> import numpy as np
      >>> from nmjax.knowledge import adapt_space
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import make_history
      >>> from nmjax.types import Metric
      >>> architecture = np.broadcast_to(np.arange(4)[:, None], (6, 4, 1))
      >>> history = make_history(architecture, {"accuracy": np.array([[0.1, 0.2, 0.8, 0.9]] * 6)})
      >>> adapted = adapt_space(
      ...     Space(op=list("abcd")), history, Metric("accuracy"), risk=0.2, share=0.5)
      >>> adapted.original.size, float(adapted.miss_rate.estimate)
      (4, 0.0)
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
    """Prune options and tighten ranges to those of the best past architectures.

    The result is the tightest pruning (see `nmjax.knowledge.transfer.pruning`) that loses the
    optimum of a new task with a probability of about `risk`, if the new task and the past tasks are
    exchangeable. With T past tasks, risks below 1 / (T + 1) cannot be certified, and nothing is
    pruned. Ranges of real-valued choices are cut at sixteenths of their scales.

    Args:
      space: Space of the history.
      history: T past tasks with raw metrics, or the result of `predicted_history`.
      metric: Metric that defines the score.
      risk: Probability that the optimum of a new task is pruned, inside (0, 1).
      share: Fraction of each task's evaluations that count as its best and set the levels.
      top: Fraction of each task's evaluations of which at least one must be kept; 0 requires the
        best one.
      level: Confidence level of the interval of the miss rate.

    Raises:
      NmjaxError: There are fewer than two past tasks, a task has no score, the architectures are of
        another space, an argument is out of range, or no valid architecture would be left.

    Example:
      >>> import numpy as np
      >>> from nmjax.knowledge import adapt_space
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import make_history
      >>> from nmjax.types import Metric
      >>> architecture = np.broadcast_to(np.arange(4)[:, None], (6, 4, 1))
      >>> history = make_history(architecture, {"accuracy": np.array([[0.1, 0.2, 0.8, 0.9]] * 6)})
      >>> adapted = adapt_space(
      ...     Space(op=list("abcd")), history, Metric("accuracy"), risk=0.2, share=0.5)
      >>> adapted.space.size <= 4
      True
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
    """History of the scores that the sources predict for a pool, and its metric.

    It lets `adapt_space` work from knowledge alone. The calibrated risk then refers to predicted
    scores, errors of the models included.

    Args:
      knowledge: Knowledge of S sources; unused capacity is ignored.
      pool: int32[N, C], architectures.
      space: Space of the pool.
      continuous: float32[N, R], real-valued choices of the pool, if the space has any.

    Raises:
      NmjaxError: The knowledge is of another space.

    Example:
      >>> import numpy as np
      >>> from nmjax.knowledge import LearnConfig, learn, predicted_history
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import PastSearches, make_history
      >>> from nmjax.types import Metric
      >>> space, pool = Space(width=[8, 16, 32, 64]), np.arange(4)[:, None]
      >>> history = make_history(pool[None], {"accuracy": [[0.1, 0.3, 0.2, 0.7]]})
      >>> config = LearnConfig(network=False, kernel_steps=2, prior_steps=2)
      >>> knowledge = learn(PastSearches(space, history, ("a",), Metric("accuracy")), config=config)
      >>> predicted_history(knowledge, pool, space=space)[0].mask.shape
      (1, 4)
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


def to_original(adapted: AdaptedSpace, architecture: Array) -> Array:
    """Convert architectures of the adapted space to the original one, int32[..., C].

    Real-valued choices are the same in both.

    Args:
      adapted: Result of `adapt_space`.
      architecture: int32[..., C], architectures of the adapted space.

    Example:
      >>> import jax.numpy as jnp, numpy as np
      >>> from nmjax.knowledge import AdaptedSpace, restrict_space, to_original
      >>> from nmjax.spaces import Space
      >>> space, kept = Space(op=["a", "b", "c"]), np.array([[True, False, True]])
      >>> adapted = AdaptedSpace(restrict_space(space, kept), space, kept, 0.05, None, False)
      >>> to_original(adapted, jnp.array([1])).tolist()
      [2]
    """
    return at_options(pad_options([np.flatnonzero(row) for row in adapted.kept]), architecture)


def from_original(adapted: AdaptedSpace, architecture: Array) -> tuple[Array, Array]:
    """Convert architectures of the original space to the adapted one.

    Args:
      adapted: Result of `adapt_space`.
      architecture: int32[..., C], architectures of the original space.

    Returns:
      Architectures int32[..., C], in which an option that was removed is replaced by a kept one;
      and bool[...], whether all options were kept.

    Example:
      >>> import jax.numpy as jnp, numpy as np
      >>> from nmjax.knowledge import AdaptedSpace, from_original, restrict_space
      >>> from nmjax.spaces import Space
      >>> space, kept = Space(op=["a", "b", "c"]), np.array([[True, False, True]])
      >>> adapted = AdaptedSpace(restrict_space(space, kept), space, kept, 0.05, None, False)
      >>> architecture, inside = from_original(adapted, jnp.array([[2], [1]]))
      >>> int(architecture[0, 0]), inside.tolist()
      (1, [True, False])
    """
    inactive = ~active_choices(adapted.original, architecture)
    inside = jnp.all(at_options(adapted.kept, architecture) | inactive, axis=-1)
    position = np.maximum(np.cumsum(adapted.kept, axis=-1) - 1, 0).astype(np.int32)
    return at_options(position, architecture), inside


def _tightened(space: Space, kept: np.ndarray) -> tuple[RealChoice, ...]:
    """Real-valued choices restricted to the parts `kept` bool[R, ...] of their scales."""
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
