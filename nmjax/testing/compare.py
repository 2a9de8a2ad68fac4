"""Assertions of the conformance checks: comparisons of pytrees, and counts of traces."""

from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from nmjax.types import Array, PyTree


class Counted:
    """A jitted function that counts its traces.

    `chex.assert_max_traces` counts by the hash of a function, so that a second check of an equal
    surrogate or search would fail there.
    """

    def __init__(self, function: Callable[..., Any]):
        self.traces = 0

        def counted(*args: Any) -> Any:
            self.traces += 1
            return function(*args)

        self._compiled = jax.jit(counted)

    def __call__(self, *args: Any) -> Any:
        """Call the compiled function."""
        return self._compiled(*args)

    def check_once(self, what: str) -> None:
        """Assert that there was exactly one trace."""
        assert self.traces == 1, f"{what} was traced {self.traces} times for one shape."


def to_numpy(tree: PyTree) -> PyTree:
    """Convert leaves to NumPy arrays, PRNG keys to their data."""

    def plain(leaf: Any) -> np.ndarray:
        leaf = jnp.asarray(leaf)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        return np.asarray(leaf)

    return jax.tree.map(plain, tree)


def through_host(tree: PyTree) -> PyTree:
    """The tree after a round trip through NumPy, as after saving and loading."""

    def back(leaf: np.ndarray, like: Array) -> Array:
        is_key = jnp.issubdtype(like.dtype, jax.dtypes.prng_key)
        return jax.random.wrap_key_data(jnp.asarray(leaf)) if is_key else jnp.asarray(leaf)

    return jax.tree.map(back, to_numpy(tree), tree)


def assert_close(what: str, actual: PyTree, desired: PyTree, *, tolerance: float) -> None:
    """Assert that leaves agree within a tolerance, absolute and relative."""
    chex.assert_trees_all_close(
        to_numpy(actual),
        to_numpy(desired),
        rtol=tolerance,
        atol=tolerance,
        custom_message=f"Expected equal values of the {what}.",
    )


def assert_equal(what: str, actual: PyTree, desired: PyTree) -> None:
    """Assert that leaves are equal; NaN equals NaN."""
    chex.assert_trees_all_equal(
        to_numpy(actual),
        to_numpy(desired),
        custom_message=f"Expected exactly equal values of the {what}.",
    )


def assert_same_shapes(what: str, actual: PyTree, desired: PyTree) -> None:
    """Assert that leaves agree in shape and dtype."""
    chex.assert_trees_all_equal_shapes_and_dtypes(
        to_numpy(actual),
        to_numpy(desired),
        custom_message=f"Expected equal shapes and dtypes of the {what}.",
    )


def assert_shape(what: str, actual: Array, expected: tuple[int, ...]) -> None:
    """Assert the shape of an array."""
    chex.assert_shape(actual, expected, custom_message=f"Expected another shape of the {what}.")


def assert_finite(what: str, tree: PyTree) -> None:
    """Assert that no leaf has NaN or infinite values."""
    chex.assert_tree_all_finite(to_numpy(tree), custom_message=f"Expected finite {what}.")
