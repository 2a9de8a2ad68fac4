"""Multilayer perceptrons of different depths, widths and activations, as masks of one network."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError, unknown_name
from nmjax.live.family import (
    ACTIVATIONS,
    activate,
    linear,
    masked_dense,
    option_of,
    own_dense,
    size_of,
    unit_mask,
)
from nmjax.spaces import Choice, Condition, Space
from nmjax.types import Array, PyTree


class Perceptron(nn.Module):
    """A multilayer perceptron of fixed size, as `MLPFamily.build` returns it.

    Attributes:
      widths: Width of each hidden layer.
      activation: Elementwise function of the hidden layers.
      residual: Whether a layer as wide as the one before adds that layer's output.
      classes: Number of logits.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import Perceptron
      >>> module = Perceptron((8, 8), jax.nn.relu, True, 3)
      >>> module.init_with_output(jax.random.key(0), jnp.zeros((5, 4)))[0].shape
      (5, 3)
    """

    widths: tuple[int, ...]
    activation: Callable[[Array], Array]
    residual: bool
    classes: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Logits float[B, classes] of inputs float[B, D]."""
        for number, width in enumerate(self.widths):
            hidden = self.activation(nn.Dense(width, name=f"hidden_{number}")(x))
            is_added = self.residual and number > 0 and x.shape[-1] == width
            x = hidden + x if is_added else hidden
        return nn.Dense(self.classes, name="head")(x)


