"""Known limits on the architectures of a space, such as one on latency."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nmjax.search.combinatorial.state import to_proposal
from nmjax.search.maximizers.points import canonical_points, sample_points
from nmjax.search.problem import SpaceProblem
from nmjax.spaces import Space
from nmjax.types import Array

DRAWS = 1024
"""Number of uniform draws among which the initial design is chosen."""
SpaceFeasibility = Callable[[SpaceProblem, Any], Array]
"""(problem, architecture) -> float[] or bool[], the probability of meeting known limits."""


def log_feasibility(
    problem: SpaceProblem, points: Array, feasibility: SpaceFeasibility | None, *, space: Space
) -> Array:
    """Return the log-probabilities float[n] that points [n, C + R] meet known limits.

    Without limits they are 0. What is no probability, such as NaN, counts as 0.

    Args:
      problem: Problem to search.
      points: Canonical points.
      feasibility: Function of one architecture; None without limits.
      space: Space of the architectures.
    """
    dtype = problem.log_weights.dtype
    if feasibility is None:
        return jnp.zeros(len(points), dtype)
    each = jax.vmap(feasibility, in_axes=(None, 0))(problem, to_proposal(space, points))
    meets = jnp.asarray(each, dtype)
    is_probability = (meets >= 0) & (meets <= 1)
    return jnp.where(is_probability, jnp.log(meets), -jnp.inf)


def sample_initial(
    key: Array,
    problem: SpaceProblem,
    feasibility: SpaceFeasibility | None,
    *,
    space: Space,
    number: int,
) -> Array:
    """Draw canonical points [number, C + R] in proportion to their probability of meeting limits.

    With limits, they are chosen among `DRAWS` uniform points.

    Args:
      key: Random key.
      problem: Problem to search.
      feasibility: Function of one architecture; None without limits, for uniform draws.
      space: Space of the architectures.
      number: Number of points.
    """
    if feasibility is None:
        return canonical_points(space, sample_points(key, space, number))
    draw_key, choice_key = jax.random.split(key)
    points = canonical_points(space, sample_points(draw_key, space, DRAWS))
    meets = log_feasibility(problem, points, feasibility, space=space)
    # Weighted sampling without replacement by Gumbel noise.
    noise = jax.random.gumbel(choice_key, meets.shape, meets.dtype)
    return points[jax.lax.top_k(meets + noise, number)[1]]


def most_feasible(
    problem: SpaceProblem,
    points: Array,
    feasibility: SpaceFeasibility,
    *,
    space: Space,
    number: int,
) -> Array:
    """Return the points [number, C + R] that most likely meet known limits, ties in order.

    Args:
      problem: Problem to search.
      points: Points [n, C + R].
      feasibility: Function of one architecture.
      space: Space of the architectures.
      number: Number of points to keep.
    """
    canonical = canonical_points(space, points)
    meets = log_feasibility(problem, canonical, feasibility, space=space)
    return points[jax.lax.top_k(meets, number)[1]]
