import jax
import jax.numpy as jnp
import numpy as np

from nmjax.spaces import Ordinal, Real, Space, encode, encode_soft, encoded_parts, get_space, sample


def test_a_cell_contains_the_operations_of_its_edges():
    space = get_space("transnas101-micro")
    rows = sample(jax.random.key(0), space, (32,))
    parts = np.asarray(encoded_parts(space, encode(space, rows)))
    assert parts.shape == (32, 28)
    occurs = (np.asarray(rows)[..., None] == np.arange(4)).any(axis=1)
    assert np.all(parts[:, 24:] <= occurs)
    assert set(np.unique(parts)) == {0, 1}


def test_ranges_of_ordinal_choices_begin_or_end_with_their_options():
    space = Space(width=Ordinal(1, 2, 4, 8))
    parts = encoded_parts(space, encode(space, np.arange(4)[:, None]))[:, 4:]
    expected = [[1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 1, 0, 1]]
    np.testing.assert_array_equal(parts, expected)


def test_real_valued_choices_are_above_or_below_thresholds():
    space = Space(x=Real(0, 1))
    encoding = encode(space, np.zeros((3, 0), np.int32), jnp.array([[0.0], [0.5], [1.0]]))
    above, below = np.split(np.asarray(encoded_parts(space, encoding)), 2, axis=1)
    np.testing.assert_array_equal(above.sum(axis=1), [0, 3.5, 7])
    np.testing.assert_allclose(above + below, 1)


def test_parts_are_differentiable_in_soft_choices():
    space = Space(op=["a", "b"], width=Ordinal(1, 2, 4))
    soft = jnp.array([[0.5, 0.5, 0], [0.2, 0.3, 0.5]])
    slope = jax.jacobian(lambda p: encoded_parts(space, encode_soft(space, p)))(soft)
    assert np.isfinite(slope).all()
    assert np.any(slope != 0)
