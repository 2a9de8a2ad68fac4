"""What the conformance checks are made of: comparisons of pytrees, and counted traces."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.types import Array, PyTree


class Counted:
    """A jitted function that counts how often it is traced."""

    def __init__(self, function: Callable[..., Any]):
        self.traces = 0

        def counted(*args: Any) -> Any:
            self.traces += 1
            return function(*args)

        self._compiled = jax.jit(counted)

    def __call__(self, *args: Any) -> Any:
        """What the function returns."""
        return self._compiled(*args)

    def check_once(self, what: str) -> None:
        """Refuses a second trace."""
        assert self.traces == 1, f"{what} was traced {self.traces} times for one shape."


def to_numpy(tree: PyTree) -> PyTree:
    """The tree with arrays of NumPy, and the numbers of its keys."""

    def plain(leaf: Any) -> np.ndarray:
        leaf = jnp.asarray(leaf)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        return np.asarray(leaf)

    return jax.tree.map(plain, tree)


def through_host(tree: PyTree) -> PyTree:
    """The tree after a round trip through NumPy, as when it is saved and loaded."""

    def back(leaf: np.ndarray, like: Array) -> Array:
        is_key = jnp.issubdtype(like.dtype, jax.dtypes.prng_key)
        return jax.random.wrap_key_data(jnp.asarray(leaf)) if is_key else jnp.asarray(leaf)

    return jax.tree.map(back, to_numpy(tree), tree)


def assert_close(what: str, actual: PyTree, desired: PyTree, *, tolerance: float) -> None:
    """Refuses leaves that differ by more than the tolerance, absolute and relative."""
    message = f"Expected the same: {what}."
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, tolerance, tolerance, err_msg=message),
        to_numpy(actual),
        to_numpy(desired),
    )


def assert_equal(what: str, actual: PyTree, desired: PyTree) -> None:
    """Refuses leaves that differ; NaN equals NaN."""
    message = f"Expected exactly the same: {what}."
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a, b, err_msg=message),
        to_numpy(actual),
        to_numpy(desired),
    )


def assert_same_shapes(what: str, actual: PyTree, desired: PyTree) -> None:
    """Refuses leaves that differ in shape or dtype."""
    found, expected = (
        [(jnp.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(tree)]
        for tree in (actual, desired)
    )
    assert found == expected, f"Expected shapes and dtypes {expected} of the {what}, got {found}."


def assert_shape(what: str, actual: Array, expected: tuple[int, ...]) -> None:
    """Refuses another shape."""
    assert actual.shape == expected, f"Expected {what} of shape {expected}, got {actual.shape}."


def assert_finite(what: str, tree: PyTree) -> None:
    """Refuses NaN and infinity."""
    leaves = jax.tree.leaves(to_numpy(tree))
    assert all(np.isfinite(leaf).all() for leaf in leaves), f"{what} not finite."
