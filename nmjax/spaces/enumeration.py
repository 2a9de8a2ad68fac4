"""Valid architectures, canonical forms, flat indices, rows of a pool, and full enumeration."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces import indexing
from nmjax.spaces.activity import reset_inactive
from nmjax.spaces.continuous import check_discrete
from nmjax.spaces.description.space import Space
from nmjax.types import Array

ENUMERABLE = 10_000_000
_CHUNK = 1_000_000


@partial(jax.jit, static_argnames="space")
def is_valid(space: Space, architecture: Array) -> Array:
    """Whether the space allows each architecture int32[..., C]: bool[...].

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import get_space, is_valid
      >>> is_valid(get_space("nas-bench-201"), np.zeros((2, 6), np.int32)).tolist()
      [True, True]
    """
    architecture = jnp.asarray(architecture)
    if space.valid is None:
        return jnp.ones(architecture.shape[:-1], bool)
    return space.valid(reset_inactive(space, architecture))


@partial(jax.jit, static_argnames="space")
def canonicalize(space: Space, architecture: Array) -> Array:
    """The representative int32[..., C] of all that are equivalent to architecture int32[..., C].

    Inactive choices become their first options; then isomorphic architectures become one.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Space, canonicalize, when
      >>> space = Space(optimizer=["adam", "sgd"], nesterov=when([False, True], optimizer="sgd"))
      >>> canonicalize(space, np.array([[0, 1], [1, 1]])).tolist()
      [[0, 0], [1, 1]]
    """
    architecture = reset_inactive(space, jnp.asarray(architecture, jnp.int32))
    if space.canonical is None:
        return architecture
    return reset_inactive(space, space.canonical(architecture))


def to_index(space: Space, architecture: ArrayLike) -> Array:
    """The flat index int32[...] of architecture int32[..., C], first choice most significant.

    Raises:
      NmjaxError: The space has 2**31 architectures or more.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Space, to_index
      >>> to_index(Space(a=[1, 2], b=[1, 2, 3]), np.array([[0, 2], [1, 0]])).tolist()
      [2, 3]
    """
    _check_index(space)
    index: Array = _to_index(space, architecture)
    return index


@partial(jax.jit, static_argnames="space")
def _to_index(space: Space, architecture: Array) -> Array:
    index: Array = indexing.to_flat(jnp.asarray(architecture, jnp.int32), space.num_options)
    return index


def from_index(space: Space, index: ArrayLike) -> Array:
    """The architecture int32[..., C] with the flat index int32[...]: the inverse of `to_index`.

    Raises:
      NmjaxError: The space has 2**31 architectures or more.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Space, from_index
      >>> from_index(Space(a=[1, 2], b=[1, 2, 3]), np.array([2, 3])).tolist()
      [[0, 2], [1, 0]]
    """
    _check_index(space)
    architecture: Array = _from_index(space, index)
    return architecture


@partial(jax.jit, static_argnames="space")
def _from_index(space: Space, index: Array) -> Array:
    architecture: Array = indexing.from_flat(jnp.asarray(index, jnp.int32), space.num_options)
    return architecture


def pool_rows(space: Space, pool: ArrayLike, architecture: ArrayLike) -> Array:
    """The row int32[...] of each architecture int32[..., C] in a pool; -1 if it is not there.

    Equivalent architectures (isomorphic, or different only in inactive choices) are the same.

    Args:
      space: Space of the architectures.
      pool: int32[N, C], in any order; no two are equivalent.
      architecture: int32[..., C].

    Raises:
      NmjaxError: The space has 2**31 architectures or more, or real-valued choices.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Space, pool_rows
      >>> space, pool = Space(a=[1, 2], b=[1, 2]), np.array([[1, 1], [0, 1]])
      >>> pool_rows(space, pool, np.array([[0, 1], [0, 0]])).tolist()
      [1, -1]
    """
    check_discrete(space, "finding architectures in a pool")
    _check_index(space)
    rows: Array = _pool_rows(space, pool, architecture)
    return rows


@partial(jax.jit, static_argnames="space")
def _pool_rows(space: Space, pool: Array, architecture: Array) -> Array:
    index = _to_index(space, canonicalize(space, pool))
    wanted = _to_index(space, canonicalize(space, architecture))
    order = jnp.argsort(index).astype(jnp.int32)
    place = jnp.searchsorted(index[order], wanted)
    row = order[jnp.minimum(place, len(order) - 1)]
    return jnp.where(index[row] == wanted, row, -1)


def enumerate_architectures(space: Space) -> np.ndarray:
    """All distinct valid architectures, int32[N, C], in the order of their flat indices.

    Of equivalent architectures (isomorphic, or different only in inactive choices) the canonical
    one is included.

    Raises:
      NmjaxError: The space has more than ten million combinations of options, or real-valued
        choices; use `sample_pool` then.

    Example:
      >>> from nmjax.spaces import Space, enumerate_architectures, when
      >>> space = Space(optimizer=["adam", "sgd"], nesterov=when([False, True], optimizer="sgd"))
      >>> enumerate_architectures(space).tolist()
      [[0, 0], [1, 0], [1, 1]]
    """
    if space.continuous:
        raise NmjaxError(
            f"Space {space.name!r} has the real-valued choices "
            f"{[real.name for real in space.continuous]} and cannot be enumerated; use sample_pool "
            "for a pool of architectures and continuous values."
        )
    if space.size > ENUMERABLE:
        raise NmjaxError(
            f"Space {space.name!r} has {space.size:,} architectures, more than the {ENUMERABLE:,} "
            "that can be enumerated; use sample_pool for a pool of them, or SpaceSearch to search "
            "the whole space."
        )
    kept = []
    for start in range(0, space.size, _CHUNK):
        index = np.arange(start, min(start + _CHUNK, space.size), dtype=np.int32)
        architecture = indexing.from_flat(index, space.num_options)
        stands_for_all = np.asarray(canonicalize(space, architecture)) == architecture
        kept.append(architecture[stands_for_all.all(axis=-1) & is_valid(space, architecture)])
    return np.concatenate(kept)


def has_flat_index(space: Space) -> bool:
    """Whether each architecture of a space has a flat index that fits int32.

    Example:
      >>> from nmjax.spaces import Space, has_flat_index
      >>> has_flat_index(Space(op=["conv", "skip"]))
      True
    """
    return not space.continuous and space.size <= 2**31 - 1


def _check_index(space: Space) -> None:
    if space.size > 2**31 - 1:
        raise NmjaxError(
            f"Space {space.name!r} has {space.size:,} architectures, and flat indices are limited "
            f"to {2**31 - 1:,}; use sample_pool for a pool of architectures, or SpaceSearch to "
            "search the whole space."
        )
