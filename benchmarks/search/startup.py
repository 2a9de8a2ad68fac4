"""Time to compile and start: `nmjax search`, a study's first suggestion, and imports.

    python -m benchmarks.search.startup [--repeats 3]

The suggestion is that of a new process that imports nmjax, learns from 160 evaluations of four
tasks, and asks a study. Both run with empty caches and again. Installation is not included: nmjax
is compiled to bytecode first, as pip does. Each row is the repeat with the median time, with the
number of programs that were compiled.
Writes benchmarks/results/search/startup.json.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.experiments import Target

TARGETS = {
    "nmjax search, first run": 30.0,
    "nmjax search, second run": 12.0,
    "first suggestion, first run": 20.0,
    "first suggestion, second run": 5.0,
}
IMPORTS = {"import jax, flax, optax": "import jax, flax, optax", "import nmjax": "import nmjax"}
SLOWER_IMPORT = 0.3
"""Seconds that `import nmjax` may take beyond those of the packages that it needs."""
SUGGEST = """
import numpy as np
import nmjax

space = nmjax.Space(
    block=["conv", "attention", "mlp"],
    width=nmjax.Ordinal(64, 128, 256),
    depth=nmjax.Ordinal(2, 4, 6, 8),
    rate=nmjax.Real(1e-4, 1e-1, log=True),
)
random = np.random.default_rng(0)
task = np.repeat(["a", "b", "c", "d"], 40)
columns = {
    "task": task,
    "block": random.choice(["conv", "attention", "mlp"], 160),
    "width": random.choice([64, 128, 256], 160),
    "depth": random.choice([2, 4, 6, 8], 160),
    "rate": 10 ** random.uniform(-4, -1, 160),
    "accuracy": random.uniform(0.5, 0.9, 160),
}
past = nmjax.history_from_frame(columns, space, maximize="accuracy")
print(nmjax.Study(nmjax.learn(past, seed=0), budget=30, seed=1).ask())
"""


def timed_run(name: str, folder: Path, environment: dict[str, str]) -> dict:
    """Time one run: wall and CPU seconds, programs, and the seconds by stage of a search."""
    out = folder / name.replace(" ", "-")
    is_search = name.startswith("nmjax search")
    command = ["-c", IMPORTS.get(name, SUGGEST)]
    if is_search:
        command = ["-m", "nmjax.cli", "search", "--out", str(out)]
    command = [sys.executable, *command]
    cached = count_programs(environment)
    before, begun = os.times(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=folder)
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    seconds = time.perf_counter() - begun
    stages = json.loads((out / "results.json").read_text())["seconds"] if is_search else {}
    return {
        "run": name,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "programs": count_programs(environment) - cached,
        "stages": stages,
    }


def installed(folder: Path) -> Path:
    """Copy nmjax into a folder with its bytecode, and return where to import it from."""
    source = Path(__file__).parents[2] / "nmjax"
    unwanted = shutil.ignore_patterns("__pycache__")
    copy = shutil.copytree(source, folder / "packages" / "nmjax", ignore=unwanted)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(copy)], check=True)
    return copy.parent


def count_programs(environment: dict[str, str]) -> int:
    """Return the number of programs in the cache folder of an environment."""
    return len(list(Path(environment["NMJAX_CACHE"], "xla").glob("*-cache")))


def timed_runs() -> list[dict]:
    """Time each command with an empty cache of its own, and once more."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment = {**os.environ, "PYTHONPATH": str(installed(folder))}
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        rows = []
        for name in (*IMPORTS, *TARGETS):
            cache = folder / f"cache of {name.split(',')[0]}"
            rows.append(timed_run(name, folder, environment | {"NMJAX_CACHE": str(cache)}))
        return rows


def middle(repeats: tuple[dict, ...]) -> dict:
    """The repeat with the median seconds, and the seconds of all repeats."""
    ordered = sorted(repeats, key=lambda row: row["seconds"])
    return {
        **ordered[len(ordered) // 2],
        "seconds_of_repeats": [row["seconds"] for row in repeats],
    }


def measure(asked: argparse.Namespace) -> Findings:
    """Time the commands with empty caches and again, several times."""
    repeats = [timed_runs() for _ in range(asked.repeats)]
    rows = [middle(of_run) for of_run in zip(*repeats, strict=True)]
    slowest = TARGETS | {"import nmjax": rows[0]["seconds"] + SLOWER_IMPORT}
    return Findings(
        split="search: nas-bench-graph, photo held out",
        seeds=(0,),
        config={"flags": "defaults", "repeats": asked.repeats},
        rows=rows,
        targets=[
            Target(
                row["run"],
                row["seconds"],
                "s",
                "at most",
                slowest[row["run"]],
                asked.repeats,
            )
            for row in rows
            if row["run"] in slowest
        ],
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    run_benchmark("search/startup", measure, parser)


if __name__ == "__main__":
    main()
