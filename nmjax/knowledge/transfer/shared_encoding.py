"""Encodings by the features that two spaces share, and nearest architectures by them."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.knowledge.transfer.mapping import rename
from nmjax.spaces import Space, check_discrete, encode, encoding_names
from nmjax.types import Array


def shared_names(source_space: Space, target_space: Space) -> tuple[str, ...]:
    """Names of the features that the encodings of both spaces have.

    Args:
      source_space: First space; `rename` it if names differ.
      target_space: Second space, whose order of features is kept.

    Example:
      >>> from nmjax.knowledge import shared_names
      >>> from nmjax.spaces import Space
      >>> len(shared_names(Space(op=["a", "b"]), Space(op=["b", "c"])))
      1
    """
    known = set(encoding_names(source_space))
    return tuple(name for name in encoding_names(target_space) if name in known)


def shared_encoding(space: Space, architecture: ArrayLike, names: Sequence[str]) -> Array:
    """Encode architectures by the features that two spaces share, float[..., len(names)].

    An operation that only one space has is encoded as zeros. Values of ordinal choices are
    comparable only between spaces with the same range.

    Args:
      space: Space of the architectures.
      architecture: int32[..., C], architectures.
      names: Names of features, from `shared_names`.

    Raises:
      NmjaxError: The space has real-valued choices.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import shared_encoding, shared_names
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["a", "b"])
      >>> names = shared_names(space, Space(op=["b", "c"]))
      >>> shared_encoding(space, jnp.array([[0], [1]]), names).shape
      (2, 1)
    """
    check_discrete(space, "an encoding in parts")
    own = {name: index for index, name in enumerate(encoding_names(space))}
    features: Array = encode(space, jnp.asarray(architecture))[
        ..., np.array([own[name] for name in names])
    ]
    return features


def nearest_architectures(
    source_space: Space,
    target_space: Space,
    architecture: ArrayLike,
    pool: ArrayLike,
    synonyms: Mapping[str, str] | None = None,
) -> tuple[Array, Array]:
    """Find the nearest architecture of a pool for each architecture of another space.

    Args:
      source_space: Space of the architectures.
      target_space: Space of the pool.
      architecture: int32[A, C], architectures.
      pool: int32[N, C'], candidates in the target space.
      synonyms: As in `match_choices`.

    Returns:
      Rows int32[A] of the pool, and their squared distances float[A] in the shared encoding.

    Raises:
      NmjaxError: As in `rename`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import nearest_architectures
      >>> from nmjax.spaces import Space
      >>> row, distance = nearest_architectures(Space(op=["a", "b"]), Space(op=["b", "c"]),
      ...                                       jnp.array([[1]]), jnp.array([[1], [0]]))
      >>> row.tolist(), distance.tolist()
      ([1], [0.0])
    """
    named = rename(source_space, synonyms or {})
    names = shared_names(named, target_space)
    ours = shared_encoding(named, architecture, names)
    theirs = shared_encoding(target_space, pool, names)
    products = jnp.matmul(ours, theirs.T, precision=jax.lax.Precision.HIGHEST)
    squared = jnp.sum(ours**2, -1)[:, None] + jnp.sum(theirs**2, -1)[None, :] - 2 * products
    row = jnp.argmin(squared, axis=-1).astype(jnp.int32)
    return row, jnp.maximum(jnp.min(squared, axis=-1), 0)
