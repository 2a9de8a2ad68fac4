"""The landscape of scores under changes of one choice: its local optima, and how rugged it is.

Everything here reads a table of neighbors that is made once for a pool, so it can sit inside a
search: what is smoothed there may as well be predicted scores or an acquisition.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, pool_neighbors
from nmjax.types import Array


class Neighborhood(NamedTuple):
    """What one change does to each of N architectures; NaN where no neighbor has a score.

    Attributes:
      mean: float[..., N], of the neighbors' scores.
      std: float[..., N], of the neighbors' scores.
      worst: float[..., N], the lowest of them.
      number: int32[..., N], neighbors that have a score.
      optimum: bool[..., N], no neighbor scores higher; False where failed itself.
    """

    mean: Array
    std: Array
    worst: Array
    number: Array
    optimum: Array


@partial(jax.jit, static_argnames="space")
def neighbor_rows(space: Space, pool: Array) -> Array:
    """Which rows of a pool differ from each by one choice, int32[N, K]; -1 where there is none.

    The K changes are those of `nmjax.spaces.neighbors`, up to isomorphism: one to an isomorphic
    architecture is none, and two to the same one are one. O(N K C) memory.

    Args:
      space: of the architectures.
      pool: int32[N, C]; no two are isomorphic.

    Raises:
      NmjaxError: the pool does not fit the space, or that has 2**31 architectures or more.
    """
    found = pool_neighbors(space, pool)
    itself = jnp.arange(len(pool), dtype=jnp.int32)[:, None]
    found = jnp.sort(jnp.where(found == itself, -1, found), axis=-1)
    repeated = jnp.pad(found[:, 1:] == found[:, :-1], [(0, 0), (1, 0)])
    return jnp.where(repeated, -1, found)


@jax.jit
def neighborhood(rows: Array, score: Array) -> Neighborhood:
    """How the scores float[..., N] of a pool change from each architecture to its neighbors.

    Args:
      rows: int32[N, K], of `neighbor_rows`.
      score: float[..., N], any tasks or seeds on leading axes; NaN is a failed evaluation.
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
    """The local optimum that steepest ascent reaches from each architecture, int32[..., N].

    Of neighbors that score alike the first row is taken; a failed start is left for any success.
    How good the optima of a space are is the rank of what is reached from a random start:
    `nmjax.stats.rank(-score)` there. O(N (K + log N)).

    Args:
      rows: int32[N, K], of `neighbor_rows`.
      score: float[..., N]; NaN is a failed evaluation, and is reached only where nothing succeeded.
    """
    theirs = jnp.nan_to_num(_of_neighbors(rows, score), nan=-jnp.inf, neginf=-jnp.inf)
    steepest = jnp.argmax(theirs, axis=-1)
    better = jnp.max(theirs, axis=-1) > jnp.where(jnp.isnan(score), -jnp.inf, score)

    def one(steepest: Array, better: Array) -> Array:
        start = jnp.arange(len(rows), dtype=jnp.int32)
        step = jnp.where(better, rows[start, steepest], start)
        # Each round doubles how many steps are taken, and no way is longer than the pool.
        return jax.lax.fori_loop(0, max(len(rows), 2).bit_length(), lambda _, s: s[s], step)

    return jnp.vectorize(one, signature="(n),(n)->(n)")(steepest, better)


@jax.jit
def robust_score(rows: Array, score: Array, weight: Array) -> Array:
    """Scores float[..., N] that count what the neighbors have: high on a plateau, low on a spike.

    (1 - weight) of the architecture's own and weight of its neighbors' mean; its own alone where
    it has none.

    Args:
      rows: int32[N, K], of `neighbor_rows`, or of `spaces.pool_neighbors`, by which the mean is
        what one random change is expected to leave.
      score: float[..., N], measured, predicted or an acquisition's.
      weight: float[], in [0, 1].
    """
    mean = neighborhood(rows, score).mean
    return score + weight * jnp.where(jnp.isnan(mean), 0, mean - score)


@jax.jit
def repeatability(score: Array) -> Array:
    """The share of the variance of a single score that is the architecture's and not the seed's.

    The intraclass correlation of one-way random effects (Shrout and Fleiss 1979, ICC(1,1)); below
    0 where seeds differ more than architectures do. Differences of rank that are smaller than what
    this leaves are no differences.

    Args:
      score: float[..., S, N] of S >= 2 seeds; an architecture that failed with one is left out.

    Raises:
      NmjaxError: there are no two seeds.
    """
    score = jnp.asarray(score)
    if score.ndim < 2 or score.shape[-2] < 2:
        raise NmjaxError(
            f"Got scores {list(score.shape)}, expected float[..., S, N] of at least two seeds."
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
