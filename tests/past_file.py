"""A small past of three tasks, as the README's example reads it."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_past(path: Path) -> Callable[..., float | None]:
    """Write a CSV file of past evaluations, some of them failed; return the new task's training.

    Larger depths and convolutions are better, on the past tasks and on the new one.
    """

    def accuracy(slope: float, block: str, width: int, depth: int, rate: float) -> float | None:
        if (block, width) == ("mlp", 256):
            return None
        return 0.5 + 0.02 * slope * depth + 0.1 * (block == "conv") - abs(rate - 0.01)

    lines = ["task,block,width,depth,rate,accuracy"]
    rates = itertools.cycle((0.001, 0.01, 0.03, 0.0003, 0.1))
    for task, slope in {"a": 1.0, "b": 1.5, "c": 2.0}.items():
        choices = itertools.product(("conv", "attention", "mlp"), (64, 128, 256), (2, 4, 6, 8))
        for block, width, depth in choices:
            rate = next(rates)
            value = accuracy(slope, block, width, depth, rate)
            lines.append(f"{task},{block},{width},{depth},{rate},{'' if value is None else value}")
    path.write_text("\n".join(lines))

    def train(block: str, width: int, depth: int, rate: float = 0.01, **_: Any) -> float | None:
        return accuracy(1.2, block, width, depth, rate)

    return train
