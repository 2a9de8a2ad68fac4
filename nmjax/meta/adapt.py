"""The only inner loop: gradient descent on one task's data."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.types import Array, PyTree


class Adaptation(NamedTuple):
    """What an inner loop ends with.

    Attributes:
      params: the adapted parameters, a pytree like those it began with.
      losses: float[steps + 1], the loss before the first step and after each.
    """

    params: PyTree
    losses: Array


def adapt(
    params: PyTree,
    data: PyTree,
    rate: PyTree,
    *,
    loss_fn: Callable[[PyTree, PyTree], Array],
    steps: int,
    first_order: bool = False,
    mask: PyTree = True,
) -> Adaptation:
    """Descends the gradient of `loss_fn` on `data`; differentiable in params, data and rate.

    Args:
      params: a pytree of float arrays.
      data: what `loss_fn` takes, for instance a `Batch`.
      rate: step size, a scalar or a prefix of the pytree `params`; leaves are scalars or have the
        shape of the parameters they move.
      loss_fn: (params, data) -> float[].
      steps: how many gradient steps, at least 0.
      first_order: take the gradients of the inner steps for constants when differentiating through
        the adaptation (Finn et al., 2017, section 5.2).
      mask: bool or a prefix of the pytree `params` with leaves of bool, True where a leaf moves.

    Raises:
      NmjaxError: `steps` is negative.
    """
    if steps < 0:
        raise NmjaxError(f"Got steps={steps}, expected 0 or more inner steps: give for instance 5.")
    leaves, structure = jax.tree.flatten(params)
    moves = jax.tree.leaves(jax.tree.broadcast(mask, params))
    all_rates = jax.tree.leaves(jax.tree.broadcast(rate, params))
    rates = [leaf_rate for leaf_rate, move in zip(all_rates, moves, strict=True) if move]

    def merge(moving: list[Array]) -> PyTree:
        remaining = iter(moving)
        merged = [
            next(remaining) if move else leaf for leaf, move in zip(leaves, moves, strict=True)
        ]
        return jax.tree.unflatten(structure, merged)

    def loss(moving: list[Array]) -> Array:
        return loss_fn(merge(moving), data)

    def step(moving: list[Array], _: None) -> tuple[list[Array], Array]:
        value, gradients = jax.value_and_grad(loss)(moving)
        if first_order:
            gradients = jax.lax.stop_gradient(gradients)
        return [p - r * g for p, r, g in zip(moving, rates, gradients, strict=True)], value

    moving = [jnp.asarray(leaf) for leaf, move in zip(leaves, moves, strict=True) if move]
    moving, losses = jax.lax.scan(step, moving, None, length=steps)
    return Adaptation(merge(moving), jnp.append(losses, loss(moving)))
