"""Compile JAX's random numbers for the CPU without loops.

JAX's default generator, Threefry-2x32 (Salmon et al., 2011, "Parallel random numbers: as easy as 1,
2, 3"), is a loop of five iterations in programs for the CPU. XLA spends .2 CPU seconds on the loop
of each draw, and about a fourth of that on the same 20 rounds written out. The numbers are the
same, bit for bit.
"""

from functools import cache

import jax
import jax.numpy as jnp
from jax.extend.random import threefry2x32_p
from jax.interpreters import mlir

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry_2x32(
    key0: jax.Array, key1: jax.Array, count0: jax.Array, count1: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Hash pairs of counts by pairs of keys in 20 rounds, uint32[...] each.

    Args:
      key0: First words of the keys.
      key1: Second words of the keys.
      count0: First words of the counts.
      count1: Second words of the counts.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.threefry import threefry_2x32
      >>> zero = jnp.zeros((), jnp.uint32)
      >>> [hex(int(word)) for word in threefry_2x32(zero, zero, zero, zero)]
      ['0x6b200159', '0x99ba4efe']
    """
    keys = (key0, key1, key0 ^ key1 ^ jnp.uint32(_PARITY))
    left, right = count0 + keys[0], count1 + keys[1]
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            left = left + right
            right = left ^ _rotate_left(right, distance)
        left = left + keys[(group + 1) % 3]
        right = right + keys[(group + 2) % 3] + jnp.uint32(group + 1)
    return left, right


@cache
def unroll_threefry() -> None:
    """Compile random numbers for the CPU without loops, for the rest of this process.

    Example:
      >>> from nmjax.threefry import unroll_threefry
      >>> unroll_threefry()
    """
    rule = mlir.lower_fun(threefry_2x32, multiple_results=True)
    mlir.register_lowering(threefry2x32_p, rule, platform="cpu", inline=False)


def _rotate_left(words: jax.Array, distance: int) -> jax.Array:
    shifted = jax.lax.shift_left(words, jnp.full_like(words, distance))
    return shifted | jax.lax.shift_right_logical(words, jnp.full_like(words, 32 - distance))
