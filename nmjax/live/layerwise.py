"""Perceptrons of one width whose layers choose an activation or a skip, as masks of one network."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from nmjax.errors import unknown_name
from nmjax.live.family import ACTIVATIONS, activate, linear, masked_dense, own_dense
from nmjax.setting_checks import check_sizes
from nmjax.spaces import Choice, Space
from nmjax.types import Array, PyTree

SKIP = "skip"


class LayerwisePerceptron(nn.Module):
    """A perceptron with a linear first layer, as `LayerwiseMLPFamily.build` returns it.

    Attributes:
      width: Number of units of each layer.
      activations: Elementwise function of each hidden layer.
      classes: Number of logits.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import LayerwisePerceptron
      >>> module = LayerwisePerceptron(8, (jax.nn.relu, jnp.tanh), 3)
      >>> module.init_with_output(jax.random.key(0), jnp.zeros((5, 4)))[0].shape
      (5, 3)
    """

    width: int
    activations: tuple[Callable[[Array], Array], ...]
    classes: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Logits float[B, classes] of inputs float[B, D]."""
        x = nn.Dense(self.width, name="stem")(x)
        for number, activation in enumerate(self.activations):
            x = activation(nn.Dense(self.width, name=f"hidden_{number}")(x))
        return nn.Dense(self.classes, name="head")(x)


@dataclass(frozen=True)
class LayerwiseMLPFamily:
    """Multilayer perceptrons with a choice for each layer: a `Family`.

    A linear layer to the width comes first and the linear head last. Each hidden layer in between
    is skipped, or is dense with one of the activations: the choices `layer_1`, `layer_2`, ...

    Attributes:
      inputs: Number D of input features.
      classes: Number of classes.
      width: Number of units of each layer.
      layers: Number of hidden layers.
      activations: Options beside "skip": "relu", "tanh", "silu", "gelu" or "sigmoid".

    Raises:
      NmjaxError: A size is not positive, or an activation is unknown.

    Example:
      >>> from nmjax.live import LayerwiseMLPFamily
      >>> family = LayerwiseMLPFamily(4, 3, width=8, layers=2)
      >>> family.space.to_config([0, 2])
      {'layer_1': 'skip', 'layer_2': 'tanh'}
      >>> int(family.num_parameters([0, 2]))
      139
    """

    inputs: int
    classes: int
    width: int = 16
    layers: int = 3
    activations: tuple[str, ...] = ("relu", "tanh", "silu")

    def __post_init__(self) -> None:
        check_sizes(inputs=self.inputs, classes=self.classes, width=self.width, layers=self.layers)
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise unknown_name("activation", name, ACTIVATIONS)

    @cached_property
    def space(self) -> Space:
        """A choice `layer_1`, `layer_2`, ... for each hidden layer."""
        options = (SKIP, *self.activations)
        names = [f"layer_{number + 1}" for number in range(self.layers)]
        return Space.build("mlp-layers", [Choice(name, options) for name in names])

    def init(self, key: Array, architecture: Array) -> PyTree:
        """Initial weights of the architecture int32[C], drawn as Flax does at its own size."""
        stem_key, hidden_key, head_key = jax.random.split(key, 3)
        inputs, units, outputs = (
            jnp.ones((size,), jnp.float32) for size in (self.inputs, self.width, self.classes)
        )
        keys = jax.random.split(hidden_key, self.layers)
        used = (jnp.asarray(architecture) > 0).astype(jnp.float32)
        draw = jax.vmap(masked_dense, in_axes=(0, None, 0))
        return {
            "stem": masked_dense(stem_key, inputs, units),
            "hidden": draw(keys, units, used[:, None] * units[None, :]),
            "head": masked_dense(head_key, units, outputs),
        }

    def apply(self, params: PyTree, architecture: Array, x: Array) -> Array:
        """Logits float[B, classes] of inputs float[B, D]."""

        def layer(x: Array, own: tuple[PyTree, Array]) -> tuple[Array, None]:
            dense, option = own
            hidden = activate(self.activations, jnp.maximum(option - 1, 0), linear(dense, x))
            return jnp.where(option > 0, hidden, x), None

        layers = params["hidden"], jnp.asarray(architecture)
        x, _ = jax.lax.scan(layer, linear(params["stem"], x), layers)
        return linear(params["head"], x)

    def enclosing(self, architecture: Any) -> "LayerwiseMLPFamily":
        """The family itself: all children have arrays of the same size."""
        del architecture
        return self

    def num_parameters(self, architecture: Array) -> Array:
        """Number float[] of weights at the child's own size."""
        biases = self.width * (1 + self._depth(architecture)) + self.classes
        return self.num_multiplications(architecture) + biases

    def num_multiplications(self, architecture: Array) -> Array:
        """Number float[] of multiplications of weights and activations for one input."""
        ends = self.width * (self.inputs + self.classes)
        return ends + self.width**2 * self._depth(architecture)

    def _depth(self, architecture: Array) -> Array:
        """Number float[] of hidden layers that are not skipped."""
        return jnp.sum(jnp.asarray(architecture) > 0).astype(jnp.float32)

    def build(self, architecture: Any) -> LayerwisePerceptron:
        """The network at its own size as a plain Flax module, without masks."""
        chosen = self.space.to_config(architecture).values()
        activations = tuple(ACTIVATIONS[name] for name in chosen if name != SKIP)
        return LayerwisePerceptron(self.width, activations, self.classes)

    def extract(self, params: PyTree, architecture: Any) -> PyTree:
        """The variables of `build(architecture)` from the masked weights of a child."""
        found = {
            "stem": own_dense(params["stem"], self.inputs, self.width),
            "head": own_dense(params["head"], self.width, self.classes),
        }
        chosen = self.space.to_config(architecture).values()
        kept = [layer for layer, name in enumerate(chosen) if name != SKIP]
        for number, layer in enumerate(kept):
            dense = jax.tree.map(lambda leaf: leaf[layer], params["hidden"])  # noqa: B023
            found[f"hidden_{number}"] = own_dense(dense, self.width, self.width)
        return {"params": found}
