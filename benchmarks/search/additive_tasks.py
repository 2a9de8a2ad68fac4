"""Synthetic tasks on spaces too large for a table, with a known optimum."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.spaces import Space
from nmjax.types import Array

AFFINITY, PAIRS = 0.7, 0.5


class Effects(NamedTuple):
    """Effects whose sum is the score.

    Attributes:
      block: float[..., C, O], effect of the block of each layer.
      pair: float[..., C - 1, O, O], effect of each pair of adjacent blocks.
    """

    block: Array
    pair: Array


def draw_effects(key: Array, space: Space, number: int) -> Effects:
    """Draw independent normal effects, leading axis `number`; those of pairs are smaller."""
    block_key, pair_key = jax.random.split(key)
    shape = number, space.num_choices, space.max_options
    pair = jax.random.normal(pair_key, (number, shape[1] - 1, shape[2], shape[2]))
    return Effects(jax.random.normal(block_key, shape), PAIRS * pair)


def related(key: Array, space: Space, number: int) -> Effects:
    """Draw effects of related tasks, whose correlation is `AFFINITY`."""
    shared_key, own_key = jax.random.split(key)
    shared, own = draw_effects(shared_key, space, 1), draw_effects(own_key, space, number)
    return jax.tree.map(
        lambda a, b: jnp.sqrt(AFFINITY) * jnp.repeat(a, number, 0) + jnp.sqrt(1 - AFFINITY) * b,
        shared,
        own,
    )


def total(effects: Effects, architecture: Array) -> Array:
    """Compute the score float[] of architecture int32[C]."""
    layer = np.arange(len(effects.block))
    pairs = effects.pair[layer[:-1], architecture[:-1], architecture[1:]]
    return jnp.sum(effects.block[layer, architecture]) + jnp.sum(pairs)


def highest(effects: Effects) -> Array:
    """Compute the score float[] of the best architecture, by Viterbi's algorithm."""

    def next_layer(best: Array, layer: tuple[Array, Array]) -> tuple[Array, None]:
        block, pair = layer
        return jnp.max(best[:, None] + pair, axis=0) + block, None

    best, _ = jax.lax.scan(next_layer, effects.block[0], (effects.block[1:], effects.pair))
    return jnp.max(best)
