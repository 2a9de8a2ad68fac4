"""How a node of a graph network aggregates its neighbors."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nmjax.live.graphs.nodes import Graph
from nmjax.types import Array

_SLOPE = 0.2
_Weights = tuple[Array, Array]
"""The weights float[n] of the nodes themselves, and float[E] of the edges."""

USES_NEIGHBORS = {"gcn": 1, "mean": 1, "sum": 1, "max": 1, "attention": 1, "none": 0}
"""Whether an aggregation has a kernel for neighbors."""

USES_SELF = {"gcn": 0, "mean": 1, "sum": 1, "max": 1, "attention": 0, "none": 1}
"""Whether an aggregation has another kernel for the node itself."""


def _gcn(graph: Graph, z: Array, attention: Array) -> _Weights:
    """Symmetric normalization with self-loops (Kipf and Welling, 2017)."""
    del z, attention
    scale = jax.lax.rsqrt(graph.degree + 1)
    return jnp.square(scale), scale[graph.senders] * scale[graph.receivers]


def _mean(graph: Graph, z: Array, attention: Array) -> _Weights:
    del z, attention
    return jnp.zeros_like(graph.degree), 1 / graph.degree[graph.receivers]


def _sum(graph: Graph, z: Array, attention: Array) -> _Weights:
    del z, attention
    return jnp.zeros_like(graph.degree), jnp.ones(graph.senders.shape, graph.degree.dtype)


def _zero(graph: Graph, z: Array, attention: Array) -> _Weights:
    del z, attention
    return jnp.zeros_like(graph.degree), jnp.zeros(graph.senders.shape, graph.degree.dtype)


def _attention(graph: Graph, z: Array, attention: Array) -> _Weights:
    """One head over neighbors and the node itself (Velickovic et al., 2018)."""
    sent, received = z @ attention[0], z @ attention[1]
    own = jax.nn.leaky_relu(sent + received, _SLOPE)
    edges = jax.nn.leaky_relu(sent[graph.senders] + received[graph.receivers], _SLOPE)
    most = jnp.maximum(own, _segment(jax.ops.segment_max, graph, edges))
    most = jax.lax.stop_gradient(most)
    own, edges = jnp.exp(own - most), jnp.exp(edges - most[graph.receivers])
    total = own + _segment(jax.ops.segment_sum, graph, edges)
    return own / total, edges / total[graph.receivers]


WEIGHTS: dict[str, Callable[[Graph, Array, Array], _Weights]] = {
    "gcn": _gcn,
    "mean": _mean,
    "sum": _sum,
    "max": _zero,
    "attention": _attention,
    "none": _zero,
}
"""The weights of each aggregation from z float[n, W] and attention float[2, W]."""


def weighted_sum(graph: Graph, z: Array, weights: _Weights) -> Array:
    """float[n, W]: z float[n, W] of each node and its neighbors, times their weights."""
    own, edges = weights
    sent = edges[:, None] * z[graph.senders]
    return own[:, None] * z + _segment(jax.ops.segment_sum, graph, sent)


def largest(graph: Graph, z: Array) -> Array:
    """float[n, W]: the largest of z float[n, W] over the neighbors; 0 without neighbors."""
    found = _segment(jax.ops.segment_max, graph, z[graph.senders])
    return jnp.where(graph.degree[:, None] > 0, found, 0)


def _segment(reduce: Callable[..., Array], graph: Graph, values: Array) -> Array:
    """Reduce values float[E, ...] over the edges that end at a node: float[n, ...]."""
    return reduce(values, graph.receivers, len(graph.degree), indices_are_sorted=True)
