"""Convolutional cells in the manner of NAS-Bench-201, as masks of one network."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.live.family import (
    EPSILON,
    linear,
    masked_dense,
    masked_kernel,
    masked_normalize,
    own_dense,
    size_of,
    top,
    unit_mask,
)
from nmjax.spaces import Choice, Space, get_space
from nmjax.types import Array, PyTree

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
NUM_NODES = 4
TAPS = 9
_CENTER = 4
_NONE, _SKIP, _CONV_1X1, _CONV_3X3, _POOL = range(5)


class CellNetwork(nn.Module):
    """A stem, cells and a linear head, as `CellFamily.build` returns it.

    Attributes:
      operations: Option index of the operation on each of the six edges, as in NAS-Bench-201.
      channels: Number of channels.
      cells: Number of cells, one after the other.
      side: Height and width of the images.
      classes: Number of logits.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import CellNetwork
      >>> module = CellNetwork((1, 4, 0, 1, 0, 4), channels=4, cells=1, side=8, classes=3)
      >>> module.init_with_output(jax.random.key(0), jnp.zeros((5, 64)))[0].shape
      (5, 3)
    """

    operations: tuple[int, ...]
    channels: int
    cells: int
    side: int
    classes: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Logits float[B, classes] of images float[B, side * side]."""
        images = x.reshape(len(x), self.side, self.side, 1)
        images = self._normalized_conv(images, 3, "stem")
        for cell in range(self.cells):
            nodes = [images]
            for node in range(1, NUM_NODES):
                incoming = [edge for edge, (_, head) in enumerate(EDGES) if head == node]
                inputs = [self._edge(cell, edge, nodes[EDGES[edge][0]]) for edge in incoming]
                nodes.append(jnp.sum(jnp.stack(inputs), axis=0))
            images = nodes[-1]
        return nn.Dense(self.classes, name="head")(jnp.mean(nn.relu(images), axis=(1, 2)))

    def _edge(self, cell: int, edge: int, x: Array) -> Array:
        operation = self.operations[edge]
        if operation == _SKIP:
            return x
        if operation == _POOL:
            return average_pool(x)
        if operation == _NONE:
            return jnp.zeros_like(x)
        size = 1 if operation == _CONV_1X1 else 3
        return self._normalized_conv(nn.relu(x), size, f"cell_{cell}_edge_{edge}")

    def _normalized_conv(self, x: Array, size: int, name: str) -> Array:
        conv = nn.Conv(self.channels, (size, size), use_bias=False, name=name)
        norm = nn.GroupNorm(1, epsilon=EPSILON, use_bias=False, use_scale=False)
        normalized: Array = norm(conv(x))
        return normalized


