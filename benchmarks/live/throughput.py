"""Children trained a second by nmjax together and one by one, and by PyTorch in several ways.

    python -m benchmarks.live.throughput [--families mlp cell transformer] [--repeats 2]

Each family runs in a process of its own, with two virtual devices of the CPU for the children that
train together, and PyTorch in an environment of its own. The ways of a family are timed by turns.
Leave the machine idle. Writes benchmarks/results/live/throughput.json.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.live.equivalence import families
from benchmarks.peers.answers import ask, read_answer
from benchmarks.peers.harness import CHECKOUT, ENVIRONMENTS, make_environment
from benchmarks.peers.programs.live_torch import peak_memory
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import live
from nmjax.experiments import Target, batch_mesh
from nmjax.spaces import sample

DEVICES = 2
ALONE = 2
TORCH_ALONE = 4
SIZES = {"mlp": (32, 256, 1024), "cell": (4, 16), "transformer": (8, 32)}
GROUPS = {"mlp": 4, "cell": 2, "transformer": 2}
MIDDLE: dict[str, dict[str, Any]] = {
    "mlp": {"depth": 2, "width": 16, "activation": "relu", "residual": True},
    "cell": {
        "Op0": "nor_conv_3x3",
        "Op1": "avg_pool_3x3",
        "Op2": "none",
        "Op3": "skip_connect",
        "Op4": "nor_conv_1x1",
        "Op5": "nor_conv_3x3",
        "channels": 4,
    },
    "transformer": {"depth": 2, "width": 8, "heads": 2, "feed_forward": 32},
}
"""The children of equal size, for the ways that train only such ones side by side."""
CONFIG = live.TrainingConfig(epochs=5, batch_size=32, chunk=256)
CHUNKS = {"mlp": 32, "cell": 2, "transformer": 2}
TARGETS = {"torch loop": 20.0, "torch func, equal size": 3.0}


class Way(NamedTuple):
    """A call that trains so many children, and the seconds of its first run."""

    run: Callable[[], dict[str, float]]
    children: int
    first_seconds: float


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


def timed(train: Callable[[], jax.Array]) -> dict[str, float]:
    """Wall and CPU seconds of a call, and the mean of the scores that it returns."""
    wall, cpu = time.perf_counter(), time.process_time()
    score = float(np.mean(jax.block_until_ready(train())))
    return {
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "score": score,
    }


def jax_way(train: Callable[[], jax.Array], children: int) -> Way:
    """A way whose first call compiles."""
    return Way(partial(timed, train), children, timed(train)["seconds"])


def alone_way(programs: list[tuple[Any, jax.Array]], data: live.Dataset) -> Way:
    """Children one after the other, each by `train_child` with its family."""
    train = jax.jit(partial(live.train_child, config=CONFIG), static_argnames="family")
    order = live.batch_order(jax.random.key(1), len(data.train.y), CONFIG)

    def run() -> jax.Array:
        key = jax.random.key(0)
        return jnp.stack([train(key, f, child, data, order).score for f, child in programs])

    return jax_way(run, len(programs))


def torch_way(
    stack: contextlib.ExitStack, name: str, variant: str, children: list[dict], data: live.Dataset
) -> Way:
    """A program of PyTorch; the faster of one and two threads where children train side by side."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    rows: dict[str, np.ndarray] = {}
    for part, own in data._asdict().items():
        rows |= {f"{part}_x": np.asarray(own.x), f"{part}_y": np.asarray(own.y, np.int64)}
    spec = {"family": name, "children": children, "epochs": CONFIG.epochs}
    spec |= {"batch_size": CONFIG.batch_size, "rate": live.TrainingHyper().learning_rate}
    np.savez(Path(folder) / "rows.npz", allow_pickle=False, **rows)
    (Path(folder) / "spec.json").write_text(json.dumps(spec))
    ways = []
    for threads in (1, 2) if variant == "func" else (1,):
        process = stack.enter_context(
            subprocess.Popen(
                [
                    *(str(torch_interpreter()), "-m", "benchmarks.peers.programs.live_torch"),
                    *(f"--variant={variant}", f"--threads={threads}"),
                    *(f"--rows={folder}/rows.npz", f"--spec={folder}/spec.json"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=CHECKOUT,
                text=True,
            )
        )

        def run(process: subprocess.Popen[str] = process) -> dict[str, float]:
            return ask(process, "")

        read_answer(process)
        ways.append(Way(run, len(children), run()["seconds"]))
    return min(ways, key=lambda way: way.run()["seconds"])


def torch_interpreter() -> Path:
    """Interpreter with PyTorch, created if it does not exist."""
    python = ENVIRONMENTS / "live_torch" / "bin" / "python"
    return python if python.exists() else make_environment("live_torch")


def together(
    family: live.Family, children: jax.Array, data: live.Dataset, config: live.TrainingConfig
) -> Way:
    """All children in one call, over all devices."""
    mesh = batch_mesh()

    def run() -> jax.Array:
        found = live.train_children(
            jax.random.key(0), family, children, data, config=config, mesh=mesh
        )
        return found.score

    return jax_way(run, len(children))


def ways_of(
    name: str, stack: contextlib.ExitStack, task: live.LiveTask, family: live.Family
) -> dict[tuple[str, int], Way]:
    """All ways of a family, by name and number of children."""
    data, most = task.data, max(SIZES[name])
    children = sample(jax.random.key(2), family.space, (most,))
    middle = family.enclosing(family.space.from_config(MIDDLE[name])[0])
    equal = jnp.tile(jnp.asarray(middle.space.from_config(MIDDLE[name])[0]), (most, 1))
    side_by_side = replace(CONFIG, chunk=CHUNKS[name])
    grouped = replace(side_by_side, size_groups=GROUPS[name])
    own = [(OwnSize(family.build(child), task.inputs), child) for child in children[:ALONE]]
    configs = [family.space.to_config(child) for child in children[:TORCH_ALONE]]
    ways: dict[tuple[str, int], Way] = {}
    for size in SIZES[name]:
        if name == "mlp":
            ways["nmjax", size] = together(family, children[:size], data, CONFIG)
        ways["nmjax, size groups", size] = together(family, children[:size], data, grouped)
    ways["nmjax, equal size", most] = together(middle, equal, data, side_by_side)
    ways["JAX, one by one, masked", ALONE] = alone_way(
        [(family, c) for c in children[:ALONE]], data
    )
    ways["JAX, one by one, own size", ALONE] = alone_way(own, data)
    ways["torch loop", TORCH_ALONE] = torch_way(stack, name, "loop", configs, data)
    func = torch_way(stack, name, "func", [MIDDLE[name]] * most, data)
    ways["torch func, equal size", most] = func
    if name == "mlp":
        ways["torch compile", 1] = torch_way(stack, name, "compile", [MIDDLE[name]], data)
    return ways


def rows_of(name: str, repeats: int) -> list[dict[str, Any]]:
    """Rates of a family on the digits."""
    task = live.load_task("digits")
    with contextlib.ExitStack() as stack:
        ways = ways_of(name, stack, task, families(task)[name])
        runs: dict[tuple[str, int], list[dict[str, float]]] = {key: [] for key in ways}
        for _ in range(repeats):
            for key, way in ways.items():
                runs[key].append(way.run())
    return [
        {
            "family": name,
            "way": way,
            "children": size,
            "children_a_second": size / median(run["seconds"] for run in own),
            "children_a_cpu_second": size / median(run["cpu_seconds"] for run in own),
            "mean_score": own[-1]["score"],
            "compile_seconds": max(
                0.0, ways[way, size].first_seconds - median(run["seconds"] for run in own)
            ),
            "peak_bytes": own[-1].get("peak_bytes", peak_memory()),
        }
        for (way, size), own in runs.items()
    ]


def targets_of(rows: list[dict[str, Any]]) -> list[Target]:
    """Rates of the faster call of nmjax over PyTorch's, by family."""
    targets = []
    for name in dict.fromkeys(row["family"] for row in rows):
        rate: dict[str, float] = {}
        for row in (row for row in rows if row["family"] == name):
            rate[row["way"]] = max(row["children_a_second"], rate.get(row["way"], 0.0))
        ours = max(rate.get("nmjax", 0.0), rate["nmjax, size groups"])
        pairs = {"torch loop": ours, "torch func, equal size": rate["nmjax, equal size"]}
        targets += [
            Target(
                f"{name}: children a second, over {peer}",
                mine / rate[peer],
                "",
                "at least",
                TARGETS[peer],
                max(SIZES[name]),
            )
            for peer, mine in pairs.items()
        ]
    return targets


def measure(asked: argparse.Namespace) -> Findings:
    """Measure families, each in a new process."""
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={DEVICES}"
    context = multiprocessing.get_context("spawn")
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for found in pool.map(partial(rows_of, repeats=asked.repeats), asked.families):
            rows += found
            for row in found:
                print(row, flush=True)
    return Findings(
        split="digits, 512 training rows",
        seeds=(0,),
        config={
            "epochs": CONFIG.epochs,
            "batch_size": CONFIG.batch_size,
            "size_groups": GROUPS,
            "grouped_chunk": CHUNKS,
            "equal_size": MIDDLE,
            "devices": DEVICES,
            "repeats": asked.repeats,
            "load_average": round(os.getloadavg()[1], 1),
        },
        rows=rows,
        targets=targets_of(rows),
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--families", nargs="+", choices=SIZES, default=list(SIZES))
    run_benchmark("live/throughput", measure, parser)


if __name__ == "__main__":
    main()
