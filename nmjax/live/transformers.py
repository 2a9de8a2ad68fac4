"""Small transformers with different heads, depths, widths and feed-forward sizes, as masks."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.live.family import (
    linear,
    masked_dense,
    masked_normalize,
    own_dense,
    size_of,
    top,
    unit_mask,
)
from nmjax.spaces import Choice, Space
from nmjax.types import Array, PyTree

_PROJECTIONS = ("query", "key", "value", "out")


class TransformerNetwork(nn.Module):
    """A transformer encoder with a linear head, as `TransformerFamily.build` returns it.

    Attributes:
      tokens: Number of tokens that an input is cut into.
      depth: Number of blocks.
      width: Number of channels.
      heads: Number of attention heads, which divides the width.
      feed_forward: Hidden units of each block's feed-forward network.
      classes: Number of logits.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import TransformerNetwork
      >>> module = TransformerNetwork(8, depth=1, width=4, heads=2, feed_forward=8, classes=3)
      >>> variables = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((5, 64)))
      >>> jax.eval_shape(module.apply, variables, jnp.zeros((5, 64))).shape
      (5, 3)
    """

    tokens: int
    depth: int
    width: int
    heads: int
    feed_forward: int
    classes: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Logits float[B, classes] of inputs float[B, D]."""
        x = nn.Dense(self.width, name="embed")(x.reshape(len(x), self.tokens, -1))
        shape = (self.tokens, self.width)
        x = x + self.param("position", nn.initializers.normal(0.02), shape)[None]
        for block in range(self.depth):
            normed = nn.LayerNorm(name=f"block_{block}_norm_1")(x)
            attend = nn.MultiHeadDotProductAttention(self.heads, name=f"block_{block}_attention")
            x = x + attend(normed)
            normed = nn.LayerNorm(name=f"block_{block}_norm_2")(x)
            hidden = nn.gelu(nn.Dense(self.feed_forward, name=f"block_{block}_in")(normed))
            x = x + nn.Dense(self.width, name=f"block_{block}_out")(hidden)
        x = jnp.mean(nn.LayerNorm(name="norm")(x), axis=1)
        return nn.Dense(self.classes, name="head")(x)


