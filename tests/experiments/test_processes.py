"""Two real processes that share one run over loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from nmjax.cli.__main__ import main
from nmjax.evaluation import run_suite
from tests.experiments.two_processes import prepare_toy, run_toy_suite, search, use_toys
from tests.prepared import suite

__all__ = ["suite"]


def run_two(folder, *what, codes=(0,), **environment):
    """Run both processes in a folder; return what each has printed.

    Each ends with one of the exit statuses, and one or both with the first.
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    root = str(Path(__file__).parents[2])
    known = os.environ | {"PYTHONPATH": root, "JAX_PLATFORMS": "cpu"} | environment
    command = [sys.executable, "-m", "tests.experiments.two_processes", address]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [
        subprocess.Popen([*command, str(number), *what], env=known, cwd=folder, **pipes)
        for number in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    ended = {process.returncode for process in processes}
    assert codes[0] in ended <= set(codes), (ended, outputs)
    return [printed for printed, _ in outputs]


def test_two_processes_choose_the_rows_of_one_and_agree_on_what_the_first_knows(tmp_path):
    expected = {
        "devices": 2,
        "rows": search(None).tolist(),
        "error": "seen by 0",
        "folder": "from-0",
        "shared": True,
        "suite": run_toy_suite().tolist(),
    }
    for printed in run_two(tmp_path, "parts"):
        assert json.loads(printed.splitlines()[-1]) == expected


@pytest.mark.slow
def test_a_benchmark_run_of_two_processes_writes_one_result_with_the_rows_of_one(tmp_path, suite):
    flags = ("--methods", "evolution", "random", "--seeds", "2", "--budget", "20", "--json")
    first, second = run_two(tmp_path, "bench", "toy", *flags, "--out", "run")
    assert "results" not in second
    result = json.loads(first[first.index("{") :])
    assert (result["config"]["processes"], result["config"]["devices"]) == (2, 2)
    settings = {"seeds": 2, "budget": 20, "prepare": prepare_toy}
    alone = run_suite(suite, methods=("evolution", "random"), **settings)
    with np.load(tmp_path / "run" / "trajectories.npz") as together:
        for name, found in alone.items():
            np.testing.assert_array_equal(together[name], found.rows)
    assert not (tmp_path / "run" / "finished.npz").exists()


@pytest.mark.slow
def test_two_processes_that_end_in_between_resume_their_search(tmp_path, monkeypatch):
    flags = ("--benchmark", "toy", "--methods", "evolution", "random", "--budget", "50")
    flags = (*flags, "--seeds", "3")
    # JAX aborts a process that sees its coordinator end before it ends itself.
    ended = (9, -signal.SIGABRT)
    run_two(tmp_path, "search", *flags, "--out", "run", codes=ended, NMJAX_STOP_AFTER="1")
    assert (tmp_path / "run" / "checkpoints" / "evolution" / "1").exists()
    run_two(tmp_path, "search", "--resume", "run")
    use_toys_for_this_test(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert main(["search", *flags, "--out", "alone"]) == 0
    resumed, alone = (
        pyarrow.parquet.read_table(tmp_path / name / "trace.parquet").to_pydict()
        for name in ("run", "alone")
    )
    assert resumed["row"] == alone["row"]


def use_toys_for_this_test(monkeypatch):
    """Let `use_toys` set what pytest restores."""
    for name in ("tasks.load_suite", "evaluation.run_suite", "evaluation.leave_one_out.prepare"):
        monkeypatch.setattr(f"nmjax.{name}", None)
    use_toys()
