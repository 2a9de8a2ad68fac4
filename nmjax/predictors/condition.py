"""Conditioning any surrogate on several evaluations."""

import jax

from nmjax.types import Array, PyTree, Surrogate


def condition(surrogate: Surrogate, state: PyTree, x: Array, y: Array) -> PyTree:
    """The surrogate's state after evaluations x float[M, F], y float[M], one after the other.

    NaN scores teach nothing.
    """

    def observe(state: PyTree, evaluation: tuple[Array, Array]) -> tuple[PyTree, None]:
        return surrogate.update(state, *evaluation), None

    return jax.lax.scan(observe, state, (x, y))[0]