@dataclass(frozen=True)
class TransformerFamily:
    """Transformer encoders for classification: a `Family`.

    An input is cut into tokens of equal length, such as the rows of an image. Blocks normalize
    first, and the head reads the mean over tokens. The choices are `depth`, `width`, `heads` and
    `feed_forward`.

    Attributes:
      inputs: Number D of input features, a multiple of the tokens.
      classes: Number of classes.
      tokens: Number of tokens.
      depths: Options for the number of blocks, increasing.
      widths: Options for the number of channels, increasing.
      heads: Options for the number of attention heads, increasing; each divides each width.
      feed_forwards: Options for the hidden units of the feed-forward networks, increasing.

    Raises:
      NmjaxError: A size is not positive, or does not divide another as it must.

    Example:
      >>> from nmjax.live import TransformerFamily
      >>> family = TransformerFamily(64, 10)
      >>> family.space.to_config([1, 0, 2, 1])
      {'depth': 2, 'width': 8, 'heads': 4, 'feed_forward': 32}
      >>> int(family.num_parameters([1, 0, 2, 1]))
      1986
    """

    inputs: int
    classes: int
    tokens: int = 8
    depths: tuple[int, ...] = (1, 2)
    widths: tuple[int, ...] = (8, 16)
    heads: tuple[int, ...] = (1, 2, 4)
    feed_forwards: tuple[int, ...] = (16, 32)

    def __post_init__(self) -> None:
        options = (self.depths, self.widths, self.heads, self.feed_forwards)
        sizes = (self.inputs, self.classes, self.tokens, *map(len, options), *sum(options, ()))
        if min(sizes) < 1:
            raise NmjaxError(f"Got {self}; give positive sizes and one option of each at least.")
        if self.inputs % self.tokens:
            raise NmjaxError(
                f"Got {self.inputs} inputs for {self.tokens} tokens; give a divisor of the inputs."
            )
        if any(width % heads for width in self.widths for heads in self.heads):
            raise NmjaxError(
                f"Got widths={self.widths}, heads={self.heads}; give heads that divide each width."
            )

    @cached_property
    def space(self) -> Space:
        """The architectures of the family."""
        named = {
            "depth": self.depths,
            "width": self.widths,
            "heads": self.heads,
            "feed_forward": self.feed_forwards,
        }
        return Space.build(
            "transformer", [Choice(name, own, "ordinal", "log") for name, own in named.items()]
        )

    def _sizes(self, architecture: Array) -> tuple[Array, Array, Array, Array]:
        """depth, width, heads and feed-forward units, int32[] each."""
        rows = jnp.asarray(architecture, jnp.int32)
        depth, width, heads, hidden = (size_of(self.space, n, rows) for n in self.space.names)
        return depth, width, heads, hidden

    def init(self, key: Array, architecture: Array) -> PyTree:
        """Initial weights of the architecture int32[C], drawn as Flax does at its own size."""
        depth, width, _, hidden = self._sizes(architecture)
        mask = unit_mask(width, max(self.widths))
        embed_key, position_key, head_key, block_key = jax.random.split(key, 4)
        each = self.inputs // self.tokens
        draw = jax.random.normal(position_key, (self.tokens, len(mask)), jnp.float32)
        params = {
            "embed": masked_dense(embed_key, jnp.ones((each,), jnp.float32), mask),
            "position": 0.02 * draw * mask[None, :],
            "norm": _norm(mask),
            "head": masked_dense(head_key, mask, jnp.ones((self.classes,), jnp.float32)),
        }
        for block, own_key in enumerate(jax.random.split(block_key, max(self.depths))):
            own = jnp.where(block < depth, mask, 0)
            units = jnp.where(block < depth, unit_mask(hidden, max(self.feed_forwards)), 0)
            keys = jax.random.split(own_key, len(_PROJECTIONS) + 2)
            params[f"block_{block}"] = {
                "norm_1": _norm(own),
                **{
                    n: masked_dense(k, own, own)
                    for n, k in zip(_PROJECTIONS, keys[:-2], strict=True)
                },
                "norm_2": _norm(own),
                "feed_in": masked_dense(keys[-2], own, units),
                "feed_out": masked_dense(keys[-1], units, own),
            }
        return params

    def apply(self, params: PyTree, architecture: Array, x: Array) -> Array:
        """Logits float[B, classes] of inputs float[B, D]."""
        depth, width, heads, hidden = self._sizes(architecture)
        blocks = [params[name] for name in sorted(params) if name.startswith("block")]
        mask = unit_mask(width, len(params["head"]["kernel"]))
        units = unit_mask(hidden, len(blocks[0]["feed_out"]["kernel"]))
        tokens = x.reshape(len(x), self.tokens, -1)
        x = linear(params["embed"], tokens) + params["position"][None]
        for block, own in enumerate(blocks):
            after = x + self._attend(own, _layer_norm(own["norm_1"], x, mask), width, heads)
            normed = _layer_norm(own["norm_2"], after, mask)
            fed = jax.nn.gelu(linear(own["feed_in"], normed)) * units[None, None, :]
            x = jnp.where(block < depth, after + linear(own["feed_out"], fed), x)
        return linear(params["head"], jnp.mean(_layer_norm(params["norm"], x, mask), axis=1))

    def _attend(self, params: PyTree, x: Array, width: Array, heads: Array) -> Array:
        """Self-attention of float[B, T, W], of which each head sees its own channels."""
        each = width // heads
        head_of = jnp.arange(x.shape[-1], dtype=jnp.int32) // each
        numbers = jnp.arange(max(self.heads), dtype=jnp.int32)
        belongs = (head_of[None, :] == numbers[:, None]).astype(x.dtype)
        query, key, value = (linear(params[name], x) for name in _PROJECTIONS[:-1])
        own_query = query[:, None] * belongs[None, :, None, :]
        logits = jnp.einsum("bhtd,bsd->bhts", own_query, key)
        weights = jax.nn.softmax(logits * jax.lax.rsqrt(each.astype(x.dtype)), axis=-1)
        own_value = value[:, None] * belongs[None, :, None, :]
        return linear(params["out"], jnp.einsum("bhts,bhsd->btd", weights, own_value))

    def enclosing(self, architecture: Any) -> "TransformerFamily":
        """The family with the smallest arrays that hold the child's weights."""
        config = self.space.to_config(architecture)
        return replace(
            self,
            depths=(config["depth"],),
            widths=(config["width"],),
            feed_forwards=(config["feed_forward"],),
        )

    def num_parameters(self, architecture: Array) -> Array:
        """Number float[] of weights at the child's own size."""
        depth, width, _, hidden = (s.astype(jnp.float32) for s in self._sizes(architecture))
        attention = 4 * (width**2 + width)
        block = attention + 2 * width * hidden + hidden + width + 4 * width
        embed = (self.inputs // self.tokens + 1 + self.tokens) * width
        return embed + depth * block + 2 * width + (width + 1) * self.classes

    def num_multiplications(self, architecture: Array) -> Array:
        """Number float[] of multiplications of weights and activations for one input."""
        depth, width, _, hidden = (s.astype(jnp.float32) for s in self._sizes(architecture))
        token = 4 * width**2 + 2 * self.tokens * width + 2 * width * hidden
        return self.inputs * width + depth * self.tokens * token + width * self.classes

    def build(self, architecture: Any) -> TransformerNetwork:
        """The network at its own size as a plain Flax module, without masks."""
        config = self.space.to_config(architecture)
        return TransformerNetwork(tokens=self.tokens, classes=self.classes, **config)

    def extract(self, params: PyTree, architecture: Any) -> PyTree:
        """The variables of `build(architecture)` from the masked weights of a child."""
        config = self.space.to_config(architecture)
        width, heads, hidden = config["width"], config["heads"], config["feed_forward"]
        split = (heads, width // heads)
        found = {
            "embed": own_dense(params["embed"], self.inputs, width),
            "position": top(params["position"], self.tokens, width),
            "norm": _own_norm(params["norm"], width),
            "head": own_dense(params["head"], width, self.classes),
        }
        for block in range(config["depth"]):
            own = params[f"block_{block}"]
            dense = {name: own_dense(own[name], width, width) for name in _PROJECTIONS}
            attention = {
                name: {
                    "kernel": dense[name]["kernel"].reshape(width, *split),
                    "bias": dense[name]["bias"].reshape(split),
                }
                for name in _PROJECTIONS[:-1]
            }
            out = dense["out"]
            attention["out"] = {
                "kernel": out["kernel"].reshape(*split, width),
                "bias": out["bias"],
            }
            found |= {
                f"block_{block}_norm_1": _own_norm(own["norm_1"], width),
                f"block_{block}_attention": attention,
                f"block_{block}_norm_2": _own_norm(own["norm_2"], width),
                f"block_{block}_in": own_dense(own["feed_in"], width, hidden),
                f"block_{block}_out": own_dense(own["feed_out"], hidden, width),
            }
        return {"params": found}


def _norm(mask: Array) -> PyTree:
    return {"scale": mask, "bias": jnp.zeros_like(mask)}


def _layer_norm(norm: PyTree, x: Array, mask: Array) -> Array:
    """Normalize float[B, T, W] over the channels of the mask; zero in the others."""
    normed = masked_normalize(x, mask[None, None], (-1,))
    scaled: Array = normed * norm["scale"][None, None, :] + norm["bias"][None, None, :]
    return scaled


def _own_norm(norm: PyTree, width: int) -> dict[str, np.ndarray]:
    return {"scale": top(norm["scale"], width), "bias": top(norm["bias"], width)}
