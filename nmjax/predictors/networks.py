"""Neural networks over encodings: a smooth body whose last activations are features, and a head."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError, unknown_name
from nmjax.types import Array, PyTree

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": nn.gelu,
    "relu": nn.relu,
    "silu": nn.silu,
    "softplus": nn.softplus,
    "tanh": nn.tanh,
}


class MLP(nn.Module):
    """A multilayer perceptron from float[..., D] to float[...].

    Its parameters are `hidden_0`, `hidden_1`, ... (with `norm_0`, ... where normalized), the body,
    and `head`.

    Attributes:
      hidden: width of each hidden layer.
      activation: elementwise; smooth where gradients of gradients should say the most.
      layer_norm: normalize each hidden layer before its activation.
    """

    hidden: tuple[int, ...]
    activation: Callable[[Array], Array]
    layer_norm: bool

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Output float[...] and features float[..., F] of encodings x float[..., D]."""
        for i, width in enumerate(self.hidden):
            x = nn.Dense(width, name=f"hidden_{i}")(x)
            if self.layer_norm:
                x = nn.LayerNorm(name=f"norm_{i}")(x)
            x = self.activation(x)
        return nn.Dense(1, name="head")(x)[..., 0], x


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron over encodings as pure functions; equal fields, equal networks.

    Attributes:
      hidden: width of each hidden layer, at least one; the last is F, the number of features.
      activation: "gelu", "silu", "softplus", "tanh", or the kinked "relu" of published networks.
      layer_norm: normalize each hidden layer before its activation.

    Raises:
      NmjaxError: a width is not positive, there is none, or the activation is unknown.

    Example:
      >>> import jax
      >>> from nmjax.predictors import Network
      >>> network = Network((8,), activation="tanh")
      >>> params = network.init(jax.random.key(0), 3)
      >>> network.apply(params, jax.numpy.ones((5, 3))).shape
      (5,)
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: str = field(default="gelu", kw_only=True)
    layer_norm: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if not self.hidden or min(self.hidden) < 1:
            raise NmjaxError(
                f"Got hidden={self.hidden}, expected positive widths: give for instance (64,)."
            )
        if self.activation not in _ACTIVATIONS:
            raise unknown_name("activation", self.activation, _ACTIVATIONS)

    def init(self, key: Array, encoding_size: int) -> PyTree:
        """Return initial parameters, a dict of dicts of arrays."""
        return _init(self, key, encoding_size)

    def apply(self, params: PyTree, x: Array) -> Array:
        """Return the output float[...] of encodings x float[..., D]."""
        return self._both(params, x)[0]

    def features(self, params: PyTree, x: Array) -> Array:
        """Return the last hidden activations float[..., F] of encodings x float[..., D]."""
        return self._both(params, x)[1]

    def module(self) -> MLP:
        """Return the network as a Flax module."""
        return MLP(self.hidden, _ACTIVATIONS[self.activation], self.layer_norm)

    def _both(self, params: PyTree, x: Array) -> tuple[Array, Array]:
        both: Any = self.module().apply({"params": params}, x)
        return both[0], both[1]


@partial(jax.jit, static_argnames=("network", "encoding_size"))
def _init(network: Network, key: Array, encoding_size: int) -> PyTree:
    return network.module().init(key, jnp.zeros((encoding_size,)))["params"]
