import subprocess
import sys

import numpy as np
import pytest

from benchmarks.peers import harness
from benchmarks.search import overhead
from benchmarks.tables import cost_tables
from nmjax.evaluation.trajectories import Trajectories
from nmjax.experiments import Result, collect_provenance, write_result

OTHER = "openbox"


def rows_of(seconds):
    ours = {"cpu_seconds_with_compilation": 8.0, "cpu_seconds_to_learn": 1.5}
    return [
        {"method": name, "cpu_seconds": s, "searches": 3} | (ours if name == "transfer" else {})
        for name, s in seconds.items()
    ]


def test_targets_are_ratios_to_transfer(related, monkeypatch, results):
    """By hand: one that finds the best of each task, and one that finds the median."""
    order = np.argsort(-np.nan_to_num(related.metrics["score"], nan=-9), axis=1)
    middle = (len(related.pool) - 1) // 2
    found = {
        "transfer": Trajectories(order[:, None, :100].repeat(4, 1), True, "ours"),
        "optuna_gp": Trajectories(order[:, None, middle:][..., :100].repeat(2, 1), False, "peer"),
    }
    monkeypatch.setattr(overhead, "packaged_trajectories", lambda suite: found)
    rows = overhead.with_regret(
        related, rows_of({"transfer": 0.5, "optuna_gp": 20.0, "optuna_tpe": 0.25})
    )
    assert [row.get("regret") for row in rows] == [0.0, pytest.approx(1.0, abs=0.1), None]
    assert rows[1]["regret_difference"] == pytest.approx(-rows[1]["regret"])
    targets = overhead.targets("related", rows)
    assert [target.value for target in targets] == pytest.approx([40, 2.5, -rows[1]["regret"], 0.5])
    assert [target.threshold for target in targets] == [100, 1, 0, 1]

    result = Result(
        **collect_provenance(), split="s", seeds=(0,), config={}, seconds=1.0, rows=tuple(rows)
    )
    write_result(results / "search/overhead.json", result)
    assert "| optuna_gp | 20.000 |  |  |  |  | " in cost_tables.overhead()


def test_a_peer_that_times_out_is_reported_with_its_elapsed_time(related, monkeypatch, tmp_path):
    def endless(command, **more):
        return subprocess_run([sys.executable, "-c", "while True: pass"], **more)

    subprocess_run = subprocess.run
    monkeypatch.setattr(overhead, "make_environment", lambda module: sys.executable)
    monkeypatch.setattr(harness, "make_environment", lambda module: sys.executable)
    monkeypatch.setattr(harness.subprocess, "run", endless)
    row = overhead.time_peer(related, OTHER, str(tmp_path), timeout=0.5)
    assert row["stopped"]
    assert row["cpu_seconds"] > 0
    ours = rows_of({"transfer": 0.5})
    (target, *_) = overhead.targets("related", [*ours, row | {"method": "openbox-rgpe"}])
    assert "stopped in its first search" in target.name
    assert target.value == pytest.approx(2 * row["cpu_seconds"])


def test_installation_time_is_not_search_time(related, monkeypatch, tmp_path):
    made = []

    def install(module):
        subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)
        made.append(module)
        return sys.executable

    def stopped(name, suite, *, python, **more):
        assert python == sys.executable
        raise harness.PeerTimeoutError("stopped")

    monkeypatch.setattr(overhead, "make_environment", install)
    monkeypatch.setattr(overhead, "run_peer", stopped)
    row = overhead.time_peer(related, OTHER, str(tmp_path), timeout=1.0)
    assert made == ["openbox"]
    assert row["cpu_seconds"] == 0


def test_a_peer_with_a_past_is_held_against_learning_too():
    rows = rows_of({"transfer": 0.5, "openbox-rgpe": 100.0})
    rows[1]["transfer"] = True
    (target,) = overhead.targets("related", rows)
    assert target.value == 50
    assert "including learning" in target.name


def test_searches_that_ended_in_time_count(related, monkeypatch, tmp_path):
    def stopped(name, suite, *, results, **more):
        folder = harness.finished_searches(name, suite, results=results)
        folder.mkdir(parents=True)
        for task, seconds in enumerate((3.0, 5.0)):
            np.savez(folder / f"{task}_0_ab.npz", cpu_seconds=np.float32(seconds))
        np.savez(folder / "2_0_ab.unfinished.npz", cpu_seconds=np.float32(99))
        raise harness.PeerTimeoutError("stopped")

    monkeypatch.setattr(overhead, "make_environment", lambda module: None)
    monkeypatch.setattr(overhead, "run_peer", stopped)
    row = overhead.time_peer(related, OTHER, str(tmp_path), timeout=1.0)
    assert (row["cpu_seconds"], row["searches"], row["stopped"]) == (4.0, 2, False)


def test_the_process_restarts_until_pinned_and_keeps_its_memory_limit(monkeypatch):
    """Peers are started so; a process that is changed later keeps threads for all cores."""
    cores, started = {0, 1}, []
    monkeypatch.setattr(overhead.os, "sched_getaffinity", lambda _: cores)
    monkeypatch.setattr(overhead.os, "sched_setaffinity", lambda _, asked: started.append(asked))
    monkeypatch.setattr(overhead.os, "execve", lambda *call: started.append(call[-1]))
    for variable in harness.MEMORY_KEPT:
        monkeypatch.delenv(variable, raising=False)
    overhead.restart_pinned(1)
    assert started[0] == {1}
    assert harness.MEMORY_KEPT.items() <= started[1].items()

    for variable, value in started[1].items():
        monkeypatch.setenv(variable, value)
    overhead.restart_pinned(1)
    assert len(started) == 4, "the memory is kept, but it is not pinned"
    cores.remove(0)
    overhead.restart_pinned(1)
    assert len(started) == 4
