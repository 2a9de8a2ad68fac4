"""Maximization over a list."""

from dataclasses import dataclass

from nmjax.search.maximizers.objective import Objective
from nmjax.types import Array


@dataclass(frozen=True)
class Exhaustive:
    """Evaluate the acquisition at the starts only, which is exact if they are the whole pool.

    Example:
      >>> from nmjax.search import Exhaustive, SpaceSearch
      >>> from nmjax.spaces import Space
      >>> SpaceSearch(Space(width=[8, 16]), maximizer=Exhaustive()).maximizer
      Exhaustive()
    """

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return the points [m, C + R] that were reached and their values float[m]."""
        del key
        return starts, objective.of_architectures(starts)
