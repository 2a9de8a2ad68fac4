import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmjax import spaces
from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Space

ODD_SUM = Space.build(
    "odd-sum",
    [Choice("a", range(3)), Choice("b", range(4)), Choice("c", range(3))],
    valid=lambda architecture: architecture.sum(-1) % 2 == 1,
    canonical=lambda architecture: (
        jnp.sort(architecture[..., ::2], -1)[..., [0, 0, 1]].at[..., 1].set(architecture[..., 1])
    ),
)


def test_enumeration_is_valid_and_has_one_of_each_class():
    expected = [
        (a, b, c) for a in range(3) for b in range(4) for c in range(a, 3) if (a + b + c) % 2
    ]
    found = spaces.enumerate_architectures(ODD_SUM)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, expected)


def test_enumeration_and_flat_indices_refuse_what_is_too_large():
    space = Space.build("s", [Choice(f"c{i}", range(10)) for i in range(12)])
    with pytest.raises(NmjaxError, match="1,000,000,000,000"):
        spaces.enumerate_architectures(space)
    with pytest.raises(NmjaxError):
        spaces.to_index(space, jnp.zeros(12, jnp.int32))
    with pytest.raises(NmjaxError):
        spaces.from_index(space, jnp.zeros((), jnp.int32))


@pytest.mark.parametrize("num_options", [(1,), (7,), (2, 3, 4), (5, 1, 9, 6), (1290, 1290, 1290)])
@settings(deadline=None, max_examples=10, derandomize=True)
@given(index=st.integers(0, 2**31 - 1))
def test_flat_index_agrees_with_numpy(num_options, index):
    space = Space.build("s", [Choice(f"c{i}", range(n)) for i, n in enumerate(num_options)])
    index %= space.size
    expected = np.array(np.unravel_index(index, num_options))
    architecture = spaces.from_index(space, jnp.asarray(index))
    np.testing.assert_array_equal(architecture, expected)
    assert spaces.to_index(space, architecture) == index


@pytest.mark.parametrize("shape", [(), (2, 5)])
def test_functions_work_over_leading_axes_with_and_without_jit(shape):
    space = spaces.get_space("nas-bench-graph-proteins")
    index = np.random.default_rng(0).integers(space.size, size=shape)
    architecture = spaces.from_index(space, index)
    assert architecture.shape == (*shape, 5)
    np.testing.assert_array_equal(spaces.to_index(space, architecture), index)
    canonical = spaces.canonicalize(space, architecture)
    assert canonical.shape == architecture.shape
    with jax.disable_jit():
        np.testing.assert_array_equal(spaces.canonicalize(space, architecture), canonical)
    assert spaces.is_valid(space, architecture).shape == shape


def test_all_architectures_are_valid_and_canonical_by_default():
    space = spaces.get_space("hpobench")
    architecture = np.random.default_rng(0).integers(space.num_options, size=(7, 5))
    assert spaces.is_valid(space, architecture).all()
    np.testing.assert_array_equal(spaces.canonicalize(space, architecture), architecture)
    assert len(spaces.enumerate_architectures(space)) == space.size


def test_rows_of_a_pool_in_any_order():
    every = spaces.enumerate_architectures(ODD_SUM)
    pool = np.random.default_rng(0).permutation(every)[:-3]
    asked = np.stack(np.unravel_index(np.arange(36), ODD_SUM.num_options), axis=-1)
    ours = spaces.pool_rows(ODD_SUM, pool, asked.reshape(4, 9, 3))
    rows = {tuple(architecture): row for row, architecture in enumerate(pool.tolist())}
    expected = [rows.get((min(a, c), b, max(a, c)), -1) for a, b, c in asked.tolist()]
    np.testing.assert_array_equal(ours, np.reshape(expected, (4, 9)))
    assert ours.dtype == jnp.int32
