"""Run peers on a suite and read their trajectories."""

import argparse
import dataclasses
import importlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.export import export_tasks
from benchmarks.peers.searches import COUNTS
from nmjax.errors import NmjaxError, unknown_name
from nmjax.evaluation.trajectories import check_rows
from nmjax.tasks import Suite, SuiteInfo, load_suite

PEERS = (
    "optuna_tpe",
    "optuna_tpe-independent",
    "optuna_gp",
    "botorch",
    "botorch-encoding",
    "botorch-rgpe",
    "openbox",
    "openbox-gp",
    "openbox-rgpe",
    "openbox-rgpe-gp",
    "synetune-box",
    "synetune-quantile",
    "vizier",
)
ENVIRONMENTS = Path(__file__).parent / ".venvs"
RESULTS = Path(__file__).parents[1] / "results" / "peers"
CHECKOUT = Path(__file__).parents[2]
_DAMAGED = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile)
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
MEMORY_KEPT = {
    "MALLOC_MMAP_THRESHOLD_": str(2**33),
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**29),
}
"""Variables that make glibc keep freed memory, in bytes. Returning it and faulting it in again took
two thirds of the CPU seconds of OpenBox's forests."""


class PeerTimeoutError(NmjaxError):
    """A peer did not finish before its timeout."""


@dataclasses.dataclass(frozen=True)
class PeerRecord:
    """Description of a peer's trajectories.

    Attributes:
      name: name of the peer, one of `PEERS`.
      suite: name of the suite.
      package: package of the suite's data, with its version.
      tasks: names of the T tasks.
      seeds: number of seeds, S.
      budget: number of distinct rows evaluated by a search, B.
      version: version of the peer.
      settings: every setting, by name.
      settings_from: source of the settings.
      python: version of Python.
      device: processor and number of threads.
      cpu_seconds: median CPU seconds of a search without its evaluations.
      suggestions: number of suggestions of all searches.
      repeated: number of suggestions of evaluated rows, which do not count as evaluations.
      invalid: number of suggestions outside the pool, which do not count as evaluations.
      filled: number of random evaluations after 20 suggestions per evaluation.
      filled_searches: number of searches with such evaluations.
      transfer: whether the peer learns from past tasks, with 300 evaluations of each.
    """

    name: str
    suite: str
    package: str
    tasks: tuple[str, ...]
    seeds: int
    budget: int
    version: str
    settings: Mapping[str, Any]
    settings_from: str
    python: str
    device: str
    cpu_seconds: float
    suggestions: int
    repeated: int
    invalid: int
    filled: int
    filled_searches: int
    transfer: bool = False


