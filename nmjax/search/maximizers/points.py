"""Points of a space as single arrays, which lets maximizers handle discrete and mixed spaces.

A point is int32[C] if all choices are discrete. Otherwise it is float32[C + R], the option indices
followed by the real values.
"""

import jax
import jax.numpy as jnp

from nmjax.spaces import (
    Space,
    canonicalize,
    canonicalize_mixed,
    encode,
    from_scale,
    is_valid,
    mutate,
    mutate_mixed,
    neighbors,
    sample,
    sample_mixed,
    to_scale,
)
from nmjax.types import Array

# Step sizes of a real value in a local search, in units of half its range on its scale.
STEPS = (0.5, 0.1, 0.02)


def point_size(space: Space) -> int:
    """Return the length of a point."""
    return space.num_choices + space.num_continuous


def empty_points(space: Space, number: int) -> Array:
    """Return points [number, C + R] of -1, which represent no architecture."""
    dtype = jnp.float32 if space.num_continuous else jnp.int32
    return jnp.full((number, point_size(space)), -1, dtype)


def join(space: Space, architecture: Array, continuous: Array) -> Array:
    """Join option indices int32[..., C] and real values float32[..., R] into points."""
    if not space.num_continuous:
        return jnp.asarray(architecture, jnp.int32)
    discrete = jnp.asarray(architecture, jnp.float32)
    return jnp.concatenate([discrete, jnp.asarray(continuous, jnp.float32)], axis=-1)


def split(space: Space, point: Array) -> tuple[Array, Array]:
    """Split points into option indices int32[..., C] and real values float32[..., R]."""
    if not space.num_continuous:
        return point, jnp.zeros((*point.shape[:-1], 0), jnp.float32)
    discrete = point[..., : space.num_choices].astype(jnp.int32)
    return discrete, point[..., space.num_choices :]


def sample_points(key: Array, space: Space, number: int) -> Array:
    """Draw valid points [number, C + R]."""
    if not space.num_continuous:
        drawn: Array = sample(key, space, (number,))
        return drawn
    return join(space, *sample_mixed(key, space, (number,)))


def canonical_points(space: Space, point: Array) -> Array:
    """Return the canonical representatives [..., C + R] of points [..., C + R]."""
    if not space.num_continuous:
        canonical: Array = canonicalize(space, point)
        return canonical
    return join(space, *canonicalize_mixed(space, *split(space, point)))


def are_valid(space: Space, point: Array) -> Array:
    """Return whether bool[...] the space allows points [..., C + R]."""
    valid: Array = is_valid(space, split(space, point)[0])
    return valid


def encode_points(space: Space, point: Array) -> Array:
    """Encode points [..., C + R] as float32[..., D]."""
    parts = split(space, point) if space.num_continuous else (point,)
    encoding: Array = encode(space, *parts)
    return encoding


def mutate_points(key: Array, space: Space, point: Array) -> Array:
    """Change one choice of each of the points [..., C + R]."""
    if not space.num_continuous:
        return mutate(key, space, point)
    return join(space, *mutate_mixed(key, space, *split(space, point)))


def neighbor_points(space: Space, point: Array) -> Array:
    """Return the points [..., K, C + R] that differ from each point in one choice.

    A discrete choice takes every other option. A real value moves up and down by each of `STEPS`
    and is clipped to its bounds.
    """
    if not space.num_continuous:
        return neighbors(space, point)[0]
    architecture, continuous = split(space, point)
    position, count = to_scale(space, continuous), space.num_continuous
    steps = jnp.asarray([sign * step for step in STEPS for sign in (1, -1)], jnp.float32)
    moves = (steps[:, None, None] * jnp.eye(count)[None]).reshape(-1, count)
    moved = jnp.clip(position[..., None, :] + _like(moves, position), -1, 1)
    same = jnp.broadcast_to(architecture[..., None, :], (*moved.shape[:-1], architecture.shape[-1]))
    found = join(space, same, from_scale(space, moved))
    if not space.num_choices:
        return found
    changed = neighbors(_discrete(space), architecture)[0]
    kept = jnp.broadcast_to(continuous[..., None, :], (*changed.shape[:-1], count))
    return jnp.concatenate([join(space, changed, kept), found], axis=-2)


def _discrete(space: Space) -> Space:
    return space.replace(continuous=())


def _like(moves: Array, position: Array) -> Array:
    return jax.lax.expand_dims(moves, range(position.ndim - 1))
