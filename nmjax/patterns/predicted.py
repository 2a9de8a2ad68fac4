"""Sensitivities of a whole space from a few of its architectures, with error bars."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.patterns.factorial import fit_factorial, sample_grid
from nmjax.patterns.indices import Sensitivity
from nmjax.patterns.sensitivity import sobol_indices
from nmjax.predictors import standardize
from nmjax.spaces import Space, canonicalize, from_index, is_valid, to_index
from nmjax.stats import draws_interval
from nmjax.types import Array

LARGEST_GRID = 1_000_000
_ROWS, _FITTED_ROWS = 256, 128


@partial(jax.jit, static_argnames=("space", "noise", "draws", "steps", "level"))
def predicted_sobol_indices(
    key: Array,
    space: Space,
    architecture: Array,
    score: Array,
    *,
    noise: bool = True,
    draws: int = 48,
    steps: int = 60,
    level: float = 0.95,
) -> Sensitivity:
    """Sobol indices of a space's scores over its full grid, from evaluations of some of it.

    Each is an `Interval`, of the indices of draws from a Gaussian process given the evaluations
    (`nmjax.patterns.factorial`). Isomorphic architectures score alike, those that are not valid
    are left out. A task is judged by its first 256 evaluations, and hyperparameters by half of
    these.

    Args:
      key: of the draws.
      space: of the architectures; its real-valued choices are left out, which makes them noise.
      architecture: int32[..., M, C], any tasks on leading axes.
      score: float[..., M]; NaN does not count. Normal scores suit the process best
        (`nmjax.predictors.normal_scores`): the indices are then those of ranks.
      noise: count what an architecture has of its own, which no choice explains, as a table keeps
        it; it is a share of every total index.
      draws: of the process.
      steps: of Adam on its hyperparameters.
      level: of the intervals.

    Returns:
      Leaves are `Interval`s of float[..., C] and float[..., C, C].

    Raises:
      NmjaxError: shapes do not fit, or the space has more than a million architectures.
    """
    architecture, score = jnp.asarray(architecture, jnp.int32), jnp.asarray(score)
    batch, size = score.shape[:-1], score.shape[-1:]
    if architecture.shape != (*batch, *size, space.num_choices) or not size[0]:
        raise NmjaxError(
            f"Got architectures {list(architecture.shape)} with scores {list(score.shape)}; give "
            f"[..., M, {space.num_choices}] for space {space.name!r} and one score for each."
        )
    if space.size > LARGEST_GRID:
        raise NmjaxError(
            f"Space {space.name!r} has {space.size:,} architectures, and a grid may have "
            f"{LARGEST_GRID:,}; draw from a predictor with sampled_sobol_indices."
        )
    architecture, score = architecture[..., :_ROWS, :], score[..., :_ROWS]

    grid = from_index(space, np.arange(space.size, dtype=np.int32))
    representative = to_index(space, canonicalize(space, grid))
    valid = is_valid(space, grid)

    def of_task(task: tuple[Array, Array, Array]) -> Sensitivity:
        key, rows, values = task
        rows, values = canonicalize(space, rows), standardize(values)
        few = rows[:_FITTED_ROWS], values[:_FITTED_ROWS]
        belief = fit_factorial(space, *few, steps=steps)

        def one(key: Array) -> Array:
            explained, own = sample_grid(key, space, belief, rows, values)
            drawn = explained + own if noise else explained
            return jnp.where(valid, drawn[representative], jnp.nan)

        tables = jax.lax.map(one, jax.random.split(key, draws))
        return draws_interval(sobol_indices(space, grid, tables), level=level)

    count = int(np.prod(batch, dtype=int))
    tasks = (
        jax.random.split(key, count),
        architecture.reshape(count, *architecture.shape[-2:]),
        score.reshape(count, -1),
    )
    found = jax.lax.map(of_task, tasks)
    return jax.tree.map(lambda leaf: leaf.reshape(*batch, *leaf.shape[1:]), found)
