"""Neural networks over encodings: a smooth body whose last activations are features, and a head."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

import flax.linen as nn
import jax
import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
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


class _Init(Protocol):
    def __call__(self, key: Array, encoding_size: int) -> PyTree: ...


class _OfEncodings(Protocol):
    def __call__(self, params: PyTree, x: Array) -> Array: ...


class Network(NamedTuple):
    """A network as pure functions.

    Attributes:
      init: (key, encoding_size) -> params, a dict of dicts of arrays.
      apply: (params, x float[..., D]) -> float[...].
      features: (params, x float[..., D]) -> float[..., F], the last hidden activations.
    """

    init: _Init
    apply: _OfEncodings
    features: _OfEncodings


@cached_factory
def make_network(
    hidden: tuple[int, ...] = (64, 64), *, activation: str = "gelu", layer_norm: bool = False
) -> Network:
    """A multilayer perceptron over encodings, with F = hidden[-1] features.

    Args:
      hidden: width of each hidden layer, at least one.
      activation: "gelu", "silu", "softplus", "tanh", or the kinked "relu" of published networks.
      layer_norm: normalize each hidden layer before its activation.

    Raises:
      NmjaxError: a width is not positive, there is none, or the activation is unknown.
    """
    if not hidden or min(hidden) < 1:
        raise NmjaxError(f"Got hidden={hidden}, expected positive widths: give for instance (64,).")
    if activation not in _ACTIVATIONS:
        raise unknown_name("activation", activation, _ACTIVATIONS)
    module = MLP(tuple(hidden), _ACTIVATIONS[activation], layer_norm)

    @partial(jax.jit, static_argnames="encoding_size")
    def init(key: Array, encoding_size: int) -> PyTree:
        return module.init(key, jnp.zeros((encoding_size,)))["params"]

    def both(params: PyTree, x: Array) -> Any:
        return module.apply({"params": params}, x)

    def apply(params: PyTree, x: Array) -> Array:
        return both(params, x)[0]

    def features(params: PyTree, x: Array) -> Array:
        return both(params, x)[1]

    return Network(init, apply, features)