def run_peer(
    name: str,
    suite: Suite,
    *,
    seeds: int,
    budget: int,
    python: str | Path | None = None,
    results: str | Path = RESULTS,
    timeout: float | None = None,
) -> Path:
    """Run a peer on every task and write its trajectories.

    `<name>_<suite>.npz` contains `indices` int32[T, S, B], rows of the pool in the order of their
    evaluation, and for each search [T, S] `cpu_seconds`, `suggestions`, `repeated`, `invalid` and
    `filled`; `<name>_<suite>.json` contains the `PeerRecord`. A variant in the `TRANSFER` of its
    module receives 300 past evaluations of each other task. Finished searches are kept in
    `.searches` in the folder of results, so that an interrupted run continues from there.

    Args:
      name: name in `PEERS`; a variant's name follows "-".
      suite: benchmark with T tasks and a pool of N.
      seeds: number of seeds S, which are 0 to S - 1.
      budget: number of distinct rows that a search evaluates, B.
      python: interpreter that has the peer; by default that of a virtual environment in `.venvs`,
        created with the peer's pinned `REQUIREMENTS`.
      results: folder to write to.
      timeout: seconds after which the peer is stopped; finished searches are kept.

    Returns:
      Path of the `.npz`.

    Raises:
      PeerTimeoutError: the peer was stopped.
      NmjaxError: the peer is unknown, sizes do not fit, or the peer or its installation failed.
    """
    if name not in PEERS:
        raise unknown_name("peer", name, PEERS)
    if seeds < 1 or not 1 <= budget <= len(suite.pool):
        raise NmjaxError(
            f"Got {seeds} seeds and a budget of {budget}; give at least one seed and a budget "
            f"from 1 to {len(suite.pool)}, the pool of {suite.name!r}."
        )
    module, _, variant = name.partition("-")
    transfer = variant in importlib.import_module(f"benchmarks.peers.programs.{module}").TRANSFER
    python = make_environment(module) if python is None else python
    path = Path(results).absolute() / f"{name}_{suite.name}.npz"
    kept = finished_searches(name, suite, results=results)
    with tempfile.TemporaryDirectory() as folder:
        tasks = export_tasks(suite, folder, seeds=seeds, transfer=transfer)
        out = Path(folder) / "out.npz"
        arguments = {"tasks": tasks, "kept": kept, "out": out, "seeds": seeds, "budget": budget}
        command = [str(python), "-m", f"benchmarks.peers.programs.{module}", f"--variant={variant}"]
        _call([*command, *(f"--{key}={value}" for key, value in arguments.items())], timeout)
        with np.load(out, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    fields: dict[str, Any] = {
        **json.loads(str(arrays.pop("about"))),
        **{count: int(arrays[count].sum()) for count in COUNTS},
    }
    record = PeerRecord(
        name=name,
        suite=suite.name,
        package=suite.package,
        tasks=suite.tasks,
        seeds=seeds,
        budget=budget,
        cpu_seconds=round(float(np.median(arrays["cpu_seconds"])), 4),
        filled_searches=int(np.count_nonzero(arrays["filled"])),
        transfer=transfer,
        **fields,
    )
    _check(arrays["indices"], record, suite)
    np.savez_compressed(path, **arrays)
    path.with_suffix(".json").write_text(json.dumps(dataclasses.asdict(record), indent=2) + "\n")
    return path


def finished_searches(name: str, suite: Suite, *, results: str | Path = RESULTS) -> Path:
    """Folder in which `run_peer` keeps each finished search, one `.npz` per task and seed."""
    return Path(results).absolute() / ".searches" / f"{name}_{suite.name}"


def read_trajectories(
    name: str, suite: Suite, *, results: str | Path = RESULTS
) -> tuple[np.ndarray, PeerRecord]:
    """Read the trajectories from `run_peer`: (indices int32[T, S, B], record).

    Raises:
      NmjaxError: the peer is unknown, or there are no trajectories, or they are damaged or were
        recorded on other data.
    """
    if name not in PEERS:
        raise unknown_name("peer", name, PEERS)
    path = Path(results) / f"{name}_{suite.name}.npz"
    again = f"run `python -m benchmarks.peers.harness run {name} --suite {suite.name}`"
    try:
        fields = json.loads(path.with_suffix(".json").read_text())
        record = PeerRecord(**{**fields, "tasks": tuple(fields["tasks"])})
        with np.load(path, allow_pickle=False) as file:
            indices = file["indices"]
    except _DAMAGED as error:
        raise NmjaxError(f"{path} holds no trajectories ({error}): {again}.") from error
    _check(indices, record, suite)
    return indices, record


def stored_peers(suite: Suite | SuiteInfo, *, results: str | Path = RESULTS) -> tuple[str, ...]:
    """Names of the peers with stored trajectories on a suite."""
    return tuple(name for name in PEERS if (Path(results) / f"{name}_{suite.name}.npz").exists())


def make_environment(module: str) -> Path:
    """Interpreter of the virtual environment of a peer, which is created if needed.

    Raises:
      NmjaxError: it cannot be created, or a requirement cannot be installed.
    """
    peer = importlib.import_module(f"benchmarks.peers.programs.{module}")
    folder = ENVIRONMENTS / module
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        ENVIRONMENTS.mkdir(exist_ok=True)
        (ENVIRONMENTS / ".gitignore").write_text("*\n")
        _call([sys.executable, "-m", "venv", str(folder)])
    install = [str(python), "-m", "pip", "install", "--quiet"]
    _call([*install, *peer.REQUIREMENTS])
    if overrides := getattr(peer, "OVERRIDES", ()):
        _call([*install, "--no-deps", *overrides])
    return python


def peer_environment() -> dict[str, str]:
    """Environment of a peer: ours without Python's variables, one thread, freed memory kept."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**ours, **_ONE_THREAD, **MEMORY_KEPT}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a peer from the command line; return 2 if it cannot be run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.harness")
    run = parser.add_subparsers(required=True).add_parser("run", help="run a peer on a suite")
    run.add_argument("name", help=f"one of {', '.join(PEERS)}")
    run.add_argument("--suite", required=True)
    run.add_argument("--seeds", type=int, default=16)
    run.add_argument("--budget", type=int, default=100)
    run.add_argument("--python", type=Path, help="interpreter that has the peer")
    asked = parser.parse_args(arguments)
    try:
        suite = load_suite(asked.suite)
        sizes = {"seeds": asked.seeds, "budget": asked.budget}
        path = run_peer(asked.name, suite, **sizes, python=asked.python)
    except NmjaxError as error:
        print(error, file=sys.stderr)
        return 2
    print(path.with_suffix(".json").read_text(), end="")
    return 0


def _call(command: Sequence[str], timeout: float | None = None) -> None:
    """Run a program in the checkout."""
    name = " ".join(command[:4])
    try:
        status = subprocess.run(
            command, cwd=CHECKOUT, env=peer_environment(), timeout=timeout
        ).returncode
    except subprocess.TimeoutExpired as error:
        raise PeerTimeoutError(
            f"{name} did not finish within {timeout} s; raise the timeout."
        ) from error
    except OSError as error:
        raise NmjaxError(
            f"{command[0]} cannot be run ({error}); name another interpreter."
        ) from error
    if status:
        raise NmjaxError(f"{name} ended with status {status}; see its messages above.")


def _check(indices: np.ndarray, record: PeerRecord, suite: Suite) -> None:
    """Check that trajectories are of a suite, and that no search evaluated a row twice."""
    what = f"Trajectories of {record.name!r} on {record.suite!r}"
    recorded, expected = (record.package, record.tasks), (suite.package, suite.tasks)
    if recorded != expected:
        raise NmjaxError(f"{what} are of {recorded}, expected {expected}: run the peer again.")
    shape = (len(suite.tasks), record.seeds, record.budget)
    if indices.shape != shape or indices.dtype != np.int32:
        raise NmjaxError(f"{what} are {indices.dtype}{list(indices.shape)}, expected int32{shape}.")
    check_rows(record.name, indices, suite)


if __name__ == "__main__":
    sys.exit(main())
