"""The inner loop: gradient descent on one task's data."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.types import Array, PyTree


class Adaptation(NamedTuple):
    """Result of an inner loop.

    Attributes:
      params: the adapted parameters, a pytree like the initial ones.
      losses: float[steps + 1], the loss before the first step and after each.
      trace: results of `trace_fn` after each step, leaves [steps, ...]; None without a `trace_fn`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import adapt
      >>> loss_fn = lambda params, data: jnp.sum((params - data) ** 2)
      >>> result = adapt(jnp.zeros(2), jnp.ones(2), 0.5, loss_fn=loss_fn, steps=1)
      >>> result.params
      Array([1., 1.], dtype=float32)
    """

    params: PyTree
    losses: Array
    trace: PyTree = None


class PerStep(NamedTuple):
    """Step sizes that differ between inner steps.

    Attributes:
      rate: a prefix of the parameters' pytree; leaves [steps], or [steps, *shape] with the shape of
        the parameters they apply to.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import PerStep, adapt
      >>> loss_fn = lambda params, data: jnp.sum((params - data) ** 2)
      >>> rates = PerStep(jnp.array([0.25, 0.5]))
      >>> adapt(jnp.zeros(()), jnp.ones(()), rates, loss_fn=loss_fn, steps=2).losses
      Array([1.  , 0.25, 0.  ], dtype=float32)
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
    trace_fn: Callable[[PyTree], PyTree] | None = None,
    remat: bool = False,
) -> Adaptation:
    """Descend the gradient of `loss_fn` on `data`; differentiable in params, data and rate.

    Args:
      params: a pytree of float arrays.
      data: second argument of `loss_fn`, for instance a `Batch`.
      rate: Step size, a scalar or a prefix of the pytree `params`; leaves are scalars or have the
        shape of the parameters they apply to. `PerStep` of such, where steps differ.
      loss_fn: (params, data) -> float[].
      steps: Number of gradient steps, at least 0.
      first_order: Treat the gradients of the inner steps as constants when differentiating through
        the adaptation (Finn et al., 2017, section 5.2).
      mask: bool or a prefix of the pytree `params` with leaves of bool; True where a leaf adapts.
      trace_fn: Function of the parameters that is evaluated after each step, for instance a loss on
        other data.
      remat: When differentiating, store the parameters at about 2 sqrt(steps) of the steps only and
        recompute the rest (Chen et al., 2016): less memory, but the inner loop runs twice.

    Raises:
      NmjaxError: `steps` is negative, or `PerStep` has not one rate for each step.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import adapt
      >>> loss_fn = lambda params, data: jnp.sum((params - data) ** 2)
      >>> adapt(jnp.zeros(2), jnp.ones(2), 0.25, loss_fn=loss_fn, steps=2).losses
      Array([2.   , 0.5  , 0.125], dtype=float32)
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
        return moving, (value, None if trace_fn is None else trace_fn(merge(moving)))

    moving = [jnp.asarray(leaf) for leaf, move in zip(leaves, moves, strict=True) if move]
    scan = _scan_in_segments if remat else _scan
    moving, (losses, trace) = scan(step, moving, rates if varying else None, length=steps)
    return Adaptation(merge(moving), jnp.append(losses, loss(moving)), trace)


def _scan(
    step: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]],
    carry: PyTree,
    inputs: PyTree,
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    """Like `lax.scan`, but runs a single step without a loop.

    Under a `vmap` over tasks, a loop carries separate parameters for each task from the start;
    without it, products with the shared initial parameters remain one product.
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
    """Like `lax.scan`, but the reverse pass stores one carry per segment, and recomputes."""
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
