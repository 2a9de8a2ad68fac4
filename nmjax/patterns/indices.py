"""Layout of sensitivity indices, and their agreement between tasks."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.stats import spearman
from nmjax.types import Array


class Sensitivity(NamedTuple):
    """Shares of a score's variance; leaves are arrays, or an `Interval` of arrays each.

    Attributes:
      first: float[..., C], share that each choice explains alone.
      pair: float[..., C, C], share that two choices explain together beyond each alone; symmetric,
        0 on the diagonal.
      total: float[..., C], share that remains unexplained when all other choices are known.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import Sensitivity
      >>> Sensitivity(jnp.array([0.5, 0.5]), jnp.zeros((2, 2)), jnp.array([0.5, 0.5])).first.shape
      (2,)
    """

    first: Any
    pair: Any
    total: Any


def subsets(num_choices: int) -> np.ndarray:
    """bool[S, C]: each choice alone, each pair, and all but each; S = C (C + 3) / 2."""
    alone = np.eye(num_choices, dtype=bool)
    a, b = np.triu_indices(num_choices, 1)
    return np.concatenate([alone, alone[a] | alone[b], ~alone])


def effects(closed: Array) -> Array:
    """First orders, pairs and totals float[..., S], given the closed indices of `subsets`."""
    num_choices = _num_choices(closed)
    a, b = np.triu_indices(num_choices, 1)
    first = closed[..., :num_choices]
    pair = closed[..., num_choices:-num_choices] - first[..., a] - first[..., b]
    return jnp.concatenate([first, pair, 1 - closed[..., -num_choices:]], axis=-1)


def from_effects(flat: Array) -> Sensitivity:
    """Arrange effects float[..., S], laid out as by `effects`, as a `Sensitivity`."""
    num_choices = _num_choices(flat)
    a, b = np.triu_indices(num_choices, 1)
    between = flat[..., num_choices:-num_choices]
    pair = jnp.zeros((*flat.shape[:-1], num_choices, num_choices), flat.dtype)
    pair = pair.at[..., a, b].set(between).at[..., b, a].set(between)
    return Sensitivity(flat[..., :num_choices], pair, flat[..., -num_choices:])


def sensitivity_agreement(indices: Array, *, ranks: bool = False) -> Array:
    """Agreement between tasks on which choices matter, float[..., T, T] in [-1, 1].

    The cosine of their index vectors, which for shares of variance is at least 0 and close to 1 for
    tasks that one and the same choice dominates; or Spearman's correlation, which ignores sizes.
    For draws of the indices [S, T, F], `nmjax.stats.draws_interval` of the result gives an
    interval.

    Args:
      indices: float[..., T, F], for instance the total indices of T tasks.
      ranks: Compare the order of the indices instead of their sizes.

    Raises:
      NmjaxError: there is no axis of tasks.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import sensitivity_agreement
      >>> sensitivity_agreement(jnp.array([[1.0, 0.0], [0.0, 1.0]]))
      Array([[1., 0.],
             [0., 1.]], dtype=float32)
    """
    indices = jnp.asarray(indices)
    if indices.ndim < 2:
        raise NmjaxError(
            f"Got indices {list(indices.shape)}, expected float[..., T, F]: stack "
            "the indices of all tasks."
        )
    if ranks:
        return spearman(indices[..., :, None, :], indices[..., None, :, :])
    unit = indices / jnp.linalg.norm(indices, axis=-1, keepdims=True)
    return jnp.einsum("...af,...bf->...ab", unit, unit, precision=jax.lax.Precision.HIGHEST)


def _num_choices(flat: Array) -> int:
    """Number of choices C, given S = C (C + 3) / 2 subsets."""
    return (math.isqrt(9 + 8 * flat.shape[-1]) - 3) // 2
