"""Maximization by local searches that the gradient guides."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.search.maximizers.local import climb
from nmjax.search.maximizers.objective import Objective, fittest
from nmjax.search.maximizers.points import (
    are_valid,
    canonical_points,
    encode_points,
    neighbor_points,
)
from nmjax.types import Array


@dataclass(frozen=True, kw_only=True)
class GuidedAscent:
    """Ascend by one choice at a time, evaluating only the changes that the gradient favors.

    A round takes the gradient at each climber, predicts the value of all changes of one choice to
    first order, and evaluates the few with the largest predictions (as Grathwohl et al., 2021,
    "Oops I took a gradient", propose moves). `LocalAscent` evaluates all changes. A climber stops
    when none of its candidates is better, which may be short of a local optimum.

    Attributes:
      climbers: Number of ascents, which begin at the best starts.
      rounds: Maximum number of rounds; each climber makes at most one change per round.
      candidates: Number of changes that a climber evaluates in a round.

    Raises:
      NmjaxError: `climbers` or `candidates` is not positive, or `rounds` is negative.

    Example:
      >>> from nmjax.search import GuidedAscent
      >>> GuidedAscent(climbers=8)
      GuidedAscent(climbers=8, rounds=32, candidates=8)
    """

    climbers: int = 16
    rounds: int = 32
    candidates: int = 8

    def __post_init__(self) -> None:
        if min(self.climbers, self.candidates) < 1 or self.rounds < 0:
            raise NmjaxError(
                f"Got {self}; give 1 or more climbers and candidates, and 0 or more rounds."
            )

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return the points [m, C + R] that were reached and their values float[m]."""
        del key
        best = fittest(starts, objective.of_architectures(starts), self.climbers)
        return guided_climb(objective, *best, rounds=self.rounds, candidates=self.candidates)


def guided_climb(
    objective: Objective, points: Array, worth: Array, *, rounds: int, candidates: int
) -> tuple[Array, Array]:
    """Climb by the best of the changes of one choice that the gradient ranks highest.

    Args:
      objective: Function to maximize, with differentiable values of encodings.
      points: Points [m, C + R], the starts.
      worth: float[m], values of the starts.
      rounds: Maximum number of rounds.
      candidates: Number of changes that each climber evaluates in a round.

    Returns:
      The points [m, C + R] that were reached, and their values float[m].
    """
    space = objective.space
    slope_at = jax.grad(lambda encoding: jnp.sum(objective.of_encodings(encoding)))

    def likely_changes(points: Array) -> Array:
        slope = slope_at(encode_points(space, points))
        changed = neighbor_points(space, points)
        canonical = canonical_points(space, changed)
        predicted_gain = jnp.einsum("mkd,md->mk", encode_points(space, canonical), slope)
        same = jnp.all(canonical == canonical_points(space, points)[:, None], axis=-1)
        predicted_gain = jnp.where(are_valid(space, changed) & ~same, predicted_gain, -jnp.inf)
        predicted_gain = jnp.where(jnp.isnan(predicted_gain), -jnp.inf, predicted_gain)
        likely = jax.lax.top_k(predicted_gain, min(candidates, predicted_gain.shape[1]))[1]
        return jnp.take_along_axis(canonical, likely[..., None], axis=1)

    return climb(objective, points, worth, likely_changes, rounds=rounds)