@dataclass(frozen=True)
class CellFamily:
    """Networks of NAS-Bench-201's cells on small gray images: a `Family`.

    A cell has four nodes; each of the six edges has one of NAS-Bench-201's five operations. The
    convolutions are ReLU, convolution and normalization of each image over all of its values,
    where NAS-Bench-201 has batch normalization. The choices are `Op0` to `Op5` and `channels`.

    Attributes:
      classes: Number of classes.
      channels: Options for the number of channels, increasing.
      cells: Number of cells, one after the other.
      side: Height and width of the images.

    Raises:
      NmjaxError: A size is not positive.

    Example:
      >>> from nmjax.live import CellFamily
      >>> family = CellFamily(classes=10)
      >>> family.space.to_config([3, 1, 0, 2, 4, 1, 0])["Op0"]
      'nor_conv_3x3'
      >>> family.build([3, 1, 0, 2, 4, 1, 0]).channels
      4
    """

    classes: int
    channels: tuple[int, ...] = (4, 8)
    cells: int = 1
    side: int = 8

    def __post_init__(self) -> None:
        if min((self.classes, self.cells, self.side, *self.channels, len(self.channels))) < 1:
            raise NmjaxError(
                f"Got classes={self.classes}, channels={self.channels}, cells={self.cells}, "
                f"side={self.side}; give positive sizes."
            )

    @cached_property
    def space(self) -> Space:
        """The architectures of the family."""
        base = get_space("nas-bench-201")
        channels = Choice("channels", self.channels, "ordinal", "log")
        return Space.build(
            "cell", [*base.choices, channels], cell=base.cell, canonical=_canonical_cell
        )

    def _mask(self, architecture: Array) -> Array:
        return unit_mask(size_of(self.space, "channels", architecture), max(self.channels))

    def init(self, key: Array, architecture: Array) -> PyTree:
        """Initial weights of the architecture int32[C], drawn as Flax does at its own size."""
        mask = self._mask(architecture)
        stem_key, edge_key, head_key = jax.random.split(key, 3)
        size, most = jnp.sum(mask), len(mask)
        stem = masked_kernel(stem_key, jnp.ones((TAPS,), jnp.float32), mask, TAPS)

        def edge(key: Array, operation: Array) -> Array:
            taps = _taps(operation)
            inputs = (taps[:, None] * mask[None, :]).reshape(-1)
            fan_in = jnp.maximum(jnp.sum(taps), 1) * size
            return masked_kernel(key, inputs, mask, fan_in).reshape(TAPS, most, most)

        keys = jax.random.split(edge_key, (self.cells, len(EDGES)))
        edges = jax.vmap(jax.vmap(edge), in_axes=(0, None))(keys, architecture[: len(EDGES)])
        outputs = jnp.ones((self.classes,), jnp.float32)
        return {"stem": stem, "edges": edges, "head": masked_dense(head_key, mask, outputs)}

    def apply(self, params: PyTree, architecture: Array, x: Array) -> Array:
        """Logits float[B, classes] of images float[B, side * side]."""
        mask = self._mask(architecture)[: params["stem"].shape[-1]]
        images = x.T.reshape(1, self.side, self.side, len(x))
        stem = _convolve(images, params["stem"][None, :, None, :], mask)
        operations = architecture[: len(EDGES)]

        def cell(images: Array, kernels: Array) -> tuple[Array, None]:
            nodes = [images, *[jnp.zeros_like(images)] * (NUM_NODES - 1)]
            for tail in range(NUM_NODES - 1):
                out = [edge for edge, (start, _) in enumerate(EDGES) if start == tail]
                taken = np.array(out, np.int32)
                results = _outgoing(nodes[tail], kernels[taken], operations[taken], mask)
                for edge, result in zip(out, results, strict=True):
                    nodes[EDGES[edge][1]] += result
            return nodes[-1], None

        images, _ = jax.lax.scan(cell, stem[0], params["edges"])
        features = jnp.mean(jax.nn.relu(images), axis=(1, 2))
        return linear(params["head"], features.T)

    def enclosing(self, architecture: Any) -> "CellFamily":
        """The family with the smallest arrays that hold the child's weights."""
        return replace(self, channels=(self.space.to_config(architecture)["channels"],))

    def _weights(self, architecture: Array) -> tuple[Array, Array]:
        """Numbers float[] of weights of the convolutions, and of the head without its biases."""
        size = jnp.sum(self._mask(architecture))
        taps = jnp.sum(jax.vmap(_taps)(architecture[: len(EDGES)]))
        return TAPS * size + self.cells * taps * size**2, size * self.classes

    def num_parameters(self, architecture: Array) -> Array:
        """Number float[] of weights at the child's own size."""
        convolutions, head = self._weights(architecture)
        return convolutions + head + self.classes

    def num_multiplications(self, architecture: Array) -> Array:
        """Number float[] of multiplications of weights and activations for one image.

        Multiplications with padding are counted.
        """
        convolutions, head = self._weights(architecture)
        return convolutions * self.side**2 + head

    def build(self, architecture: Any) -> CellNetwork:
        """The network at its own size as a plain Flax module, without masks."""
        channels = self.space.to_config(architecture)["channels"]
        operations = tuple(int(option) for option in np.asarray(architecture)[: len(EDGES)])
        return CellNetwork(operations, channels, self.cells, self.side, self.classes)

    def extract(self, params: PyTree, architecture: Any) -> PyTree:
        """The variables of `build(architecture)` from the masked weights of a child."""
        size = self.space.to_config(architecture)["channels"]
        stem = top(params["stem"], TAPS, size).reshape(3, 3, 1, size)
        found = {
            "stem": {"kernel": stem},
            "head": own_dense(params["head"], size, self.classes),
        }
        for cell, kernels in enumerate(params["edges"]):
            for edge, operation in enumerate(np.asarray(architecture)[: len(EDGES)]):
                kernel = top(kernels[edge], TAPS, size, size).reshape(3, 3, size, size)
                if operation == _CONV_1X1:
                    kernel = kernel[1:2, 1:2]
                if operation in (_CONV_1X1, _CONV_3X3):
                    found[f"cell_{cell}_edge_{edge}"] = {"kernel": kernel}
        return {"params": found}


