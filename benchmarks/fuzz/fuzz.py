"""Random inputs for all readers and the command line, none of which may raise another error.

    python -m benchmarks.fuzz.fuzz [--inputs 100000] [--seed 0] [--first 0] [--workers 1]

Each input is a file of the corpus, a data frame, a text or a list of arguments after random
changes. An `NmjaxError`, and an exit of the command line with status 2 and one sentence, are
expected of bad input. Anything else is a finding, and so is an input that takes longer than ten
seconds. Writes benchmarks/results/fuzz/inputsFIRST.json.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks.fuzz.inputs import Corpus, describe, make_corpus, make_input
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import NmjaxError
from nmjax.experiments import Target

SLOW = 10.0
PART = 1000


def find_faults(corpus: Corpus, seed: int, numbers: range) -> tuple[Counter[str], list[dict]]:
    """Read the inputs; return how many each target read and refused, and what else was raised."""
    counts: Counter[str] = Counter()
    faults: dict[str, dict] = {}
    for number in numbers:
        made = make_input(corpus, seed, number)
        begun = time.perf_counter()
        outcome = "read"
        try:
            made.read()
        except NmjaxError as error:
            outcome = "refused"
            if "\n" in str(error).strip():
                _add(faults, number, made, f"not one line: {error}")
        except Exception as error:
            outcome = "fault"
            frames = traceback.extract_tb(error.__traceback__)
            place = [f"{Path(f.filename).name}:{f.lineno}" for f in frames][-3:]
            _add(faults, number, made, f"{type(error).__name__}: {error}"[:300], place)
        if time.perf_counter() - begun > SLOW:
            _add(faults, number, made, "slow")
        counts[f"{made.target}: {outcome}"] += 1
    return counts, list(faults.values())


def _add(faults: dict[str, dict], number: int, made, error: str, place: list[str] | None = None):
    kind = f"{made.target} {place or error[:60]}"
    row = {"input": number, "target": made.target, "error": error, "place": place, "times": 0}
    fault = faults.setdefault(kind, row | {"content": describe(made.content)})
    fault["times"] += 1


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """A temporary working folder, in memory where there is one, without waits for the disk."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    before, fsync, path = Path.cwd(), os.fsync, list(sys.path)
    with tempfile.TemporaryDirectory(dir=memory) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(folder)
        os.fsync = lambda _: None  # type: ignore[assignment]
        try:
            yield Path(folder)
        finally:
            os.fsync, sys.path[:] = fsync, path
            os.chdir(before)


def find_in_part(seed: int, numbers: range) -> tuple[Counter[str], list[dict]]:
    """Read some of the inputs in a folder of their own."""
    with working_folder() as folder:
        return find_faults(make_corpus(folder), seed, numbers)


def measure(asked: argparse.Namespace) -> Findings:
    """Read the inputs of a seed."""
    end, merged, counts = asked.first + asked.inputs, dict[str, dict](), Counter[str]()
    parts = [range(n, min(n + PART, end)) for n in range(asked.first, end, PART)]
    with ProcessPoolExecutor(asked.workers, get_context("spawn")) as pool:
        for more, found in pool.map(partial(find_in_part, asked.seed), parts):
            counts += more
            for fault in found:
                kind = f"{fault['target']} {fault['place'] or fault['error'][:60]}"
                merged.setdefault(kind, fault | {"times": 0})["times"] += fault["times"]
    faults = list(merged.values())
    rows = [{"target and outcome": name, "inputs": n} for name, n in sorted(counts.items())]
    return Findings(
        split="none",
        seeds=(asked.seed,),
        config={"inputs": asked.inputs, "first": asked.first},
        rows=[*rows, *faults],
        variant=f"{asked.first}",
        targets=[
            Target("faults of readers and commands", len(faults), "", "at most", 0, asked.inputs)
        ],
    )


def main() -> None:
    """Run the benchmark."""
    parser = make_parser(__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1, help="number of processes")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    run_benchmark("fuzz/inputs", measure, parser)


if __name__ == "__main__":
    main()
