"""Random numbers compiled without loops: published test vectors, and JAX's own numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.threefry import threefry_2x32, unroll_threefry


@pytest.mark.parametrize(
    ("key", "count", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_the_hash_has_the_values_of_random123(key, count, expected):
    words = [jnp.uint32(word) for word in (*key, *count)]
    assert tuple(int(word) for word in threefry_2x32(*words)) == expected


def test_draws_are_the_same_numbers_without_a_loop():
    def draw(key):
        return jax.random.bits(key, (8,))

    key = jax.random.key(3)
    before = np.asarray(draw(key))
    unroll_threefry()
    lowered = jax.jit(lambda key: draw(key)).lower(key)
    assert "while" not in lowered.as_text()
    np.testing.assert_array_equal(lowered.compile()(jax.random.clone(key)), before)
