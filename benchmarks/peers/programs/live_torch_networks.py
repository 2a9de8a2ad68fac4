"""The networks of `nmjax.live` as PyTorch modules of their own size."""

from itertools import pairwise
from typing import Any

_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


def make_network(family: str, child: dict[str, Any], *, batched: bool) -> Any:
    """A network for 8 x 8 images and ten classes, with PyTorch's own initial weights.

    Args:
      family: "mlp", "cell" or "transformer".
      child: Options of the architecture, by choice.
      batched: Whether `torch.func.vmap` calls it, which lacks a rule for PyTorch's attention.
    """
    if family == "transformer":
        return _transformer(**child, attend=_attend_by_products if batched else None)
    return (_cell if family == "cell" else _perceptron)(**child)


def _perceptron(depth: int, width: int, activation: str, residual: bool = False) -> Any:
    import torch
    from torch import nn

    function = {"relu": torch.relu, "tanh": torch.tanh, "silu": nn.functional.silu}[activation]

    class Perceptron(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [64, *[width] * depth]
            self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
            self.head = nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            for number, layer in enumerate(self.hidden):
                hidden = function(layer(x))
                x = hidden + x if residual and number else hidden
            return self.head(x)

    return Perceptron()


def _attend_by_products(query: Any, key: Any, value: Any) -> Any:
    logits = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    return logits.softmax(-1) @ value


def _transformer(depth: int, width: int, heads: int, feed_forward: int, attend: Any) -> Any:
    import torch
    from torch import nn

    attend = attend or nn.functional.scaled_dot_product_attention

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.feed_in = nn.Linear(width, feed_forward)
            self.feed_out = nn.Linear(feed_forward, width)

        def forward(self, x: Any) -> Any:
            split = self.project(self.norm_1(x)).unflatten(-1, (3, heads, width // heads))
            query, key, value = split.movedim(-3, 0).transpose(-2, -3)
            seen = attend(query, key, value)
            x = x + self.out(seen.transpose(-2, -3).flatten(-2))
            hidden = nn.functional.gelu(self.feed_in(self.norm_2(x)), approximate="tanh")
            return x + self.feed_out(hidden)

    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(8, width)
            self.position = nn.Parameter(0.02 * torch.randn(8, width))
            self.blocks = nn.Sequential(*[Block() for _ in range(depth)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            tokens = self.embed(x.unflatten(-1, (8, 8))) + self.position
            return self.head(self.norm(self.blocks(tokens)).mean(-2))

    return Transformer()


def _cell(channels: int, **operations: str) -> Any:
    from torch import nn

    def convolution(inputs: int, size: int) -> Any:
        return nn.Sequential(
            nn.Conv2d(inputs, channels, size, padding=size // 2, bias=False),
            nn.GroupNorm(1, channels, affine=False),
        )

    def edge(name: str) -> Any:
        if name == "skip_connect":
            return nn.Identity()
        if name == "avg_pool_3x3":
            return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        return nn.Sequential(nn.ReLU(), convolution(channels, int(name[-1])))

    class Cell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = convolution(1, 3), nn.Linear(channels, 10)
            named = enumerate(operations[f"Op{number}"] for number in range(len(_EDGES)))
            self.edges = nn.ModuleDict({str(n): edge(name) for n, name in named if name != "none"})

        def forward(self, x: Any) -> Any:
            nodes = [self.stem(x.unflatten(-1, (1, 8, 8)))]
            for node in range(1, 4):
                incoming = [
                    self.edges[str(number)](nodes[tail])
                    for number, (tail, head) in enumerate(_EDGES)
                    if head == node and str(number) in self.edges
                ]
                nodes.append(sum(incoming, 0.0 * nodes[0]))
            return self.head(nn.functional.relu(nodes[-1]).mean((-2, -1)))

    return Cell()
