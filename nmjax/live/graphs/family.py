"""Graph networks with different aggregations, depths, widths and activations, as masks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.live.family import (
    ACTIVATIONS,
    activate,
    linear,
    masked_dense,
    masked_kernel,
    option_of,
    own_dense,
    size_of,
    top,
    unit_mask,
)
from nmjax.live.graphs.aggregation import (
    USES_NEIGHBORS,
    USES_SELF,
    WEIGHTS,
    largest,
    weighted_sum,
)
from nmjax.live.graphs.nodes import Graph, Nodes
from nmjax.spaces import Choice, Condition, Space
from nmjax.types import Array, PyTree


class GraphNetwork(nn.Module):
    """A graph network with a linear head, as `GraphFamily.build` returns it.

    Attributes:
      aggregation: How a layer sums up a node's neighbors, as in `GraphFamily`.
      depth: Number of layers.
      width: Units of each layer.
      activation: Elementwise function of the layers.
      residual: Whether a layer after the first adds the output of the layer before.
      classes: Number of logits.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import GraphNetwork, Nodes, make_graph
      >>> nodes = Nodes(make_graph(jnp.eye(3), [[0, 1], [1, 2]]), jnp.array([0, 2]))
      >>> module = GraphNetwork("gcn", depth=2, width=4, activation=jax.nn.relu, residual=True,
      ...                       classes=5)
      >>> module.init_with_output(jax.random.key(0), nodes)[0].shape
      (2, 5)
    """

    aggregation: str
    depth: int
    width: int
    activation: Callable[[Array], Array]
    residual: bool
    classes: int

    @nn.compact
    def __call__(self, x: Nodes) -> Array:
        """Logits float[B, classes] of nodes."""
        hidden = x.graph.features
        for layer in range(self.depth):
            after = self.activation(self._layer(x.graph, hidden, f"layer_{layer}"))
            hidden = hidden + after if self.residual and layer else after
        return nn.Dense(self.classes, name="head")(hidden[x.index])

    def _layer(self, graph: Graph, x: Array, name: str) -> Array:
        output = self.param(f"{name}_bias", nn.initializers.zeros, (self.width,))[None]
        if USES_SELF[self.aggregation]:
            output = output + nn.Dense(self.width, use_bias=False, name=f"{name}_self")(x)
        if not USES_NEIGHBORS[self.aggregation]:
            return jnp.asarray(output)
        z = nn.Dense(self.width, use_bias=False, name=f"{name}_neighbors")(x)
        if self.aggregation == "max":
            return jnp.asarray(output + largest(graph, z))
        attention = jnp.zeros((2, self.width), z.dtype)
        if self.aggregation == "attention":
            normal = nn.initializers.normal(self.width**-0.5)
            attention = self.param(f"{name}_attention", normal, attention.shape)
        weights = WEIGHTS[self.aggregation](graph, z, attention)
        return jnp.asarray(output + weighted_sum(graph, z, weights))


@dataclass(frozen=True)
class GraphFamily:
    """Graph networks that classify nodes: a `Family`, whose inputs are `Nodes`.

    A layer computes `activation(x @ own + aggregate(x @ neighbors) + bias)`. The aggregations are

    - "gcn": the symmetrically normalized sum over neighbors and the node (Kipf and Welling, 2017),
    - "mean" and "max": over neighbors, as in GraphSAGE (Hamilton et al., 2017),
    - "sum": over neighbors (Morris et al., 2019),
    - "attention": one head over neighbors and the node (Velickovic et al., 2018),
    - "none": no neighbors, so that the network is a multilayer perceptron.

    "gcn" and "attention" have no kernel `own`, and "none" has only that. The choices are
    `aggregation`, `depth`, `width`, `activation`, and, for networks of two or more layers,
    `residual`. Each minibatch computes all nodes of the graph, so train with a `batch_size` of at
    least the number of training nodes.

    Attributes:
      inputs: Number D of features of a node.
      classes: Number of classes.
      widths: Options for the units of a layer, increasing.
      depths: Options for the number of layers, increasing.
      aggregations: Options for the aggregation.
      activations: Options for the activation: "relu", "tanh", "silu", "gelu" or "sigmoid".
      residual: Options for residual connections from the second layer on.

    Raises:
      NmjaxError: A size is not positive, or an aggregation or activation is unknown.

    Example:
      >>> from nmjax.live import GraphFamily
      >>> family = GraphFamily(1433, 7)
      >>> family.space.to_config([3, 1, 0, 1, 1])
      {'aggregation': 'max', 'depth': 2, 'width': 8, 'activation': 'tanh', 'residual': True}
      >>> int(family.num_parameters([3, 1, 0, 1, 1]))
      23135
    """

    inputs: int
    classes: int
    widths: tuple[int, ...] = (8, 16)
    depths: tuple[int, ...] = (1, 2, 3)
    aggregations: tuple[str, ...] = ("gcn", "mean", "sum", "max", "attention")
    activations: tuple[str, ...] = ("relu", "tanh")
    residual: tuple[bool, ...] = (False, True)

    def __post_init__(self) -> None:
        for kind, names, known in (
            ("aggregation", self.aggregations, WEIGHTS),
            ("activation", self.activations, ACTIVATIONS),
        ):
            for name in names:
                if name not in known:
                    raise unknown_name(kind, name, known)
        options = (self.widths, self.depths, self.aggregations, self.activations, self.residual)
        sizes = (self.inputs, self.classes, *self.widths, *self.depths, *map(len, options))
        if min(sizes) < 1:
            raise NmjaxError(f"Got {self}; give positive sizes and one option of each at least.")

    @cached_property
    def space(self) -> Space:
        """The architectures of the family."""
        choices = [
            Choice("aggregation", self.aggregations),
            Choice("depth", self.depths, "ordinal"),
            Choice("width", self.widths, "ordinal", "log"),
            Choice("activation", self.activations),
        ]
        deep = tuple(depth for depth in self.depths if depth > 1)
        if deep:
            conditions = () if deep == self.depths else (Condition("depth", deep),)
            choices.append(Choice("residual", self.residual, conditions=conditions))
        return Space.build("graph", choices)

    def _sizes(self, architecture: Array) -> tuple[Array, Array]:
        """The depth int32[], and the mask float32[W] of the units of a layer."""
        rows = jnp.asarray(architecture, jnp.int32)
        width = size_of(self.space, "width", rows)
        return size_of(self.space, "depth", rows), unit_mask(width, max(self.widths))

    def _uses(self, architecture: Array) -> tuple[Array, Array, Array]:
        """Whether the child has kernels for neighbors and for itself, and attention: float32[]."""
        option = option_of(self.space, "aggregation", architecture)
        tables = (USES_NEIGHBORS, USES_SELF, {name: name == "attention" for name in WEIGHTS})
        neighbors, own, attention = (
            jnp.array([table[name] for name in self.aggregations], jnp.float32)[option]
            for table in tables
        )
        return neighbors, own, attention

    def _is_residual(self, architecture: Array) -> Array:
        if "residual" not in self.space.names:
            return jnp.asarray(False)
        return jnp.asarray(self.residual)[option_of(self.space, "residual", architecture)]

    def init(self, key: Array, architecture: Array) -> PyTree:
        """Initial weights of the architecture int32[C], drawn as Flax does at its own size."""
        depth, mask = self._sizes(architecture)
        neighbors, own, attention = self._uses(architecture)
        head_key, layer_key = jax.random.split(key)
        outputs = jnp.ones((self.classes,), jnp.float32)
        params = {"head": masked_dense(head_key, mask, outputs)}
        before = jnp.ones((self.inputs,), jnp.float32)
        for layer, each_key in enumerate(jax.random.split(layer_key, max(self.depths))):
            units = jnp.where(layer < depth, mask, 0)
            keys = jax.random.split(each_key, 3)
            fan_in = jnp.maximum(jnp.sum(before), 1)
            draw = jax.random.normal(keys[2], (2 * len(mask),), jnp.float32).reshape(2, -1)
            params[f"layer_{layer}"] = {
                "neighbors": masked_kernel(keys[0], before, units * neighbors, fan_in),
                "self": masked_kernel(keys[1], before, units * own, fan_in),
                "attention": draw * jax.lax.rsqrt(jnp.sum(mask)) * (units * attention)[None],
                "bias": jnp.zeros_like(units),
            }
            before = units
        return params

    def apply(self, params: PyTree, architecture: Array, x: Nodes) -> Array:
        """Logits float[B, classes] of nodes."""
        depth, mask = self._sizes(architecture)
        activation = option_of(self.space, "activation", architecture)
        residual = self._is_residual(architecture)
        hidden = x.graph.features
        for layer in range(len(params) - 1):
            output = self._layer(params[f"layer_{layer}"], architecture, x.graph, hidden)
            within = mask[None, : output.shape[1]]
            after = activate(self.activations, activation, output) * within
            if layer:
                after = jnp.where(residual, hidden + after, after)
                after = jnp.where(layer < depth, after, hidden)
            hidden = after
        return linear(params["head"], hidden[x.index])

    def _layer(self, layer: PyTree, architecture: Array, graph: Graph, x: Array) -> Array:
        """Values float[n, W] before the activation."""
        option = option_of(self.space, "aggregation", architecture)
        _, own, _ = self._uses(architecture)
        z = x @ layer["neighbors"]
        each = [WEIGHTS[name](graph, z, layer["attention"]) for name in self.aggregations]
        weights = each[0]
        if len(each) > 1:
            weights = jax.tree.map(lambda *leaves: jax.lax.select_n(option, *leaves), *each)
        neighbors = weighted_sum(graph, z, weights)
        if "max" in self.aggregations:
            is_max = option == self.aggregations.index("max")
            neighbors = jnp.where(is_max, largest(graph, z), neighbors)
        output: Array = neighbors + own * (x @ layer["self"]) + layer["bias"][None]
        return output

    def enclosing(self, architecture: Any) -> "GraphFamily":
        """The family with the smallest arrays that hold the child's weights."""
        config = self.space.to_config(architecture)
        return replace(self, widths=(config["width"],), depths=(config["depth"],))

    def _weights(self, architecture: Array) -> tuple[Array, Array]:
        """Numbers float[] of weights of kernels and attention, and of biases."""
        depth, mask = self._sizes(architecture)
        neighbors, own, attention = self._uses(architecture)
        width, layers = jnp.sum(mask), depth.astype(jnp.float32)
        kernels = (neighbors + own) * width * (self.inputs + (layers - 1) * width)
        multiplied = kernels + attention * 2 * width * layers + width * self.classes
        return multiplied, layers * width + self.classes

    def num_parameters(self, architecture: Array) -> Array:
        """Number float[] of weights of the network at its own size."""
        multiplied, biases = self._weights(architecture)
        return multiplied + biases

    def num_multiplications(self, architecture: Array) -> Array:
        """Number float[] of multiplications of weights and activations for one node.

        The aggregation's, whose number depends on the graph, are not counted.
        """
        return self._weights(architecture)[0]

    def build(self, architecture: Any) -> GraphNetwork:
        """The network at its own size as a plain Flax module, without masks."""
        config = self.space.to_config(architecture)
        return GraphNetwork(
            config["aggregation"],
            config["depth"],
            config["width"],
            ACTIVATIONS[config["activation"]],
            config.get("residual", False),
            self.classes,
        )

    def extract(self, params: PyTree, architecture: Any) -> PyTree:
        """The variables of `build(architecture)` from the masked weights of a child."""
        config = self.space.to_config(architecture)
        width, aggregation = config["width"], config["aggregation"]
        found: dict[str, Any] = {"head": own_dense(params["head"], width, self.classes)}
        before = self.inputs
        for number in range(config["depth"]):
            layer, name = params[f"layer_{number}"], f"layer_{number}"
            found[f"{name}_bias"] = top(layer["bias"], width)
            for part, uses in (("neighbors", USES_NEIGHBORS), ("self", USES_SELF)):
                if uses[aggregation]:
                    found[f"{name}_{part}"] = {"kernel": top(layer[part], before, width)}
            if aggregation == "attention":
                found[f"{name}_attention"] = np.asarray(layer["attention"])[:, :width]
            before = width
        return {"params": found}
