"""Sensitivities of a whole space from few evaluations, with intervals."""

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
    """Sobol indices over a space's full grid, with intervals, from evaluations of a part of it.

    Each `Interval` summarizes the indices of draws from a Gaussian process given the evaluations
    (`nmjax.patterns.factorial`). Isomorphic architectures share a score, and invalid ones are left
    out. Of each task the first 256 evaluations are used, and the first 128 for hyperparameters.

    Args:
      key: PRNG key of the draws.
      space: the space; its real-valued choices are left out and so become noise.
      architecture: int32[..., M, C], with any tasks on leading axes.
      score: float[..., M]; NaN is left out. Normal scores (`nmjax.predictors.normal_scores`) suit
        the process best: the indices are then those of ranks.
      noise: Count each architecture's own deviation, which no choice explains, as part of the
        score, as in a table of measurements; it then is a share of every total index.
      draws: Number of draws of the process.
      steps: Number of Adam steps on the hyperparameters.
      level: Level of the intervals.

    Returns:
      Leaves are `Interval`s of float[..., C] and float[..., C, C].

    Raises:
      NmjaxError: shapes do not fit, or the space has more than a million architectures.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import predicted_sobol_indices
      >>> from nmjax.spaces import Space
      >>> space = Space("tiny", op=["a", "b"], act=["relu", "tanh"])
      >>> rows, score = jnp.array([[0, 0], [0, 1], [1, 0]]), jnp.array([0.0, 0.1, 1.0])
      >>> key = jax.random.key(0)
      >>> indices = predicted_sobol_indices(key, space, rows, score, draws=4, steps=2)
      >>> indices.first.low.shape
      (2,)
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
        posterior = fit_factorial(space, *few, steps=steps)

        def one(key: Array) -> Array:
            explained, own = sample_grid(key, space, posterior, rows, values)
            drawn = explained + own if noise else explained
            return jnp.where(valid, drawn[representative], jnp.nan)

        tables = jax.lax.map(one, jax.random.split(key, draws))
        intervals: Sensitivity = draws_interval(sobol_indices(space, grid, tables), level=level)
        return intervals

    count = int(np.prod(batch, dtype=int))
    tasks = (
        jax.random.split(key, count),
        architecture.reshape(count, *architecture.shape[-2:]),
        score.reshape(count, -1),
    )
    found = jax.lax.map(of_task, tasks)
    shaped: Sensitivity = jax.tree.map(lambda leaf: leaf.reshape(*batch, *leaf.shape[1:]), found)
    return shaped
