"""Families of children: networks of one shape whose architecture is a traced argument.

A child is a masked instance of the family's largest network. Its weights outside of its own size
are zero, receive no gradient and stay zero, so that children of different architectures have arrays
of equal shapes, and hundreds train in one `vmap`.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces import Space
from nmjax.types import Array, PyTree

EPSILON = 1e-6
_TRUNCATED_STD = 0.87962566103423978

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "silu": jax.nn.silu,
    "gelu": jax.nn.gelu,
    "sigmoid": jax.nn.sigmoid,
}


class TrainableFamily(Protocol):
    """Networks as functions: the part of a family that training uses. Hashable."""

    def __hash__(self) -> int:
        """Equal families share compiled programs."""

    def init(self, key: Array, architecture: Array) -> PyTree:
        """Initial weights of the architecture int32[C]."""

    def apply(self, params: PyTree, architecture: Array, x: PyTree) -> Array:
        """Logits float[B, classes] of inputs float[B, D], or of `Nodes` of a graph."""


class Family(TrainableFamily, Protocol):
    """A set of networks that train together.

    Implementations are frozen dataclasses, so that equal families share compiled programs. Weights
    are nested dictionaries of arrays, zero outside of a child's own size.

    Example:
      >>> from nmjax.live import CellFamily, Family, MLPFamily, TransformerFamily
      >>> families: list[Family] = [MLPFamily(64, 10), CellFamily(10), TransformerFamily(64, 10)]
      >>> [family.space.size for family in families]
      [72, 31250, 24]
    """

    @property
    def space(self) -> Space:
        """The architectures of the family."""

    def enclosing(self, architecture: Any) -> "Family":
        """The family of this kind with the smallest arrays that hold the child's weights.

        `apply` reads the sizes of arrays from the weights, so that it also takes those of this
        family. Return `self` where all children have arrays of the same size.
        """

    def num_parameters(self, architecture: Array) -> Array:
        """Number float[] of weights of the network at its own size."""

    def num_multiplications(self, architecture: Array) -> Array:
        """Number float[] of multiplications of weights and activations for one input."""

    def build(self, architecture: Any) -> nn.Module:
        """The network at its own size as a plain Flax module, without masks."""

    def extract(self, params: PyTree, architecture: Any) -> PyTree:
        """The variables of `build(architecture)` from the masked weights of a child."""


def check_children(family: Family, architectures: ArrayLike) -> Array:
    """The architectures int32[N, C] of a family's children.

    Raises:
      NmjaxError: One does not belong to the family.
    """
    rows = np.asarray(architectures)
    expected = family.space.num_choices
    if rows.ndim != 2 or not len(rows) or rows.shape[1] != expected:
        raise NmjaxError(
            f"Got architectures {list(rows.shape)}, expected int32[N, {expected}] of space "
            f"{family.space.name!r}: give one row of option indices for each child."
        )
    for row in rows:
        family.space.check_architecture(row)
    return jnp.asarray(rows, jnp.int32)


def option_of(space: Space, name: str, architecture: Array) -> Array:
    """The option index int32[...] of the choice `name` of architectures int32[..., C]."""
    return jnp.asarray(architecture)[..., space.names.index(name)]


def number_of(space: Space, name: str, architecture: Array) -> Array:
    """The option float32[...] of the numeric choice `name` of architectures int32[..., C]."""
    options = space.choices[space.names.index(name)].options
    return jnp.asarray(options, jnp.float32)[option_of(space, name, architecture)]


def size_of(space: Space, name: str, architecture: Array) -> Array:
    """The option int32[] of the choice `name`, whose options are whole numbers."""
    return number_of(space, name, architecture).astype(jnp.int32)


def unit_mask(size: Array, most: int) -> Array:
    """float32[most]: 1 for the first `size` units, 0 for the others."""
    return (jnp.arange(most, dtype=jnp.int32) < size).astype(jnp.float32)


def masked_kernel(key: Array, inputs: Array, outputs: Array, fan_in: Array | int) -> Array:
    """A kernel float32[I, O] as `flax.linen.Dense` draws one of the child's own size.

    Entries are normal, truncated at two standard deviations, with variance 1 / fan_in (LeCun),
    and zero where the masks inputs float32[I] or outputs float32[O] are.
    """
    shape = (len(inputs), len(outputs))
    # Flat, because XLA takes much longer to compile draws of several dimensions.
    draw = jax.random.truncated_normal(key, -2.0, 2.0, (math.prod(shape),), jnp.float32)
    draw = draw.reshape(shape)
    scale = jax.lax.rsqrt(jnp.asarray(fan_in, jnp.float32)) / _TRUNCATED_STD
    return draw * scale * inputs[:, None] * outputs[None, :]


def masked_dense(key: Array, inputs: Array, outputs: Array) -> dict[str, Array]:
    """Initial weights of a dense layer between the units of masks float32[I] and float32[O]."""
    kernel = masked_kernel(key, inputs, outputs, jnp.maximum(jnp.sum(inputs), 1))
    return {"kernel": kernel, "bias": jnp.zeros_like(outputs)}


def linear(dense: PyTree, x: Array) -> Array:
    """Outputs float[..., O] of a dense layer from inputs float[..., I]."""
    bias = dense["bias"]
    output: Array = x @ dense["kernel"] + bias.reshape((1,) * (x.ndim - 1) + bias.shape)
    return output


def own_dense(dense: PyTree, inputs: int, outputs: int) -> dict[str, np.ndarray]:
    """The weights of a dense layer at a child's own size."""
    return {"kernel": top(dense["kernel"], inputs, outputs), "bias": top(dense["bias"], outputs)}


def masked_normalize(x: Array, within: Array, axes: tuple[int, ...]) -> Array:
    """Normalize over axes of the entries in the mask `within`, of 0 and 1; zero in the others.

    The mask has the rank of x, and size 1 or that of x along each axis.
    """
    count = math.prod(x.shape[axis] // within.shape[axis] for axis in axes) * jnp.sum(within)
    mean = jnp.sum(x * within, axis=axes, keepdims=True) / count
    centered = (x - mean) * within
    variance = jnp.sum(jnp.square(centered), axis=axes, keepdims=True) / count
    return centered * jax.lax.rsqrt(variance + EPSILON)


def activate(names: tuple[str, ...], index: Array, x: Array) -> Array:
    """Apply the activation of an option index int32[]."""
    if len(names) == 1:
        return ACTIVATIONS[names[0]](x)
    return jax.lax.select_n(index, *(ACTIVATIONS[name](x) for name in names))


def top(leaf: Array, *sizes: int) -> np.ndarray:
    """The first entries of each axis of a masked array, as many as `sizes` says."""
    return np.asarray(leaf)[tuple(slice(size) for size in sizes)]
