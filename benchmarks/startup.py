"""What a new user waits for: `nmjax search` with its defaults, first with empty caches, then again.

    python -m benchmarks.startup [--repeats 3]

Installation is not counted; of each run the repeat of median seconds is told. Writes
benchmarks/results/startup.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nmjax.experiments import Mark, Result, collect_provenance, write_result

RESULT = Path(__file__).parent / "results" / "startup.json"
TARGETS = {"first run": 90.0, "second run": 45.0}


def timed_run(name: str, folder: Path, environment: dict[str, str]) -> dict:
    """Wall and CPU seconds of one run, and its own seconds by stage."""
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
    """A run with empty caches and one after it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment = {**os.environ, "NMJAX_CACHE": str(folder / "cache")}
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
        return [timed_run(name, folder, environment) for name in TARGETS]


def middle(repeats: tuple[dict, ...]) -> dict:
    """The repeat of median seconds, and the seconds of all."""
    ordered = sorted(repeats, key=lambda row: row["seconds"])
    return {
        **ordered[len(ordered) // 2],
        "seconds_of_repeats": [row["seconds"] for row in repeats],
    }


def main() -> None:
    """Measures and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    begun, provenance = time.perf_counter(), collect_provenance()
    repeats = [timed_runs() for _ in range(arguments.repeats)]
    rows = [middle(of_run) for of_run in zip(*repeats, strict=True)]
    marks = [
        Mark(
            f"nmjax search, {row['run']}",
            row["seconds"],
            "s",
            "at most",
            TARGETS[row["run"]],
            arguments.repeats,
        )
        for row in rows
    ]
    result = Result(
        **provenance,
        split="nas-bench-graph, photo held out",
        seeds=(0,),
        config={"flags": "defaults", "repeats": arguments.repeats},
        seconds=time.perf_counter() - begun,
        rows=tuple(rows),
        marks=tuple(marks),
    )
    write_result(RESULT, result)
    for row in rows:
        print(f"{row['run']}: {row['seconds']:.1f} s, {row['cpu_seconds']:.1f} CPU s")


if __name__ == "__main__":
    main()
