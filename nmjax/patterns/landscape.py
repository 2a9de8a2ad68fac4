"""Landscape of scores under changes of one choice: local optima and ruggedness.

Every function reads a table of neighbors that is built once per pool, so that it can run inside a
search, on predicted scores or acquisition values as well as on measured ones.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, pool_neighbors
from nmjax.types import Array


class Neighborhood(NamedTuple):
    """Scores of the neighbors of each of N architectures; NaN where no neighbor has a score.

    Attributes:
      mean: float[..., N], mean of the neighbors' scores.
      std: float[..., N], standard deviation of the neighbors' scores.
      worst: float[..., N], lowest of the neighbors' scores.
      number: int32[..., N], number of neighbors that have a score.
      optimum: bool[..., N], True where no neighbor scores higher; False where the architecture
        failed.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import neighborhood
      >>> rows = jnp.array([[1], [0]])
      >>> neighborhood(rows, jnp.array([0.2, 0.9])).optimum
      Array([False,  True], dtype=bool)
    """

    mean: Array
    std: Array
    worst: Array
    number: Array
    optimum: Array


@partial(jax.jit, static_argnames="space")
def neighbor_rows(space: Space, pool: Array) -> Array:
    """Rows of a pool that differ from each architecture by one choice, int32[N, K]; -1 for none.

    The K changes are those of `nmjax.spaces.neighbors`, up to isomorphism: a change to an
    isomorphic architecture is dropped, and changes to the same one are counted once. Memory is O(N
    K C).

    Args:
      space: the space.
      pool: int32[N, C]; no two are isomorphic.

    Raises:
      NmjaxError: the pool does not fit the space, or the space has 2**31 architectures or more.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import neighbor_rows
      >>> from nmjax.spaces import Space
      >>> space = Space("tiny", op=["a", "b"])
      >>> neighbor_rows(space, jnp.array([[0], [1]]))
      Array([[1],
             [0]], dtype=int32)
    """
    found = pool_neighbors(space, pool)
    itself = jnp.arange(len(pool), dtype=jnp.int32)[:, None]
    found = jnp.sort(jnp.where(found == itself, -1, found), axis=-1)
    repeated = jnp.pad(found[:, 1:] == found[:, :-1], [(0, 0), (1, 0)])
    return jnp.where(repeated, -1, found)


@jax.jit
def neighborhood(rows: Array, score: Array) -> Neighborhood:
    """Summarize the scores float[..., N] of each architecture's neighbors.

    Args:
      rows: int32[N, K], result of `neighbor_rows`.
      score: float[..., N], with any tasks or seeds on leading axes; NaN is a failed evaluation.

    Raises:
      NmjaxError: there is not one score for each architecture.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import neighborhood
      >>> rows = jnp.array([[1, 2], [0, 2], [0, 1]])
      >>> neighborhood(rows, jnp.array([0.0, 1.0, 2.0])).mean
      Array([1.5, 1. , 0.5], dtype=float32)
    """
    theirs = _of_neighbors(rows, score)
    known = ~jnp.isnan(theirs)
    count = jnp.sum(known, axis=-1, dtype=jnp.int32)
    number = jnp.where(count > 0, count.astype(theirs.dtype), jnp.nan)
    mean = jnp.sum(jnp.where(known, theirs, 0), axis=-1) / number
    apart = jnp.where(known, theirs - mean[..., None], 0)
    worst = jnp.min(jnp.where(known, theirs, jnp.inf), axis=-1)
    best = jnp.max(jnp.where(known, theirs, -jnp.inf), axis=-1)
    return Neighborhood(
        mean=mean,
        std=jnp.sqrt(jnp.sum(apart**2, axis=-1) / number),
        worst=jnp.where(count > 0, worst, jnp.nan),
        number=count,
        optimum=score >= best,
    )


@jax.jit
def climb(rows: Array, score: Array) -> Array:
    """Local optimum that steepest ascent reaches from each architecture, int32[..., N].

    Among neighbors of equal score the first row is taken. A failed architecture moves to any
    successful neighbor. To see how good the local optima are from a random start, read
    `nmjax.stats.rank(-score)` at the result. O(N (K + log N)).

    Args:
      rows: int32[N, K], result of `neighbor_rows`.
      score: float[..., N]; NaN is a failed evaluation, reached only where no neighbor succeeded.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import climb
      >>> climb(jnp.array([[1, -1], [0, 2], [1, -1]]), jnp.array([0.0, 1.0, 2.0]))
      Array([2, 2, 2], dtype=int32)
    """
    theirs = jnp.nan_to_num(_of_neighbors(rows, score), nan=-jnp.inf, neginf=-jnp.inf)
    steepest = jnp.argmax(theirs, axis=-1)
    better = jnp.max(theirs, axis=-1) > jnp.where(jnp.isnan(score), -jnp.inf, score)

    def one(steepest: Array, better: Array) -> Array:
        start = jnp.arange(len(rows), dtype=jnp.int32)
        step = jnp.where(better, rows[start, steepest], start)
        # Each round doubles the number of steps; no path is longer than the pool.
        rounds = max(len(rows), 2).bit_length()
        reached: Array = jax.lax.fori_loop(0, rounds, lambda _, s: s[s], step)
        return reached

    optimum: Array = jnp.vectorize(one, signature="(n),(n)->(n)")(steepest, better)
    return optimum


@jax.jit
def robust_score(rows: Array, score: Array, weight: Array) -> Array:
    """Average each score float[..., N] with its neighbors' mean: high on plateaus, low on spikes.

    The result is (1 - weight) times the architecture's own score plus weight times its neighbors'
    mean; its own score where it has no neighbors.

    Args:
      rows: int32[N, K], result of `neighbor_rows`, or of `spaces.pool_neighbors`, whose mean is the
        expected score after one random change.
      score: float[..., N], measured, predicted, or values of an acquisition.
      weight: float[], in [0, 1].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import robust_score
      >>> robust_score(jnp.array([[1], [0]]), jnp.array([0.0, 1.0]), 0.5)
      Array([0.5, 0.5], dtype=float32)
    """
    mean = neighborhood(rows, score).mean
    return score + weight * jnp.where(jnp.isnan(mean), 0, mean - score)


@jax.jit
def repeatability(score: Array) -> Array:
    """Share of the variance of a single score that is due to the architecture and not to the seed.

    The intraclass correlation of one-way random effects (Shrout and Fleiss 1979, ICC(1,1)). It is
    negative where seeds differ more than architectures do.

    Args:
      score: float[..., S, N] of S >= 2 seeds; an architecture that failed in one seed is left out.

    Raises:
      NmjaxError: there are fewer than two seeds.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import repeatability
      >>> float(repeatability(jnp.array([[0.1, 0.5, 0.9], [0.1, 0.5, 0.9]])))
      1.0
    """
    score = jnp.asarray(score)
    if score.ndim < 2 or score.shape[-2] < 2:
        raise NmjaxError(
            f"Got scores {list(score.shape)}, expected float[..., S, N] of at least two "
            "seeds: stack the scores of several seeds."
        )
    seeds = score.shape[-2]
    known = ~jnp.isnan(score).any(axis=-2)
    number = jnp.sum(known, axis=-1).astype(score.dtype)
    mean = jnp.where(known, jnp.mean(score, axis=-2), 0)
    middle = jnp.sum(mean, axis=-1, keepdims=True) / number[..., None]
    between = seeds * jnp.sum(jnp.where(known, mean - middle, 0) ** 2, axis=-1) / (number - 1)
    apart = jnp.where(known[..., None, :], score - mean[..., None, :], 0)
    within = jnp.sum(apart**2, axis=(-2, -1)) / (number * (seeds - 1))
    return (between - within) / (between + (seeds - 1) * within)


def _of_neighbors(rows: Array, score: Array) -> Array:
    """Scores float[..., N, K] of the neighbors of each architecture; NaN where there is none."""
    score = jnp.asarray(score)
    if score.shape[-1:] != rows.shape[:1]:
        raise NmjaxError(
            f"Got scores {list(score.shape)} for neighbors {list(rows.shape)}; give "
            f"[..., {rows.shape[0]}], one for each architecture of the pool."
        )
    return jnp.where(rows < 0, jnp.nan, score[..., rows])
