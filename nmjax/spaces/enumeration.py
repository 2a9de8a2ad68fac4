"""Which architectures there are: validity, canonical forms, flat indices, pools, the full list."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import radix
from nmjax.spaces.continuous import check_discrete
from nmjax.spaces.space import Space
from nmjax.types import Array

ENUMERABLE = 10_000_000
_CHUNK = 1_000_000


@partial(jax.jit, static_argnames="space")
def is_valid(space: Space, architecture: Array) -> Array:
    """bool[...]: whether architecture int32[..., C] is one that the space allows."""
    if space.valid is None:
        return jnp.ones(jnp.shape(architecture)[:-1], bool)
    return space.valid(jnp.asarray(architecture))


@partial(jax.jit, static_argnames="space")
def canonicalize(space: Space, architecture: Array) -> Array:
    """int32[..., C]: the one that stands for all isomorphic to architecture int32[..., C]."""
    architecture = jnp.asarray(architecture, jnp.int32)
    return architecture if space.canonical is None else space.canonical(architecture)


@partial(jax.jit, static_argnames="space")
def to_index(space: Space, architecture: Array) -> Array:
    """The flat index int32[...] of architecture int32[..., C], first choice most significant.

    Raises:
      NmjaxError: if the space has 2**31 architectures or more.
    """
    _check_size(space, 2**31 - 1, "A flat index")
    return radix.to_flat(jnp.asarray(architecture, jnp.int32), space.num_options)


@partial(jax.jit, static_argnames="space")
def from_index(space: Space, index: Array) -> Array:
    """The architecture int32[..., C] with the flat index int32[...]: the inverse of `to_index`.

    Raises:
      NmjaxError: if the space has 2**31 architectures or more.
    """
    _check_size(space, 2**31 - 1, "A flat index")
    return radix.from_flat(jnp.asarray(index, jnp.int32), space.num_options)


@partial(jax.jit, static_argnames="space")
def pool_rows(space: Space, pool: Array, architecture: Array) -> Array:
    """Which row int32[...] of a pool architecture int32[..., C] is; -1 where it is none.

    Isomorphic architectures are the same.

    Args:
      space: of the architectures.
      pool: int32[N, C], in any order; no two are isomorphic.
      architecture: int32[..., C].

    Raises:
      NmjaxError: if the space has 2**31 architectures or more, or real-valued choices.
    """
    check_discrete(space, "a row of a pool")
    index = to_index(space, canonicalize(space, pool))
    wanted = to_index(space, canonicalize(space, architecture))
    order = jnp.argsort(index).astype(jnp.int32)
    place = jnp.searchsorted(index[order], wanted)
    row = order[jnp.minimum(place, len(order) - 1)]
    return jnp.where(index[row] == wanted, row, -1)


def enumerate_architectures(space: Space) -> np.ndarray:
    """All valid architectures, one of each isomorphism class: int32[N, C] by flat index.

    Raises:
      NmjaxError: if the space has more than ten million architectures, or real-valued choices.
    """
    check_discrete(space, "a full list")
    _check_size(space, ENUMERABLE, "A full list")
    kept = []
    for start in range(0, space.size, _CHUNK):
        index = np.arange(start, min(start + _CHUNK, space.size), dtype=np.int32)
        architecture = radix.from_flat(index, space.num_options)
        stands_for_all = np.asarray(canonicalize(space, architecture)) == architecture
        kept.append(architecture[stands_for_all.all(axis=-1) & is_valid(space, architecture)])
    return np.concatenate(kept)


def _check_size(space: Space, limit: int, what: str) -> None:
    if space.size > limit:
        raise NmjaxError(
            f"{what} is for at most {limit:,} architectures, and space {space.name!r} has "
            f"{space.size:,}; work on a sample of it instead."
        )
