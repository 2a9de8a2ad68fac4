"""What is given up for what: Pareto fronts and the volume that they dominate.

Each architecture has P objectives, scores that are all higher for better; a cost is a score with
its sign flipped. A failed evaluation (NaN in any objective) is on no front and dominates nothing.
"""

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.types import Array

_ROWS = 64


@jax.jit
def pareto_front(scores: Array) -> Array:
    """Which architectures no other dominates, in O(N^2 P) time and O(N P) memory.

    One dominates another if it is no worse in every objective and better in one, so architectures
    with the same scores are on the front together.

    Args:
      scores: float[..., N, P], higher is better in each of P objectives.

    Returns:
      bool[..., N].

    Raises:
      NmjaxError: there is no axis of objectives.
    """
    scores = jnp.asarray(scores)
    _check_objectives(scores)

    def one(scores):
        def stands(row):
            no_worse = jnp.all(scores >= row[None], axis=-1)
            return ~jnp.any(no_worse & jnp.any(scores > row[None], axis=-1))

        succeeded = ~jnp.any(jnp.isnan(scores), axis=-1)
        return succeeded & jax.lax.map(stands, scores, batch_size=_ROWS)

    return jnp.vectorize(one, signature="(n,p)->(n)")(scores)


@jax.jit
def hypervolume(scores: Array, reference: Array) -> Array:
    """The volume between a reference and the scores that dominate it, exact.

    By slices: in the order of the last objective, each slab's depth times the volume of what
    reaches it in the other objectives. That takes O(N log N) time for two objectives and a factor
    of N more for each further one; dominated architectures add nothing and can be left out before.

    Args:
      scores: float[..., N, P], higher is better in each of P objectives.
      reference: float[P]; what is not better than it in every objective adds nothing.

    Returns:
      float[...], in the product of the objectives' units.

    Raises:
      NmjaxError: the reference does not have one value for each objective.
    """
    points = _above(scores, reference)
    return jnp.vectorize(_volume, signature="(n,p)->()")(points)


@jax.jit
def hypervolume_contribution(scores: Array, reference: Array) -> Array:
    """The volume that each architecture alone adds, float[..., N]; N times as slow.

    An architecture's box less what the others cover of it, which unlike the difference of two large
    volumes keeps its precision (While, Bradstreet and Barone 2012, "exclusive hypervolume").
    Architectures with the same scores add nothing. Arguments and errors are those of `hypervolume`.
    """
    points = _above(scores, reference)

    def one(points):
        def alone(index):
            others = jnp.minimum(points.at[index].set(0), points[index][None])
            return jnp.prod(points[index]) - _volume(others)

        return jax.lax.map(alone, jnp.arange(points.shape[0]))

    return jnp.vectorize(one, signature="(n,p)->(n)")(points)


def _volume(points: Array) -> Array:
    """The volume float[] of the union of boxes from the origin to points float[N, P] >= 0."""
    points = points[jnp.argsort(points[:, -1], descending=True)]
    last, rest = points[:, -1], points[:, :-1]
    if not rest.shape[-1]:
        return last[0]
    depth = last - jnp.append(last[1:], jnp.zeros_like(last[:1]))
    if rest.shape[-1] == 1:
        reached = jax.lax.cummax(rest[:, 0])
    else:
        rows = jnp.arange(points.shape[0])
        reached = jax.lax.map(lambda row: _volume(jnp.where(rows[:, None] <= row, rest, 0)), rows)
    return jnp.sum(depth * reached)


def _above(scores: Array, reference: Array) -> Array:
    """How far scores are above the reference; all zero where one is not, or failed."""
    scores = jnp.asarray(scores)
    _check_objectives(scores)
    reference = jnp.asarray(reference, scores.dtype)
    if reference.shape != scores.shape[-1:]:
        raise NmjaxError(
            f"Got a reference {list(reference.shape)} for scores {list(scores.shape)}; give one "
            "value for each objective, worse than what should count."
        )
    above = scores - reference.reshape((1,) * (scores.ndim - 1) + (-1,))
    return jnp.where(jnp.all(above > 0, axis=-1, keepdims=True), above, 0)


def _check_objectives(scores: Array) -> None:
    if scores.ndim < 2 or 0 in scores.shape[-2:]:
        raise NmjaxError(
            f"Got scores {list(scores.shape)}, expected float[..., N, P]: stack the objectives of "
            "at least one architecture on the last axis."
        )
