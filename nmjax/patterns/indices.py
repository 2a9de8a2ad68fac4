"""Sensitivity indices: how they are laid out, and how tasks agree on them."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.stats import spearman
from nmjax.types import Array


class Sensitivity(NamedTuple):
    """Shares of a score's variance; arrays, or an `Interval` of arrays in each leaf.

    Attributes:
      first: float[..., C], what each choice explains alone.
      pair: float[..., C, C], what two explain together beyond each alone; symmetric, 0 on the
        diagonal.
      total: float[..., C], what is left unexplained when all choices but this one are known.
    """

    first: Any
    pair: Any
    total: Any


def subsets(num_choices: int) -> np.ndarray:
    """bool[S, C]: each choice alone, each pair, all but each; S = C (C + 3) / 2."""
    alone = np.eye(num_choices, dtype=bool)
    a, b = np.triu_indices(num_choices, 1)
    return np.concatenate([alone, alone[a] | alone[b], ~alone])


def effects(closed: Array) -> Array:
    """First orders, pairs and totals float[..., S] of the closed indices of `subsets`."""
    num_choices = _num_choices(closed)
    a, b = np.triu_indices(num_choices, 1)
    first = closed[..., :num_choices]
    pair = closed[..., num_choices:-num_choices] - first[..., a] - first[..., b]
    return jnp.concatenate([first, pair, 1 - closed[..., -num_choices:]], axis=-1)


def from_effects(flat: Array) -> Sensitivity:
    """The `Sensitivity` whose effects float[..., S] are laid out as by `effects`."""
    num_choices = _num_choices(flat)
    a, b = np.triu_indices(num_choices, 1)
    between = flat[..., num_choices:-num_choices]
    pair = jnp.zeros((*flat.shape[:-1], num_choices, num_choices), flat.dtype)
    pair = pair.at[..., a, b].set(between).at[..., b, a].set(between)
    return Sensitivity(flat[..., :num_choices], pair, flat[..., -num_choices:])


def sensitivity_agreement(indices: Array, *, ranks: bool = False) -> Array:
    """How far tasks agree on what matters, float[..., T, T] in [-1, 1].

    The cosine of their index vectors, which for shares of variance is at least 0 and near 1 for all
    tasks in which one choice rules; or, which does not see sizes, Spearman's correlation. Of draws
    of the indices [S, T, F], `nmjax.stats.draws_interval` of the result tells how sure it is.

    Args:
      indices: float[..., T, F], for instance the total indices of T tasks.
      ranks: compare the order of the indices and not their sizes.

    Raises:
      NmjaxError: there is no axis of tasks.
    """
    indices = jnp.asarray(indices)
    if indices.ndim < 2:
        raise NmjaxError(
            f"Got indices {list(indices.shape)}, expected float[..., T, F]: stack those of tasks."
        )
    if ranks:
        return spearman(indices[..., :, None, :], indices[..., None, :, :])
    unit = indices / jnp.linalg.norm(indices, axis=-1, keepdims=True)
    return jnp.einsum("...af,...bf->...ab", unit, unit, precision=jax.lax.Precision.HIGHEST)


def _num_choices(flat: Array) -> int:
    """C, of S = C (C + 3) / 2 subsets."""
    return (math.isqrt(9 + 8 * flat.shape[-1]) - 3) // 2
