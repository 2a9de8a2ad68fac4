"""Gradient steps and scanned optimization loops, by Optax."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from nmjax.types import Array, PyTree


def descend(
    optimizer: optax.GradientTransformation, gradient: PyTree, opt_state: PyTree, params: PyTree
) -> tuple[PyTree, PyTree, Array]:
    """Parameters and optimizer state after a step down `gradient`, and its norm float[]."""
    # optax mixes integer counts with floats.
    with jax.numpy_dtype_promotion("standard"):
        updates, opt_state = optimizer.update(gradient, opt_state, params)
    squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(gradient)]
    return optax.apply_updates(params, updates), opt_state, jnp.sqrt(sum(squares))


def maximize(
    objective: Callable[[PyTree], Array], params: PyTree, *, steps: int, rate: float = 0.1
) -> tuple[PyTree, Array]:
    """Adam on a smooth objective, in one scan.

    Returns:
      The parameters of the best value seen, and the values float[steps] before each step.
    """
    optimizer = optax.adam(rate)

    def step(carried: tuple[PyTree, ...], _: Any) -> tuple[tuple[PyTree, ...], Array]:
        params, opt_state, best, best_value = carried
        value, gradient = jax.value_and_grad(objective)(params)
        better = value > best_value
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), params, best)
        downhill = jax.tree.map(jnp.negative, gradient)
        moved, opt_state, _ = descend(optimizer, downhill, opt_state, params)
        return (moved, opt_state, best, jnp.where(better, value, best_value)), value

    value = jax.eval_shape(objective, params)
    lowest = jnp.full(value.shape, -jnp.inf, value.dtype)
    start = (params, optimizer.init(params), params, lowest)
    (_, _, best, _), values = jax.lax.scan(step, start, None, length=steps)
    return best, values
