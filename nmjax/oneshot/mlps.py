"""The supernet of multilayer perceptrons whose layers choose an activation or a skip."""

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from nmjax.live import LayerwiseMLPFamily
from nmjax.live.family import ACTIVATIONS, linear, masked_dense
from nmjax.relax import mix_outputs
from nmjax.spaces import Space
from nmjax.types import Array, PyTree


@dataclass(frozen=True)
class MLPSupernet:
    """All networks of `live.LayerwiseMLPFamily`, as one network: a `Supernet`.

    Each option of a layer has weights of its own. For a one-hot input the network is the family's,
    with the weights that `inherit` returns.

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
        self.family  # noqa: B018  (validates the sizes and names)

    @cached_property
    def family(self) -> LayerwiseMLPFamily:
        """The networks that stand alone; see `child`."""
        return LayerwiseMLPFamily(
            self.inputs, self.classes, self.width, self.layers, self.activations
        )

    @property
    def space(self) -> Space:
        """The space of `family`."""
        return self.family.space

    def child(self, architecture: ArrayLike) -> Array:
        """The family's architectures int32[..., layers], which are those of the supernet."""
        return jnp.asarray(architecture, jnp.int32)

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

    def inherit(self, weights: PyTree, architecture: Array) -> PyTree:
        """The weights of `family` at `child(architecture)`, for an architecture int32[layers]."""

        def of_layer(dense: PyTree, option: Array) -> PyTree:
            own = jax.tree.map(lambda leaf: leaf[jnp.maximum(option - 1, 0)], dense)
            return jax.tree.map(lambda leaf: jnp.where(option > 0, leaf, 0), own)

        hidden = jax.vmap(of_layer)(weights["hidden"], jnp.asarray(architecture))
        return weights | {"hidden": hidden}
