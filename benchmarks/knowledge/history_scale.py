"""Time and memory to open, filter and learn from a history of ten million evaluations.

    python -m benchmarks.knowledge.history_scale [--evaluations 10000000]

Random evaluations of NAS-Bench-Graph's space are appended to a store in batches. Each stage then
runs in its own process, timed after its imports; files may be in the system's cache. Learning is a
ridge regression for each task, batch by batch, and its memory is compared with that for a tenth of
the tasks. Writes benchmarks/results/knowledge/history_scale.json.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.experiments import Target
from nmjax.predictors import init_moments, ridge_weights, update_moments
from nmjax.spaces import encode, encoding_size, get_space
from nmjax.tasks import (
    append_evaluations,
    count_evaluations,
    create_store,
    iter_batches,
    list_tasks,
    load_history,
    open_store,
)

SPACE = "nas-bench-graph"
APPENDS = 5
BATCH = 2**14
GROWTH_MIB = 64


def build(folder: Path, *, evaluations: int, tasks: int, appends: int = APPENDS) -> int:
    """Write evaluations, equally many for each task, and return their total number."""
    space, rng = get_space(SPACE), np.random.default_rng(0)
    store = create_store(folder, space, metrics=("accuracy", "seconds"), context=("nodes",))
    rows = evaluations // (tasks * appends)
    for number in range(tasks * appends):
        task = number % tasks
        architecture = rng.integers(0, space.num_options, size=(rows, space.num_choices))
        accuracy = rng.uniform(size=rows) + architecture[:, 1 + task % 4] / 10
        accuracy[rng.uniform(size=rows) < 0.01] = np.nan
        metrics = {"accuracy": accuracy, "seconds": rng.exponential(size=rows)}
        append_evaluations(store, f"task {task:04d}", architecture, metrics, (task,))
    return rows * tasks * appends


def opened(folder: Path) -> dict:
    """Measure the seconds to open the store and count the evaluations of every task."""
    begun = time.perf_counter()
    counts = count_evaluations(open_store(folder))
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "tasks": len(counts), "evaluations": sum(counts.values())}


def filtered(folder: Path) -> dict:
    """Measure the seconds to open the store and load one task."""
    begun = time.perf_counter()
    store = open_store(folder)
    tasks = list_tasks(store)
    history = load_history(store, (tasks[len(tasks) // 2],)).history
    history.architecture.block_until_ready()
    return {
        "seconds": time.perf_counter() - begun,
        "evaluations": int(history.mask.sum()),
    }


def learned(folder: Path, share: float = 1.0) -> dict:
    """Measure seconds and peak memory of a ridge regression for each of a `share` of the tasks."""
    begun = time.perf_counter()
    store = open_store(folder)
    tasks = list_tasks(store)
    tasks = tasks[: max(1, round(share * len(tasks)))]
    moments = dict.fromkeys(tasks, init_moments(encoding_size(store.space)))
    for task, batch in iter_batches(store, tasks, batch_size=BATCH):
        score = jnp.where(batch.mask[0], batch.metrics["accuracy"][0], jnp.nan)
        features = encode(store.space, batch.architecture[0])
        moments[task] = update_moments(moments[task], features, score)
    weights = [ridge_weights(state, jnp.float32(1))[0] for state in moments.values()]
    jnp.stack(weights).block_until_ready()
    return {
        "seconds": time.perf_counter() - begun,
        "tasks": len(tasks),
        "succeeded": int(sum(float(state.number) for state in moments.values())),
        "peak_process_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


STAGES: dict[str, Callable[[Path], dict]] = {
    "open": opened,
    "filter one task": filtered,
    "learn from a tenth": lambda folder: learned(folder, 0.1),
    "learn from all": learned,
}


def in_own_process(stage: str, folder: Path) -> dict:
    """Run a stage in a new process, which isolates its memory."""
    module = "benchmarks.knowledge.history_scale"
    command = [sys.executable, "-m", module, "--stage", stage, str(folder)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root)
    return {"stage": stage, **json.loads(done.stdout.splitlines()[-1])}


def measure(asked: argparse.Namespace) -> Findings:
    """Build a store in a temporary folder and run every stage on it."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "past"
        written = build(folder, evaluations=asked.evaluations, tasks=asked.tasks)
        build_row = {
            "stage": "append",
            "seconds": time.perf_counter() - begun,
            "evaluations": written,
            "bytes": sum(path.stat().st_size for path in folder.rglob("*.parquet")),
        }
        rows = [build_row, *(in_own_process(stage, folder) for stage in STAGES)]
    of_stage = {row["stage"]: row for row in rows}
    growth = of_stage["learn from all"]["peak_process_bytes"]
    growth -= of_stage["learn from a tenth"]["peak_process_bytes"]
    named = f"a history of {written:,} evaluations"
    seconds = {stage: of_stage[stage]["seconds"] for stage in ("open", "filter one task")}
    return Findings(
        split="random evaluations",
        seeds=(0,),
        config={"evaluations": written, "tasks": asked.tasks, "appends": APPENDS, "batch": BATCH},
        rows=rows,
        targets=(
            Target(f"{named}: open", seconds["open"], "s", "at most", 2, 1),
            Target(f"{named}: one task", seconds["filter one task"], "s", "at most", 1, 1),
            Target(
                f"{named}: peak memory of learning minus that for a tenth of the tasks",
                growth / 2**20,
                "MiB",
                "at most",
                GROWTH_MIB,
                1,
            ),
        ),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result file; with `--stage`, run one stage on an existing store."""
    parser = make_parser(__doc__)
    parser.add_argument("--evaluations", type=int, default=10_000_000)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--stage", nargs=2, metavar=("STAGE", "FOLDER"))
    if asked := parser.parse_args(arguments).stage:
        stage, folder = asked
        print(json.dumps(STAGES[stage](Path(folder))))
        return
    run_benchmark("knowledge/history_scale", measure, parser, arguments)


if __name__ == "__main__":
    main()
