"""What a new user waits for: `nmjax search` with its defaults, first with empty caches, then again.

    python -m benchmarks.startup

Installation is not counted. Writes benchmarks/results/startup.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nmjax.experiments import Mark, Result, provenance, write_result

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


def main() -> None:
    """Measures and writes the result file."""
    begun, origin = time.perf_counter(), provenance()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment = {**os.environ, "NMJAX_CACHE": str(folder / "cache")}
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
        rows = [timed_run(name, folder, environment) for name in TARGETS]
    marks = [
        Mark(f"nmjax search, {row['run']}", row["seconds"], "s", "at most", TARGETS[row["run"]], 1)
        for row in rows
    ]
    result = Result(
        **origin,
        split="nas-bench-graph, photo held out",
        seeds=(0,),
        config={"flags": "defaults"},
        seconds=time.perf_counter() - begun,
        rows=tuple(rows),
        marks=tuple(marks),
    )
    write_result(RESULT, result)
    for row in rows:
        print(f"{row['run']}: {row['seconds']:.1f} s, {row['cpu_seconds']:.1f} CPU s")


if __name__ == "__main__":
    main()
