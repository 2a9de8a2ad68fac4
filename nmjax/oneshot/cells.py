"""The supernet of NAS-Bench-201's cells, optionally with partial channels."""

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError, unknown_name
from nmjax.live import CellFamily
from nmjax.live.cells import (
    EDGES,
    NUM_NODES,
    TAPS,
    average_pool,
    neighborhoods,
    normalize_images,
)
from nmjax.live.family import linear
from nmjax.relax import mix_outputs, partial_channels
from nmjax.spaces import Choice, Space, get_space
from nmjax.types import Array, PyTree

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""NAS-Bench-201's operations, in its order."""

EDGE_TARGETS = tuple(head for _, head in EDGES)
_CONV_1X1, _CONV_3X3 = 2, 3
_CENTER = TAPS // 2


@dataclass(frozen=True)
class CellSupernet:
    """All cells of `live.CellFamily` at a fixed number of channels, as one network: a `Supernet`.

    Each of the six edges sums NAS-Bench-201's operations by their weights. The two
    convolutions of an edge have kernels of their own. For a one-hot input the network is the
    family's, with the weights that `inherit` returns.

    Attributes:
      classes: Number of classes.
      channels: Number of channels.
      cells: Number of cells, one after the other; they share their choices, not their weights.
      side: Height and width of the images.
      operations: Options of each edge, in NAS-Bench-201's order. Without "none" and poolings, the
        space is one on which DARTS is known to collapse to skip connections (Zela et al., 2020).
      parts: With more than 1, edges compute on the first 1 / parts of the channels and pass the
        rest, times the sum of the edge's weights (`relax.partial_channels`, from PC-DARTS).

    Raises:
      NmjaxError: A size is not positive, `parts` does not divide the channels, or the operations
        are unknown or in another order.

    Example:
      >>> import jax
      >>> from nmjax.oneshot import CellSupernet
      >>> supernet = CellSupernet(classes=3, channels=4)
      >>> jax.eval_shape(supernet.init, jax.random.key(0))["conv_3x3"].shape
      (1, 6, 9, 4, 4)
    """

    classes: int
    channels: int = 4
    cells: int = 1
    side: int = 8
    parts: int = 1
    operations: tuple[str, ...] = OPERATIONS

    def __post_init__(self) -> None:
        if self.channels < 1 or self.parts < 1 or self.channels % self.parts:
            raise NmjaxError(
                f"Got channels={self.channels} and parts={self.parts}; give positive numbers, and "
                "parts that divide the channels."
            )
        for name in self.operations:
            if name not in OPERATIONS:
                raise unknown_name("operation", name, OPERATIONS)
        if self.operations != tuple(name for name in OPERATIONS if name in self.operations):
            raise NmjaxError(f"Got operations={self.operations}; keep the order of {OPERATIONS}.")
        if not self.operations:
            raise NmjaxError(f"Got no operations; give one or more of {OPERATIONS}.")
        self.family  # noqa: B018  (validates the other sizes)

    @cached_property
    def space(self) -> Space:
        """The space "nas-bench-201", or that with fewer options for each edge."""
        whole = get_space("nas-bench-201")
        if self.operations == OPERATIONS:
            return whole
        return Space.build("cell", [Choice(name, self.operations) for name in whole.names])

    @property
    def _columns(self) -> tuple[int, ...]:
        """NAS-Bench-201's index of each operation."""
        return tuple(OPERATIONS.index(name) for name in self.operations)

    def _in_order(self, architecture: ArrayLike) -> Array:
        """Architectures int32[..., 6] by NAS-Bench-201's operations."""
        return jnp.array(self._columns, jnp.int32)[jnp.asarray(architecture, jnp.int32)]

    @cached_property
    def family(self) -> CellFamily:
        """The networks that stand alone, of the same number of channels; see `child`."""
        return CellFamily(self.classes, (self.channels,), self.cells, self.side)

    def child(self, architecture: ArrayLike) -> Array:
        """The family's architectures int32[..., 7] of architectures int32[..., 6]."""
        rows = self._in_order(architecture)
        return jnp.concatenate([rows, jnp.zeros((*rows.shape[:-1], 1), jnp.int32)], axis=-1)

    def init(self, key: Array) -> PyTree:
        """Draw each kernel as the family draws that of a child."""
        outer_key, small_key, large_key = jax.random.split(key, 3)
        inner = CellFamily(self.classes, (self.channels // self.parts,), self.cells, self.side)

        def kernels(key: Array, operation: int) -> Array:
            every = np.full((len(EDGES) + 1,), operation, np.int32)
            every[-1] = 0
            edges: Array = inner.init(key, jnp.asarray(every))["edges"]
            return edges

        outer = self.family.init(outer_key, jnp.zeros((len(EDGES) + 1,), jnp.int32))
        return {
            "stem": outer["stem"],
            "conv_1x1": kernels(small_key, _CONV_1X1)[:, :, _CENTER],
            "conv_3x3": kernels(large_key, _CONV_3X3),
            "head": outer["head"],
        }

    def apply(self, weights: PyTree, choices: Array, x: Array) -> Array:
        """Logits float[B, classes] of images float[B, side * side], for weights float[6, O]."""
        places = (..., np.array(self._columns, np.int32))
        choices = jnp.zeros((len(EDGES), len(OPERATIONS)), choices.dtype).at[places].set(choices)
        images = x.reshape(len(x), self.side, self.side, 1)
        stem = jnp.einsum("bhwtc,td->bhwd", neighborhoods(images), weights["stem"])

        def cell(images: Array, kernels: tuple[Array, Array]) -> tuple[Array, None]:
            small, large = kernels
            nodes = [images, *[jnp.zeros_like(images)] * (NUM_NODES - 1)]
            for tail in range(NUM_NODES - 1):
                out = [edge for edge, (start, _) in enumerate(EDGES) if start == tail]
                taken = np.array(out, np.int32)
                mixed = jax.vmap(self._edge, in_axes=(None, 0, 0, 0))
                results = mixed(nodes[tail], choices[taken], small[taken], large[taken])
                for edge, result in zip(out, results, strict=True):
                    nodes[EDGES[edge][1]] += result
            return nodes[-1], None

        kernels = (weights["conv_1x1"], weights["conv_3x3"])
        images, _ = jax.lax.scan(cell, normalize_images(stem, _all(self.channels)), kernels)
        return linear(weights["head"], jnp.mean(jax.nn.relu(images), axis=(1, 2)))

    def _edge(self, x: Array, choice: Array, small: Array, large: Array) -> Array:
        """The weighted sum of the operations on an edge: float[B, H, W, channels]."""
        if self.parts == 1:
            return mix_outputs(_operations(x, small, large), choice[1:])
        total = jnp.sum(choice)
        shares = choice / jnp.where(total > 0, total, 1.0)
        return total * partial_channels(
            lambda part: mix_outputs(_operations(part, small, large), shares[1:]),
            x,
            parts=self.parts,
        )

    def inherit(self, weights: PyTree, architecture: Array) -> PyTree:
        """The weights of `family` at `child(architecture)`, for an architecture int32[6].

        Raises:
          NmjaxError: The supernet has partial channels, whose networks are none of the family.
        """
        if self.parts > 1:
            raise NmjaxError(
                f"Got a supernet with parts={self.parts}, whose kernels do not fit a network with "
                "all channels; use parts=1, or train the child anew."
            )
        operations = self._in_order(architecture)[None, :, None, None, None]
        large = weights["conv_3x3"]
        small = jnp.zeros_like(large).at[:, :, _CENTER].set(weights["conv_1x1"])
        edges = jnp.where(operations == _CONV_3X3, large, jnp.zeros_like(large))
        edges = jnp.where(operations == _CONV_1X1, small, edges)
        return {"stem": weights["stem"], "edges": edges, "head": weights["head"]}


def _all(channels: int) -> Array:
    return jnp.ones((channels,), jnp.float32)


def _operations(x: Array, small: Array, large: Array) -> Array:
    """Outputs float[4, B, H, W, C] of NAS-Bench-201's operations, in its order.

    Without those of the first operation, "none", which are 0.
    """
    active, mask = jax.nn.relu(x), _all(x.shape[-1])
    conv_1x1 = jnp.einsum("bhwc,cd->bhwd", active, small)
    conv_3x3 = jnp.einsum("bhwtc,tcd->bhwd", neighborhoods(active), large)
    convolved = [normalize_images(output, mask) for output in (conv_1x1, conv_3x3)]
    return jnp.stack([x, *convolved, average_pool(x)])
