"""The supernet of multilayer perceptrons whose layers choose an activation or a skip."""

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp

from nmjax.errors import unknown_name
from nmjax.live.family import ACTIVATIONS, linear, masked_dense
from nmjax.relax import mix_outputs
from nmjax.search.setting_checks import check_sizes
from nmjax.spaces import Choice, Space
from nmjax.types import Array, PyTree


@dataclass(frozen=True)
class MLPSupernet:
    """Perceptrons of one width for rows of features, as one network: a `Supernet`.

    A linear layer to the width comes first and the linear head last. Each hidden layer in between
    is skipped, or is dense with one of the activations. Each option has weights of its own.

    Attributes:
      inputs: Number D of input features.
      classes: Number of classes.
      width: Number of units of each layer.
      layers: Number of hidden layers.
      activations: Options beside "skip": "relu", "tanh", "silu", "gelu" or "sigmoid".

    Raises:
      NmjaxError: A size is not positive, or an activation is unknown.

    Example:
      >>> from nmjax.oneshot import MLPSupernet
      >>> MLPSupernet(4, 3, layers=2).space.to_config([0, 2])
      {'layer_1': 'skip', 'layer_2': 'tanh'}
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
        options = ("skip", *self.activations)
        names = [f"layer_{number + 1}" for number in range(self.layers)]
        return Space.build("mlp-layers", [Choice(name, options) for name in names])

    def init(self, key: Array) -> PyTree:
        """Draw each layer as Flax draws a dense one."""
        stem_key, hidden_key, head_key = jax.random.split(key, 3)
        inputs, units, outputs = (
            jnp.ones((size,), jnp.float32) for size in (self.inputs, self.width, self.classes)
        )
        keys = jax.random.split(hidden_key, (self.layers, len(self.activations)))
        draw = jax.vmap(jax.vmap(masked_dense, (0, None, None)), (0, None, None))
        return {
            "stem": masked_dense(stem_key, inputs, units),
            "hidden": draw(keys, units, units),
            "head": masked_dense(head_key, units, outputs),
        }

    def apply(self, weights: PyTree, choices: Array, x: Array) -> Array:
        """Logits float[B, classes] of inputs float[B, D], for weights float[layers, options]."""

        def layer(x: Array, own: tuple[PyTree, Array]) -> tuple[Array, None]:
            dense, choice = own
            before = jax.vmap(linear, in_axes=(0, None))(dense, x)
            hidden = [ACTIVATIONS[name](before[n]) for n, name in enumerate(self.activations)]
            return mix_outputs(jnp.stack([x, *hidden]), choice), None

        x, _ = jax.lax.scan(layer, linear(weights["stem"], x), (weights["hidden"], choices))
        return linear(weights["head"], x)
