"""Time and memory to read histories of 10,000 evaluations per task, and to learn from them.

    python -m benchmarks.knowledge.history_learning [--tasks 100 1000] [--evaluations 10000]

Random evaluations of NAS-Bench-Graph's space are stored, whose scores vary with the task. Reading
all of them, reading 300 of each task, and learning from all with the default limits each run in a
process of their own, with compilation. Writes
benchmarks/results/knowledge/history_learning.json.
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

import jax

from benchmarks.knowledge.history_scale import build
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.experiments import Target
from nmjax.knowledge import LearnConfig, learn, num_sources
from nmjax.tasks import PastSearches, load_history, num_evaluations, open_store, sample_store

METRIC, SAMPLE = "accuracy", 300
MOST_GIB = 8


def read_all(folder: Path) -> PastSearches:
    """Load all evaluations."""
    return load_history(open_store(folder), maximize=METRIC)


def read_sample(folder: Path) -> PastSearches:
    """Load a random sample of each task."""
    return sample_store(jax.random.key(0), folder, maximize=METRIC, evaluations=SAMPLE)


def read_and_learn(folder: Path) -> PastSearches:
    """Load all evaluations and learn from them."""
    past = read_all(folder)
    assert int(num_sources(learn(past))) == len(past.tasks)
    return past


STAGES: dict[str, Callable[[Path], PastSearches]] = {
    "read all": read_all,
    f"read {SAMPLE} of each task": read_sample,
    "read all and learn": read_and_learn,
}


def run_stage(stage: str, folder: Path) -> dict:
    """Run a stage in this process; return its time and the peak memory of the process."""
    begun, cpu = time.perf_counter(), time.process_time()
    past = STAGES[stage](folder)
    return {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - cpu,
        "evaluations": int(num_evaluations(past.history).sum()),
        "peak_process_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def in_own_process(stage: str, folder: Path) -> dict:
    """Run a stage in a new process, which isolates its memory."""
    module = "benchmarks.knowledge.history_learning"
    command = [sys.executable, "-m", module, "--stage", stage, str(folder)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root)
    return json.loads(done.stdout.splitlines()[-1])


def measure(asked: argparse.Namespace) -> Findings:
    """Build a store for each number of tasks and run every stage on it."""
    rows = []
    for tasks in asked.tasks:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "past"
            build(folder, evaluations=tasks * asked.evaluations, tasks=tasks, appends=1)
            rows += [
                {"tasks": tasks, "stage": stage, **in_own_process(stage, folder)}
                for stage in STAGES
            ]
    limits = vars(LearnConfig())
    return Findings(
        split="random evaluations",
        seeds=(0,),
        config={name: limits[name] for name in ("max_tasks", "total_rows", "task_rows")},
        rows=rows,
        targets=[
            Target(
                f"{row['tasks']:,} tasks of {asked.evaluations:,} evaluations: peak memory of "
                "learning",
                row["peak_process_bytes"] / 2**30,
                "GiB",
                "at most",
                MOST_GIB,
                1,
            )
            for row in rows
            if row["stage"] == "read all and learn"
        ],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result file; with `--stage`, run one stage on an existing store."""
    parser = make_parser(__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=(100, 1000))
    parser.add_argument("--evaluations", type=int, default=10_000)
    parser.add_argument("--stage", nargs=2, metavar=("STAGE", "FOLDER"))
    if asked := parser.parse_args(arguments).stage:
        stage, folder = asked
        print(json.dumps(run_stage(stage, Path(folder))))
        return
    run_benchmark("knowledge/history_learning", measure, parser, arguments)


if __name__ == "__main__":
    main()