def _canonical_cell(architecture: Array) -> Array:
    base = get_space("nas-bench-201").canonical
    assert base is not None
    cell = base(architecture[..., : len(EDGES)])
    return jnp.concatenate([cell, architecture[..., len(EDGES) :]], axis=-1)


def _taps(operation: Array) -> Array:
    """float32[9]: 1 where the operation's kernel has a weight."""
    center = jnp.zeros((TAPS,), jnp.float32).at[_CENTER].set(1)
    single = jnp.where(operation == _CONV_1X1, center, 0)
    return jnp.where(operation == _CONV_3X3, jnp.ones_like(center), single)


def neighborhoods(images: Array, axis: int = 3) -> Array:
    """The 3 x 3 neighborhood of each pixel of float[., H, W, .], zero outside, along a new axis."""
    shifted = [both for rows in _shifts(images, 1) for both in _shifts(rows, 2)]
    return jnp.stack(shifted, axis=axis)


def _shifts(images: Array, axis: int) -> list[Array]:
    """Images moved by -1, 0 and 1 along an axis, with zeros from outside."""
    widths = [(1, 1) if other == axis else (0, 0) for other in range(images.ndim)]
    padded, size = jnp.pad(images, widths), images.shape[axis]
    return [jax.lax.slice_in_dim(padded, i, i + size, axis=axis) for i in range(3)]


def normalize_images(images: Array, mask: Array) -> Array:
    """Normalize images float[H, W, C] over the values in the mask's channels; zero elsewhere."""
    return masked_normalize(
        images, mask.reshape((1,) * (images.ndim - 1) + mask.shape), (-3, -2, -1)
    )


def average_pool(images: Array) -> Array:
    """Means over the 3 x 3 neighborhoods of float[., H, W, .], without the padding."""

    def total(x: Array) -> Array:
        rows: Array = sum(_shifts(x, 1), jnp.zeros_like(x))
        return sum(_shifts(rows, 2), jnp.zeros_like(x))

    return total(images) / total(jnp.ones((1, *images.shape[1:3], 1), images.dtype))


def _convolve(images: Array, kernels: Array, mask: Array) -> Array:
    """Convolve images float[C, H, W, B] by each of float[E, 9, C, D]: float[E, D, H, W, B].

    The results are normalized for each image. Rows come last, so that a convolution is one product
    of matrices with a long axis, and neighborhoods are copies of long stretches.
    """
    edges, taps, channels, outputs = kernels.shape
    rows = kernels.transpose(0, 3, 1, 2).reshape(edges * outputs, taps * channels)
    convolved = rows @ neighborhoods(images, axis=0).reshape(taps * channels, -1)
    shaped = convolved.reshape(edges, outputs, *images.shape[1:])
    return masked_normalize(shaped, mask[None, :, None, None, None], (1, 2, 3))


def _outgoing(x: Array, kernels: Array, operations: Array, mask: Array) -> Array:
    """The operations int32[E] of the edges from images float[C, H, W, B]: float[E, C, H, W, B]."""
    own = kernels * jax.vmap(_taps)(operations)[:, :, None, None]
    convolved = _convolve(jax.nn.relu(x), own, mask)
    pooled = average_pool(x)

    def select(operation: Array, convolution: Array) -> Array:
        choices = (jnp.zeros_like(x), x, convolution, convolution, pooled)
        return jax.lax.select_n(operation, *choices)

    return jax.vmap(select)(operations, convolved)
