"""Maximization by local searches in parallel."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.maximizers.objective import Objective, fittest
from nmjax.search.maximizers.points import neighbor_points
from nmjax.types import Array

Climbers = tuple[Array, Array, Array, Array]


@dataclass(frozen=True, kw_only=True)
class LocalAscent:
    """Steepest ascent by one choice from the best of the starts.

    As in BoTorch's `optimize_acqf_discrete_local_search` (Balandat et al., 2020). A round evaluates
    all changes of one choice of every climber: other options, and three steps up and down of each
    real value. Rounds end when all climbers are at local optima. A climber whose start is not
    allowed moves to its best neighbor.

    Attributes:
      climbers: Number of ascents, which begin at the best starts.
      rounds: Maximum number of rounds; each climber makes at most one change a round.

    Raises:
      NmjaxError: `climbers` is not positive, or `rounds` is negative.

    Example:
      >>> from nmjax.search import LocalAscent
      >>> LocalAscent(climbers=2)
      LocalAscent(climbers=2, rounds=16)
    """

    climbers: int = 4
    rounds: int = 16

    def __post_init__(self) -> None:
        if self.climbers < 1 or self.rounds < 0:
            raise NmjaxError(
                f"Got climbers={self.climbers}, rounds={self.rounds}; give 1 or more climbers, and "
                "0 or more rounds."
            )

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return the points [m, C + R] that were reached and their values float[m]."""
        del key
        best = fittest(starts, objective.of_architectures(starts), self.climbers)
        neighbors = partial(neighbor_points, objective.space)
        return climb(objective, *best, neighbors, rounds=self.rounds)


def climb(
    objective: Objective,
    points: Array,
    worth: Array,
    propose: Callable[[Array], Array],
    *,
    rounds: int,
) -> tuple[Array, Array]:
    """Climb by the best of the proposed changes, while one is better.

    Args:
      objective: Function to maximize.
      points: Points [m, C + R], the starts.
      worth: float[m], values of the starts.
      propose: Function from points [m, C + R] to the changes [m, N, C + R] to evaluate.
      rounds: Maximum number of rounds; each climber makes at most one change a round.

    Returns:
      The points [m, C + R] that were reached, and their values float[m].
    """

    def unfinished(carried: Climbers) -> Array:
        _, _, moved, turn = carried
        return moved & (turn < rounds)

    def move(carried: Climbers) -> Climbers:
        points, worth, _, turn = carried
        changed = propose(points)
        found = objective.of_architectures(changed.reshape(-1, changed.shape[-1]))
        found = found.reshape(changed.shape[:2])
        steepest = jnp.argmax(found, axis=1)[:, None]
        highest = jnp.take_along_axis(found, steepest, axis=1)[:, 0]
        better = highest > worth
        taken = jnp.take_along_axis(changed, steepest[..., None], axis=1)[:, 0]
        points = jnp.where(better[:, None], taken, points)
        return points, jnp.where(better, highest, worth), jnp.any(better), turn + 1

    start = (points, worth, jnp.ones((), bool), jnp.zeros((), jnp.int32))
    points, worth, _, _ = jax.lax.while_loop(unfinished, move, start)
    return points, worth
