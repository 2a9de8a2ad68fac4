"""Children trained a second: together in one call, one by one, and one by one at their own size.

    python -m benchmarks.live.throughput [--families mlp transformer]

Writes benchmarks/results/live/throughput.json.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.live.equivalence import families
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import live
from nmjax.spaces import sample

ALONE = 2
SIZES = {"mlp": (128,), "transformer": (32,)}
CONFIG = live.TrainingConfig(epochs=5, batch_size=32, chunk=256)


@dataclass(frozen=True)
class OwnSize:
    """One network without masks, trained by the same loop."""

    module: Any
    features: int

    def init(self, key: jax.Array, architecture: jax.Array) -> Any:
        """Variables of the network."""
        del architecture
        return self.module.init(key, jnp.zeros((1, self.features)))

    def apply(self, params: Any, architecture: jax.Array, x: jax.Array) -> jax.Array:
        """Logits of inputs float[B, D]."""
        del architecture
        return self.module.apply(params, x)


def compiled_child(family: Any, example: jax.Array, data: live.Dataset, order: jax.Array):
    """A program that trains one child, and the seconds to trace and compile it."""
    train = jax.jit(partial(live.train_child, config=CONFIG), static_argnames="family")
    begun = time.perf_counter()
    arguments = (jax.random.key(0), family, example, data, order)
    compiled = train.lower(*arguments).compile()
    seconds = time.perf_counter() - begun

    def run(architecture: jax.Array) -> jax.Array:
        return compiled(jax.random.key(0), architecture, data, order).score

    return run, seconds


def compiled_children(family: live.Family, children: jax.Array, data: live.Dataset):
    """A call that trains all children, and the seconds to trace and compile it."""

    def run() -> jax.Array:
        return live.train_children(jax.random.key(0), family, children, data, config=CONFIG).score

    begun = time.perf_counter()
    jax.block_until_ready(run())
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    jax.block_until_ready(run())
    return run, first - (time.perf_counter() - begun)


def timed(run: Callable[[], Any]) -> float:
    """Wall seconds of a call."""
    begun = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - begun


def rows_of(
    name: str, family: live.Family, task: live.LiveTask, repeats: int
) -> list[dict[str, Any]]:
    """Rates of a family, whose three ways are timed by turns."""
    data = task.data
    order = live.batch_order(jax.random.key(1), len(data.train.y), CONFIG)
    children = sample(jax.random.key(2), family.space, (max(SIZES[name]),))
    single, single_compile = compiled_child(family, children[0], data, order)
    own = [
        compiled_child(OwnSize(family.build(child), task.inputs), child, data, order)
        for child in children[:ALONE]
    ]
    alone_compile = sum(seconds for _, seconds in own)
    rows = []
    for size in SIZES[name]:
        together, together_compile = compiled_children(family, children[:size], data)
        seconds: dict[str, list[float]] = {"together": [], "single": [], "own": []}
        for _ in range(repeats):
            seconds["together"].append(timed(together) / size)
            seconds["single"].append(timed(lambda: [single(c) for c in children[:ALONE]]) / ALONE)
            programs = zip(own, children[:ALONE], strict=True)
            seconds["own"].append(timed(lambda p=programs: [f(c) for (f, _), c in p]) / ALONE)
        rates = {way: 1 / median(values) for way, values in seconds.items()}
        rows.append(
            {
                "family": name,
                "children": size,
                "together_a_second": rates["together"],
                "one_by_one_a_second": rates["single"],
                "own_size_a_second": rates["own"],
                "ratio_to_one_by_one": rates["together"] / rates["single"],
                "ratio_to_own_size": rates["together"] / rates["own"],
                "compile_together_seconds": together_compile,
                "compile_one_seconds": single_compile,
                "compile_each_own_size_seconds": alone_compile / ALONE,
            }
        )
    return rows


def measure(asked: argparse.Namespace) -> Findings:
    """Measure families on the digits."""
    task = live.load_task("digits")
    rows = [
        row
        for name in asked.families
        for row in rows_of(name, families(task)[name], task, asked.repeats)
    ]
    return Findings(
        split="digits, 512 training rows",
        seeds=(0,),
        config={"epochs": CONFIG.epochs, "batch_size": CONFIG.batch_size, "alone": ALONE},
        rows=rows,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--families", nargs="+", choices=SIZES, default=list(SIZES))
    run_benchmark("live/throughput", measure, parser)


if __name__ == "__main__":
    main()
