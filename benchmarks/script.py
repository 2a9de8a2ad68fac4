"""Shared steps of benchmark scripts: parse, time, record provenance, write and print."""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmjax.experiments import Result, Target, collect_provenance, read_result, write_result

RESULTS = Path(__file__).parent / "results"
DIGITS: int | None = 8
"""Significant digits of the numbers in result files."""


@dataclass(frozen=True)
class Findings:
    """Measurements of a benchmark: the fields of a `Result` other than its provenance.

    Attributes:
      split: which tasks were sources and which were targets.
      seeds: seeds of all runs behind the rows.
      config: every setting, by name.
      rows: measurements, one mapping each.
      targets: measured values with the thresholds that they should reach.
      variant: end of the result file's name, where a benchmark has several files.
      seconds: wall-clock time of each stage, by name.
    """

    split: str
    seeds: Sequence[int]
    config: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    targets: Sequence[Target] = ()
    variant: str = ""
    seconds: Mapping[str, float] | None = None


Measure = Callable[[argparse.Namespace], Findings]


def make_parser(
    doc: str | None,
    *,
    suite: str | None = None,
    seeds: int | None = None,
    searches: int | None = None,
    history_size: int | None = None,
) -> argparse.ArgumentParser:
    """Create the parser of a benchmark, with those shared options for which a default is given.

    Args:
      doc: docstring of the benchmark, whose first line describes it.
      suite: default of `--suite`; adds `--data` too.
      seeds: default of `--seeds`.
      searches: default of `--searches`, the number of independent searches of a task.
      history_size: default of `--history-size`, in evaluations of each source task.
    """
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    if suite is not None:
        parser.add_argument("--suite", default=suite)
        parser.add_argument("--data", type=Path, default=None, help="folder of the suite's data")
    if seeds is not None:
        parser.add_argument("--seeds", type=int, default=seeds)
    if searches is not None:
        parser.add_argument(
            "--searches", type=int, default=searches, help="number of searches of each task"
        )
    if history_size is not None:
        parser.add_argument("--history-size", type=int, default=history_size)
    return parser


def run_benchmark(
    name: str,
    measure: Measure,
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None = None,
) -> Result:
    """Run a benchmark, write its result file, and print its rows.

    Args:
      name: result file below `RESULTS`, without its ending.
      measure: function of the parsed arguments.
      parser: parser of the arguments.
      arguments: command line; that of the process by default.
    """
    asked = parser.parse_args(arguments)
    begun, provenance = time.perf_counter(), collect_provenance()
    found = measure(asked)
    seconds = time.perf_counter() - begun
    result = Result(
        **provenance,
        split=found.split,
        seeds=tuple(found.seeds),
        config=found.config,
        seconds=seconds if found.seconds is None else {**found.seconds, "all": seconds},
        rows=tuple(found.rows),
        targets=tuple(found.targets),
    )
    write_result(RESULTS / f"{name}{found.variant}.json", result, digits=DIGITS)
    for row in result.rows:
        print(*(f"{key} {_short(value)}" for key, value in row.items()), sep=", ", flush=True)
    return result


def stored(name: str) -> Result | None:
    """Read a result file by its name below `RESULTS`; None if there is none."""
    path = RESULTS / f"{name}.json"
    return read_result(path) if path.exists() else None


def require(name: str) -> Result:
    """Read a result file that must exist.

    Raises:
      NmjaxError: there is no such file.
    """
    return read_result(RESULTS / f"{name}.json")


def stored_variants(name: str) -> dict[str, Result]:
    """Read all result files whose names begin with `name`, by the rest of their names."""
    paths = sorted((RESULTS / name).parent.glob(f"{Path(name).name}*.json"))
    return {path.stem.removeprefix(Path(name).name): read_result(path) for path in paths}


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
