"""Gradient steps and scanned optimization loops with Optax."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from nmjax.types import Array, PyTree


def descend(
    optimizer: optax.GradientTransformation, gradient: PyTree, opt_state: PyTree, params: PyTree
) -> tuple[PyTree, PyTree, Array]:
    """Take one optimizer step down a gradient.

    Args:
      optimizer: Optax optimizer.
      gradient: Gradient of the loss, a pytree like `params`.
      opt_state: State of the optimizer.
      params: Parameters.

    Returns:
      The new parameters, the new optimizer state, and the norm float[] of the gradient.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from nmjax.optimize import descend
      >>> optimizer, params = optax.sgd(0.5), jnp.ones(1)
      >>> descend(optimizer, jnp.ones(1), optimizer.init(params), params)[0].tolist()
      [0.5]
    """
    # Optax combines integer counts with floats, which strict promotion refuses.
    with jax.numpy_dtype_promotion("standard"):
        updates, opt_state = optimizer.update(gradient, opt_state, params)
    squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(gradient)]
    return optax.apply_updates(params, updates), opt_state, jnp.sqrt(sum(squares))


def maximize(
    objective: Callable[[PyTree], Array], params: PyTree, *, steps: int, rate: float = 0.1
) -> tuple[PyTree, Array]:
    """Maximize a smooth objective by Adam, in one scan.

    Args:
      objective: Function from parameters to a value float[].
      params: Initial parameters.
      steps: Number of steps.
      rate: Learning rate.

    Returns:
      The parameters with the highest value, and the values float[steps] before each step.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.optimize import maximize
      >>> best, values = maximize(lambda x: -jnp.square(x - 1), jnp.zeros(()), steps=50)
      >>> bool(abs(best - 1) < 0.1), values.shape
      (True, (50,))
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
