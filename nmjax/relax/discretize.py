"""From soft choices to the most probable valid architecture."""

from functools import partial

import jax
import jax.numpy as jnp

from nmjax.relax.strengths import largest_options
from nmjax.spaces import Space, at_options, canonicalize, is_valid, sample
from nmjax.types import Array

_MOST_PROBABLE = 64
_RANDOM = 64


@partial(jax.jit, static_argnames="space")
def most_probable(space: Space, weights: Array) -> Array:
    """The most probable valid architecture of independent soft choices, int32[..., C], canonical.

    Without a validity rule it takes the largest weight of each choice. With one, it takes the most
    probable valid one among the 64 most probable architectures and 64 random valid ones, so that it
    always finds a valid one.

    Args:
      space: Space of the architectures.
      weights: float[..., C, O], weights of the options.

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import most_probable
      >>> from nmjax.spaces import Choice, Space
      >>> space = Space.build("odd", [Choice("a", (0, 1)), Choice("b", (0, 1))],
      ...                     valid=lambda architecture: architecture.sum(-1) % 2 == 1)
      >>> most_probable(space, np.array([[0.1, 0.9], [0.4, 0.6]])).tolist()
      [1, 0]
    """
    weights = jnp.asarray(weights)
    if space.valid is None:
        likeliest: Array = canonicalize(space, largest_options(space, weights))
        return likeliest
    batch, core = weights.shape[:-2], weights.shape[-2:]
    flat = weights.reshape(-1, *core)
    found = jax.vmap(partial(_most_probable_valid, space))(flat)
    valid: Array = canonicalize(space, found.reshape(*batch, core[0]))
    return valid


def _most_probable_valid(space: Space, weights: Array) -> Array:
    log_weights = jnp.log(jnp.maximum(weights, jnp.finfo(weights.dtype).tiny))
    likely = _largest_sums(log_weights, space.num_options)
    candidates = jnp.concatenate([likely, sample(jax.random.key(0), space, (_RANDOM,))])
    total = jnp.sum(at_options(log_weights, candidates), axis=-1)
    return candidates[jnp.argmax(jnp.where(is_valid(space, candidates), total, -jnp.inf))]


def _largest_sums(table: Array, num_options: tuple[int, ...]) -> Array:
    """The architectures int32[K, C] of the K largest sums of entries of table float[C, O]."""
    total, chosen = jnp.zeros((1,), table.dtype), jnp.zeros((1, 0), jnp.int32)
    for choice, count in enumerate(num_options):
        sums = (total[:, None] + table[choice, None, :count]).reshape(-1)
        total, rank = jax.lax.top_k(sums, min(_MOST_PROBABLE, sums.size))
        before, option = jnp.divmod(rank.astype(jnp.int32), count)
        chosen = jnp.concatenate([chosen[before], option[:, None].astype(jnp.int32)], axis=-1)
    return chosen