@dataclass(frozen=True)
class MLPFamily:
    """Multilayer perceptrons for classification: a `Family`.

    The choices are `depth`, `width` (or `width_1`, `width_2`, ... if layers have their own),
    `activation`, and, for networks of two or more hidden layers, `residual`.

    Attributes:
      inputs: Number D of input features.
      classes: Number of classes.
      widths: Options for the width, increasing.
      depths: Options for the number of hidden layers, increasing.
      activations: Options for the activation: "relu", "tanh", "silu", "gelu" or "sigmoid".
      residual: Options for residual connections between hidden layers of equal width.
      own_widths: Whether each layer has a choice of its own.

    Raises:
      NmjaxError: A size is not positive, or an activation is unknown.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.live import MLPFamily
      >>> family = MLPFamily(4, 3, widths=(2, 8))
      >>> child = jnp.array([1, 0, 2, 1])
      >>> family.space.to_config(child)
      {'depth': 2, 'width': 2, 'activation': 'silu', 'residual': True}
      >>> int(family.num_parameters(child))
      25
    """

    inputs: int
    classes: int
    widths: tuple[int, ...] = (4, 8, 16, 32)
    depths: tuple[int, ...] = (1, 2, 3)
    activations: tuple[str, ...] = ("relu", "tanh", "silu")
    residual: tuple[bool, ...] = (False, True)
    own_widths: bool = False

    def __post_init__(self) -> None:
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise unknown_name("activation", name, ACTIVATIONS)
        sizes = (self.inputs, self.classes, *self.widths, *self.depths)
        if min(sizes) < 1 or not (self.widths and self.depths and self.activations):
            raise NmjaxError(
                f"Got inputs={self.inputs}, classes={self.classes}, widths={self.widths}, "
                f"depths={self.depths}; give positive sizes and at least one option of each."
            )

    @cached_property
    def space(self) -> Space:
        """The architectures of the family."""
        choices = [Choice("depth", self.depths, "ordinal")]
        if self.own_widths:
            for layer in range(self._layers):
                deep = tuple(depth for depth in self.depths if depth > layer)
                conditions = () if deep == self.depths else (Condition("depth", deep),)
                name = f"width_{layer + 1}"
                choices.append(Choice(name, self.widths, "ordinal", "log", conditions))
        else:
            choices.append(Choice("width", self.widths, "ordinal", "log"))
        choices.append(Choice("activation", self.activations))
        deep = tuple(depth for depth in self.depths if depth > 1)
        if deep:
            conditions = () if deep == self.depths else (Condition("depth", deep),)
            choices.append(Choice("residual", self.residual, conditions=conditions))
        return Space.build("mlp", choices)

    @property
    def _layers(self) -> int:
        return max(self.depths)

    @property
    def _most(self) -> int:
        return max(self.widths)

    def _sizes(self, architecture: Array) -> tuple[Array, list[Array]]:
        """The depth int32[], and the width int32[] of each of the layers."""
        names = ["width"] * self._layers
        if self.own_widths:
            names = [f"width_{layer + 1}" for layer in range(self._layers)]
        depth = size_of(self.space, "depth", architecture)
        return depth, [size_of(self.space, name, architecture) for name in names]

    def _is_residual(self, architecture: Array) -> Array:
        if self._layers == 1:
            return jnp.asarray(False)
        return jnp.asarray(self.residual)[option_of(self.space, "residual", architecture)]

    def _masks(self, architecture: Array) -> tuple[Array, list[Array]]:
        """The units of each layer that exist, none of layers beyond the depth; then the last's."""
        depth, widths = self._sizes(architecture)
        used = [jnp.where(layer < depth, width, 0) for layer, width in enumerate(widths)]
        masks = [unit_mask(width, self._most) for width in used]
        return unit_mask(jnp.stack(widths)[depth - 1], self._most), masks

    def init(self, key: Array, architecture: Array) -> PyTree:
        """Initial weights of the architecture int32[C], drawn as Flax does at its own size."""
        last, masks = self._masks(architecture)
        keys = jax.random.split(key, self._layers + 1)
        params = {}
        before = jnp.ones((self.inputs,), jnp.float32)
        for layer, mask in enumerate(masks):
            params[f"hidden_{layer}"] = masked_dense(keys[layer], before, mask)
            before = mask
        params["head"] = masked_dense(keys[-1], last, jnp.ones((self.classes,), jnp.float32))
        return params

    def apply(self, params: PyTree, architecture: Array, x: Array) -> Array:
        """Logits float[B, classes] of inputs float[B, D]."""
        depth, widths = self._sizes(architecture)
        _, masks = self._masks(architecture)
        activation = option_of(self.space, "activation", architecture)
        residual = self._is_residual(architecture)
        for layer, mask in enumerate(masks[: len(params) - 1]):
            before = linear(params[f"hidden_{layer}"], x)
            within = mask[None, : before.shape[-1]]
            hidden = activate(self.activations, activation, before) * within
            if layer:
                is_added = residual & (widths[layer] == widths[layer - 1])
                hidden = jnp.where(is_added, hidden + x, hidden)
                hidden = jnp.where(layer < depth, hidden, x)
            x = hidden
        return linear(params["head"], x)

    def enclosing(self, architecture: Any) -> "MLPFamily":
        """The family with the smallest arrays that hold the child's weights."""
        widths = self._own_sizes(self.space.to_config(architecture))
        return replace(self, widths=(max(widths),), depths=(len(widths),))

    def num_parameters(self, architecture: Array) -> Array:
        """Number float[] of weights at the child's own size."""
        _, masks = self._masks(architecture)
        biases = sum(jnp.sum(mask) for mask in masks) + self.classes
        return self.num_multiplications(architecture) + biases

    def num_multiplications(self, architecture: Array) -> Array:
        """Number float[] of multiplications of weights and activations for one input."""
        last, masks = self._masks(architecture)
        units = [jnp.asarray(self.inputs, jnp.float32), *(jnp.sum(mask) for mask in masks)]
        hidden = sum(a * b for a, b in pairwise(units))
        return hidden + jnp.sum(last) * self.classes

    def build(self, architecture: Any) -> Perceptron:
        """The network at its own size as a plain Flax module, without masks."""
        config = self.space.to_config(architecture)
        widths = self._own_sizes(config)
        activation = ACTIVATIONS[config["activation"]]
        return Perceptron(widths, activation, config.get("residual", False), self.classes)

    def extract(self, params: PyTree, architecture: Any) -> PyTree:
        """The variables of `build(architecture)` from the masked weights of a child."""
        widths = self._own_sizes(self.space.to_config(architecture))
        found = {}
        before = self.inputs
        for layer, width in enumerate(widths):
            found[f"hidden_{layer}"] = own_dense(params[f"hidden_{layer}"], before, width)
            before = width
        found["head"] = own_dense(params["head"], before, self.classes)
        return {"params": found}

    def _own_sizes(self, config: dict[str, Any]) -> tuple[int, ...]:
        names = [f"width_{n + 1}" if self.own_widths else "width" for n in range(config["depth"])]
        return tuple(int(config[name]) for name in names)
