"""Trade-offs between objectives: Pareto fronts and dominated hypervolume.

Each architecture has P objectives, scores that are higher for better; a cost is a score with its
sign flipped. A failed evaluation (NaN in any objective) is on no front and dominates nothing.
"""

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.types import Array

_ROWS = 64


@jax.jit
def pareto_front(scores: Array) -> Array:
    """Architectures that no other one dominates, in O(N^2 P) time and O(N P) memory.

    One dominates another if it is no worse in every objective and better in one, so that
    architectures with equal scores are on the front together.

    Args:
      scores: float[..., N, P], higher is better in each of P objectives.

    Returns:
      bool[..., N].

    Raises:
      NmjaxError: there is no axis of objectives.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import pareto_front
      >>> pareto_front(jnp.array([[0.9, -3.0], [0.8, -1.0], [0.7, -2.0]]))
      Array([ True,  True, False], dtype=bool)
    """
    scores = jnp.asarray(scores)
    _check_objectives(scores)

    def one(scores: Array) -> Array:
        def is_undominated(row: Array) -> Array:
            no_worse = jnp.all(scores >= row[None], axis=-1)
            return ~jnp.any(no_worse & jnp.any(scores > row[None], axis=-1))

        succeeded = ~jnp.any(jnp.isnan(scores), axis=-1)
        undominated: Array = jax.lax.map(is_undominated, scores, batch_size=_ROWS)
        return succeeded & undominated

    front: Array = jnp.vectorize(one, signature="(n,p)->(n)")(scores)
    return front


@jax.jit
def hypervolume(scores: Array, reference: Array) -> Array:
    """Exact volume between a reference and the scores that dominate it.

    By slices in the order of the last objective: each slab's depth times the volume of the other
    objectives that reaches it. That takes O(N log N) time for two objectives and a factor of N more
    for each further one. Dominated architectures add nothing and may be left out beforehand.

    Args:
      scores: float[..., N, P], higher is better in each of P objectives.
      reference: float[P]; scores that are not better than it in every objective add nothing.

    Returns:
      float[...], in the product of the objectives' units.

    Raises:
      NmjaxError: the reference does not have one value for each objective.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import hypervolume
      >>> hypervolume(jnp.array([[2.0, 1.0], [1.0, 2.0]]), jnp.zeros(2))
      Array(3., dtype=float32)
    """
    points = _above(scores, reference)
    volume: Array = jnp.vectorize(_volume, signature="(n,p)->()")(points)
    return volume


@jax.jit
def hypervolume_contribution(scores: Array, reference: Array) -> Array:
    """Volume that each architecture alone adds, float[..., N]; N times slower than `hypervolume`.

    Computed as an architecture's box minus the part that others cover, which keeps its precision,
    unlike the difference of two large volumes (While, Bradstreet and Barone 2012, "exclusive
    hypervolume"). Architectures with equal scores add nothing. Arguments and errors are those of
    `hypervolume`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import hypervolume_contribution
      >>> hypervolume_contribution(jnp.array([[2.0, 1.0], [1.0, 2.0]]), jnp.zeros(2))
      Array([1., 1.], dtype=float32)
    """
    points = _above(scores, reference)

    def one(points: Array) -> Array:
        def alone(index: Array) -> Array:
            others = jnp.minimum(points.at[index].set(0), points[index][None])
            return jnp.prod(points[index]) - _volume(others)

        volumes: Array = jax.lax.map(alone, jnp.arange(points.shape[0]))
        return volumes

    contribution: Array = jnp.vectorize(one, signature="(n,p)->(n)")(points)
    return contribution


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
    """How far scores exceed the reference; all zero where one does not, or is NaN."""
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
