import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.stats import normals

SHAPES = ((3, 4), (), (2, 5, 7), (1,))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_each_is_what_its_own_key_draws(dtype):
    keys = jax.random.split(jax.random.key(0), len(SHAPES))
    drawn = jax.jit(lambda keys: normals(keys, SHAPES, dtype))(keys)
    expected = jax.jit(
        lambda keys: [jax.random.normal(keys[i], shape, dtype) for i, shape in enumerate(SHAPES)]
    )(jax.random.clone(keys))
    for ours, theirs in zip(drawn, expected, strict=True):
        assert ours.dtype == dtype
        rounding = float(jnp.finfo(dtype).eps)  # XLA fuses the two programs differently.
        np.testing.assert_allclose(ours.astype(jnp.float32), theirs, rtol=rounding)


def test_a_key_too_many_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        normals(jax.random.split(jax.random.key(0), 5), SHAPES)
