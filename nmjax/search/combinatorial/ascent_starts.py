"""Points where the maximization of an acquisition starts."""

from functools import partial

import jax
import jax.numpy as jnp

from nmjax.knowledge import (
    sample_architectures,
    transfer_weight,
    uniform_sampling,
    update_sampling_distribution,
)
from nmjax.search.combinatorial.limits import SpaceFeasibility, most_feasible
from nmjax.search.combinatorial.state import SpaceState
from nmjax.search.maximizers.points import canonical_points, join, mutate_points, sample_points
from nmjax.search.problem import SpaceProblem
from nmjax.spaces import Space
from nmjax.types import Array

ELITE = 8
"""Number of best evaluations that are mutated."""
DRAWS = 8
"""Number of draws for each start, if there are known limits."""


def ascent_starts(
    key: Array,
    state: SpaceState,
    problem: SpaceProblem,
    feasibility: SpaceFeasibility | None,
    *,
    space: Space,
    number: int,
) -> Array:
    """Return the points [3 number, C + R] where ascents start.

    One third are mutations of the best evaluations, one third is uniform, and one third is drawn
    where past tasks had their best scores. The last becomes uniform as the transferred prior loses
    weight. With limits, each start is one of several draws, those most likely to meet the limits.

    Args:
      key: Random key.
      state: State of the search.
      problem: Problem to search.
      feasibility: Probability of meeting known limits; None without limits.
      space: Space of the architectures.
      number: Number of points of each kind.
    """
    mutate_key, uniform_key, informed_key = jax.random.split(key, 3)
    draws = number if feasibility is None else DRAWS * number
    uniform = sample_points(uniform_key, space, draws)
    distribution = update_sampling_distribution(
        uniform_sampling(space),
        problem.knowledge,
        transfer_weight=transfer_weight(state.log_weights, problem.prior),
    )
    drawn = sample_architectures(informed_key, distribution, space=space, shape=(draws,))
    informed = canonical_points(space, join(space, *drawn)) if space.num_continuous else drawn[0]
    score = jnp.where(jnp.isnan(state.record.score), -jnp.inf, state.record.score)
    best = jax.lax.top_k(score, min(ELITE, len(score)))[1]
    best = best[jnp.arange(draws) % len(best)]
    # Empty slots are replaced by uniform points.
    known = state.record.evaluated[best]
    parents = jnp.where(known[:, None], state.point[best], uniform)
    mutated = mutate_points(mutate_key, space, parents)
    kinds = [mutated, uniform, informed]
    if feasibility is not None:
        choose = partial(most_feasible, problem, feasibility=feasibility, space=space)
        kinds = [choose(points, number=number) for points in kinds]
    return jnp.concatenate(kinds)
