"""Candidate architectures of a study: a whole space, or a sample that follows the search.

A small space is enumerated. For other spaces a study keeps a pool of constant size: the evaluated
architectures, uniform draws, and mutations of the best ones. The pool is redrawn after each result,
so that it becomes denser around good architectures.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces import (
    Space,
    canonicalize_mixed,
    enumerate_architectures,
    mutate_mixed,
    sample_mixed,
)
from nmjax.study.arguments import Feasibility
from nmjax.types import Array

SAMPLED = 2_048
"""Size of the pool of a space that is not enumerated."""
ELITE = 8
"""Number of best evaluations whose mutations are candidates."""


class Point(NamedTuple):
    """An architecture as two hashable tuples.

    Attributes:
      architecture: Option index of each discrete choice.
      continuous: Value of each real-valued choice, rounded to float32.
    """

    architecture: tuple[int, ...]
    continuous: tuple[float, ...]


class Candidates(NamedTuple):
    """Pool of distinct architectures.

    Attributes:
      architecture: int32[N, C], canonical.
      continuous: float32[N, R].
      points: The architectures as points, by row.
      row_of: Row of each point.
    """

    architecture: np.ndarray
    continuous: np.ndarray
    points: list[Point]
    row_of: dict[Point, int]


def to_point(space: Space, architecture: np.ndarray, continuous: np.ndarray) -> Point:
    """Canonical point of an architecture int[C] and its real values float[R]."""
    canonical, values = canonicalize_mixed(
        space, np.asarray(architecture, np.int32), np.asarray(continuous, np.float32)
    )
    return _points(np.asarray(canonical)[None], np.asarray(values)[None])[0]


def all_candidates(space: Space) -> Candidates:
    """Enumerate the architectures of a space without real-valued choices."""
    architecture = np.asarray(enumerate_architectures(space))
    return _candidates(architecture, np.zeros((len(architecture), 0), np.float32))


def sample_candidates(
    key: Array, space: Space, evaluated: Sequence[Point], best: Sequence[Point] | None
) -> Candidates:
    """Sample a pool of `SAMPLED` architectures that contains the evaluated ones.

    Args:
      key: Random key.
      space: Space to sample.
      evaluated: Evaluated points, which come first in the pool.
      best: Points whose mutations make up half of the rest; empty before the first success. None
        for a uniform sample.
    """
    uniform_key, parent_key, mutate_key = jax.random.split(key, 3)
    uniform = sample_mixed(uniform_key, space, (SAMPLED,))
    parents = uniform
    if best:
        among = jax.random.randint(parent_key, (SAMPLED,), 0, len(best))
        parents = _arrays(space, [best[index] for index in among.tolist()])
    drawn = [_points(*uniform)]
    if best is not None:
        drawn.insert(0, _points(*mutate_mixed(mutate_key, space, *parents)))
    interleaved = itertools.chain.from_iterable(zip(*drawn, strict=True))
    distinct = dict.fromkeys([*evaluated, *interleaved])
    points = list(itertools.islice(distinct, max(SAMPLED, len(evaluated))))
    return _candidates(*_arrays(space, points))


def judge_feasibility(
    feasibility: Feasibility | None, space: Space, candidates: Candidates
) -> np.ndarray | None:
    """Probabilities float[N] that the candidates meet known limits; None without limits.

    Raises:
      NmjaxError: The function returns something other than a number.
    """
    if feasibility is None:
        return None
    pairs = zip(candidates.architecture, candidates.continuous, strict=True)
    found = [feasibility(space.to_config(*pair)) for pair in pairs]
    try:
        return np.array([float(value) for value in found])
    except (TypeError, ValueError):
        wrong = next(value for value in found if not isinstance(value, int | float | np.number))
        raise NmjaxError(
            f"Got {wrong!r} from the function of feasibility; return a probability from 0 to 1, or "
            "a bool."
        ) from None


def _candidates(architecture: np.ndarray, continuous: np.ndarray) -> Candidates:
    points = _points(architecture, continuous)
    row_of = {point: row for row, point in enumerate(points)}
    return Candidates(architecture, continuous, points, row_of)


def _points(architecture: ArrayLike, continuous: ArrayLike) -> list[Point]:
    options, values = np.asarray(architecture), np.asarray(continuous, np.float32)
    rows = zip(options.tolist(), values.tolist(), strict=True)
    return [Point(tuple(option), tuple(value)) for option, value in rows]


def _arrays(space: Space, points: Sequence[Point]) -> tuple[np.ndarray, np.ndarray]:
    """int32[N, C] and float32[N, R] of N points."""
    options = np.array([point.architecture for point in points], np.int32)
    values = np.array([point.continuous for point in points], np.float32)
    size = len(points)
    return options.reshape(size, space.num_choices), values.reshape(size, space.num_continuous)
