"""The only inner loop: gradient descent on one task's data."""

import math
from collections.abc import Callable
from functools import partial
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
      along: what the caller asked of the parameters after each step, leaves [steps, ...]; None
        where nothing was asked.
    """

    params: PyTree
    losses: Array
    along: PyTree = None


class PerStep(NamedTuple):
    """Rates of their own for each inner step.

    Attributes:
      rate: a prefix of the parameters' pytree; leaves [steps] or [steps, *shape] with the shape of
        the parameters they move.
    """

    rate: PyTree


def adapt(
    params: PyTree,
    data: PyTree,
    rate: PyTree,
    *,
    loss_fn: Callable[[PyTree, PyTree], Array],
    steps: int,
    first_order: bool = False,
    mask: PyTree = True,
    along: Callable[[PyTree], PyTree] | None = None,
    remat: bool = False,
) -> Adaptation:
    """Descends the gradient of `loss_fn` on `data`; differentiable in params, data and rate.

    Args:
      params: a pytree of float arrays.
      data: what `loss_fn` takes, for instance a `Batch`.
      rate: step size, a scalar or a prefix of the pytree `params`; leaves are scalars or have the
        shape of the parameters they move. `PerStep` of such, where steps differ.
      loss_fn: (params, data) -> float[].
      steps: how many gradient steps, at least 0.
      first_order: take the gradients of the inner steps for constants when differentiating through
        the adaptation (Finn et al., 2017, section 5.2).
      mask: bool or a prefix of the pytree `params` with leaves of bool, True where a leaf moves.
      along: asked of the parameters after each step, for instance a loss on other data.
      remat: when differentiating, keep the parameters at about 2 sqrt(steps) of the steps only and
        compute what lies between again (Chen et al., 2016): less memory, the inner loop run twice.

    Raises:
      NmjaxError: `steps` is negative, or `PerStep` rates are not one for each step.
    """
    if steps < 0:
        raise NmjaxError(f"Got steps={steps}, expected 0 or more inner steps: give for instance 5.")
    leaves, structure = jax.tree.flatten(params)
    moves = jax.tree.leaves(jax.tree.broadcast(mask, params))
    varying = isinstance(rate, PerStep)
    all_rates = jax.tree.leaves(jax.tree.broadcast(rate.rate if varying else rate, params))
    rates = [leaf_rate for leaf_rate, move in zip(all_rates, moves, strict=True) if move]
    if varying and any(jnp.shape(leaf_rate)[:1] != (steps,) for leaf_rate in rates):
        raise NmjaxError(
            f"Got PerStep rates of shapes {[jnp.shape(leaf_rate) for leaf_rate in rates]} for "
            f"{steps} inner steps, expected one for each step along the first axis of every leaf."
        )

    def merge(moving: list[Array]) -> PyTree:
        remaining = iter(moving)
        merged = [
            next(remaining) if move else leaf for leaf, move in zip(leaves, moves, strict=True)
        ]
        return jax.tree.unflatten(structure, merged)

    def loss(moving: list[Array]) -> Array:
        return loss_fn(merge(moving), data)

    def step(moving: list[Array], own_rates: list[Array]) -> tuple[list[Array], PyTree]:
        value, gradients = jax.value_and_grad(loss)(moving)
        if first_order:
            gradients = jax.lax.stop_gradient(gradients)
        current = own_rates if varying else rates
        moving = [p - r * g for p, r, g in zip(moving, current, gradients, strict=True)]
        return moving, (value, None if along is None else along(merge(moving)))

    moving = [jnp.asarray(leaf) for leaf, move in zip(leaves, moves, strict=True) if move]
    scan = _scan_in_segments if remat else _scan
    moving, (losses, asked) = scan(step, moving, rates if varying else None, length=steps)
    return Adaptation(merge(moving), jnp.append(losses, loss(moving)), asked)


def _scan(
    step: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]],
    carry: PyTree,
    inputs: PyTree,
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    """`lax.scan`, but a single step without a loop.

    Under a `vmap` over tasks a loop carries parameters of each task from the beginning; without
    one, products with those that all tasks begin at stay one product.
    """
    if length != 1:
        return jax.lax.scan(step, carry, inputs, length=length)
    carry, outputs = step(carry, jax.tree.map(lambda leaf: leaf[0], inputs))
    return carry, jax.tree.map(lambda leaf: leaf[None], outputs)


def _scan_in_segments(
    step: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]],
    carry: PyTree,
    inputs: PyTree,
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    """`lax.scan`, whose reverse pass keeps a carry a segment and runs each segment once more."""
    size = max(math.isqrt(length), 1)
    count = length // size
    folded = jax.tree.map(
        lambda leaf: leaf[: count * size].reshape(count, size, *leaf.shape[1:]), inputs
    )
    rest = jax.tree.map(lambda leaf: leaf[count * size :], inputs)

    @partial(jax.checkpoint, prevent_cse=False)
    def segment(carry: PyTree, inputs: PyTree) -> tuple[PyTree, PyTree]:
        return jax.lax.scan(step, carry, inputs, length=size)

    carry, early = jax.lax.scan(segment, carry, folded, length=count)
    carry, late = jax.lax.scan(step, carry, rest, length=length - count * size)
    joined = jax.tree.map(
        lambda a, b: jnp.concatenate([a.reshape(-1, *a.shape[2:]), b]), early, late
    )
    return carry, joined
