"""Time of `nmjax search` with empty caches, and of a second run.

    python -m benchmarks.search.startup [--repeats 3]

Installation is not included. Each row is the repeat with the median time. Writes
benchmarks/results/search/startup.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.experiments import Target

TARGETS = {"first run": 90.0, "second run": 45.0}


def timed_run(name: str, folder: Path, environment: dict[str, str]) -> dict:
    """Time one run: wall and CPU seconds, and its own seconds by stage."""
    out = folder / name.replace(" ", "-")
    command = [sys.executable, "-m", "nmjax.cli", "search", "--out", str(out)]
    before, begun = os.times(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=folder)
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    stages = json.loads((out / "results.json").read_text())["seconds"]
    return {
        "run": name,
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": cpu,
        "stages": stages,
    }


def timed_runs() -> list[dict]:
    """Time a run with empty caches and one after it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment = {**os.environ, "NMJAX_CACHE": str(folder / "cache")}
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        return [timed_run(name, folder, environment) for name in TARGETS]


def middle(repeats: tuple[dict, ...]) -> dict:
    """The repeat with the median seconds, and the seconds of all repeats."""
    ordered = sorted(repeats, key=lambda row: row["seconds"])
    return {
        **ordered[len(ordered) // 2],
        "seconds_of_repeats": [row["seconds"] for row in repeats],
    }


def measure(asked: argparse.Namespace) -> Findings:
    """Time the command with empty caches and again, several times."""
    repeats = [timed_runs() for _ in range(asked.repeats)]
    rows = [middle(of_run) for of_run in zip(*repeats, strict=True)]
    return Findings(
        split="nas-bench-graph, photo held out",
        seeds=(0,),
        config={"flags": "defaults", "repeats": asked.repeats},
        rows=rows,
        targets=[
            Target(
                f"nmjax search, {row['run']}",
                row["seconds"],
                "s",
                "at most",
                TARGETS[row["run"]],
                asked.repeats,
            )
            for row in rows
        ],
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    run_benchmark("search/startup", measure, parser)


if __name__ == "__main__":
    main()
