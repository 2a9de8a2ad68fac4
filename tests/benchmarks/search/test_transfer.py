"""Targets and tables of trajectories with known regret."""

import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.search import average_ranks, transfer, transfer_targets
from benchmarks.search.transfer import variant_name
from benchmarks.tables import search_tables
from nmjax.evaluation.comparison import compare
from nmjax.evaluation.trajectories import Trajectories
from nmjax.experiments import Result, collect_provenance, is_met, write_result

BUDGET, SEEDS = 100, 3
VARIANT = {"leave": "task", "history": "random", "history_size": 300}


def named(suite, name):
    return dataclasses.replace(suite, name=name)


@pytest.fixture(scope="module")
def found(related):
    """Each method evaluates the worst until it has the best, or the hundredth."""
    order = np.argsort(-np.nan_to_num(related.metrics["score"], nan=-9), axis=1)
    methods = {
        "transfer": (order[:, 0], 4, True, "ours"),
        "kernel-transfer": (order[:, 0], 40, True, "ours"),
        "rgpe": (order[:, 0], 30, True, "baseline"),
        "past-best": (order[:, 100], 1, True, "baseline"),
        "evolution": (order[:, 100], 90, False, "baseline"),
        "random": (order[:, 100], 99, False, "baseline"),
        "some_peer": (order[:, 0], 90, False, "peer"),
    }
    made = {}
    for name, (good, at, past, kind) in methods.items():
        rows = np.tile(order[:, None, -BUDGET - 1 : -1], (1, SEEDS, 1))
        rows[..., at - 1] = good[:, None]
        made[name] = Trajectories(rows, past, kind, 0.5, "here")
    return made


def test_what_a_variant_adds_to_names():
    assert variant_name(VARIANT) == ""
    assert variant_name(VARIANT | {"leave": "family", "history_size": 50}) == "_family_50"
    assert variant_name(VARIANT | {"history": "biased"}) == "_biased"


def test_rerunning_a_task_keeps_the_others(related, found):
    before, anew = found["transfer"], np.full((2, SEEDS, BUDGET), 7, np.int32)
    tasks = related.tasks[3], related.tasks[0]
    anew[1] = 8
    ours = transfer.renewed(related, before, tasks, Trajectories(anew, True, "ours", 9.0, "later"))
    assert (ours.rows[3] == 7).all()
    assert (ours.rows[0] == 8).all()
    np.testing.assert_array_equal(ours.rows[[1, 2, 4, 5]], before.rows[[1, 2, 4, 5]])
    assert (ours.provenance, ours.seconds) == (
        f"here ({', '.join(tasks)} at later)",
        before.seconds,
    )
    assert (before.rows[3] != 7).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "nas-bench-graph",
            {
                "regret that kernel-transfer (best without a learned prior mean)": 4,
                "regret that some_peer (best without transfer)": 4,
                "regret that evolution": 4,
                "regret that random": 4,
                "ahead of rgpe": 0,
                "not worse than kernel-transfer on any task": 0,
            },
        ),
        ("hpobench", {"regret that kernel-transfer (best without a learned prior mean)": 4}),
        ("nas-bench-201", {"mean quantile is 0.999": 4, "ahead of past-best at 20": None}),
    ],
)
def test_targets_of_a_suite(related, found, name, expected):
    targets = transfer_targets.targets(named(related, name), found)
    assert all(is_met(target) for target in targets)
    assert len({target.name for target in targets}) == len(targets)
    for what, value in expected.items():
        (target,) = (target for target in targets if what in target.name)
        assert (target.value < 0) if value is None else (target.value == value)
        assert target.name.startswith(f"{name}: ")
    late = found | {"transfer": found["kernel-transfer"], "kernel-transfer": found["transfer"]}
    missed = [m for m in transfer_targets.targets(named(related, name), late) if not is_met(m)]
    assert len(missed) == {"nas-bench-graph": 2, "hpobench": 2, "nas-bench-201": 2}[name]


@pytest.mark.slow
def test_tables_and_overall_ranks(related, found, results, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["average_ranks"])
    monkeypatch.setattr(average_ranks, "FIGURE", results / "average_ranks.png")
    tables = (search_tables.suites, search_tables.regret, search_tables.ranks)
    tables += (search_tables.claims, search_tables.pasts, search_tables.targets)
    assert {table() for table in tables} == {"Not measured yet."}
    for name in ("nas-bench-graph", "hpobench", "hpolib"):
        suite = named(related, name)
        few = {n: of for n, of in found.items() if n != "some_peer" or name == "hpolib"}
        rows = compare(suite, few, focus="transfer")
        for past in (VARIANT, VARIANT | {"history": "biased"}):
            result = Result(
                **collect_provenance(["python"]),
                split="one out",
                seeds=tuple(range(SEEDS)),
                config=past,
                seconds=1.0,
                rows=tuple(transfer.kept_rows(rows)),
                targets=tuple(transfer_targets.targets(suite, few)),
            )
            write_result(results / f"search/transfer_{name}{variant_name(past)}.json", result)
    average_ranks.main()
    assert (results / "average_ranks.png").exists()
    suites, regret, ranked, claims, pasts, targets = (table() for table in tables)
    line = next(line for line in suites.splitlines() if line.startswith("| hpolib"))
    without, zero_mean, other = "some_peer", "kernel-transfer", "rgpe: 0.000 [0.000, 0.000] |"
    sooner = {without: "22.5 [22.5, 22.5]", zero_mean: "10.0 [10.0, 10.0]"}
    found = (f"| {name}: 0.000 [0.000, 0.000] | 4 [4, 4] | {x} " for name, x in sooner.items())
    assert line.endswith("".join(found) + f"| {other}")
    assert len([line for line in regret.splitlines() if line.startswith("| some_peer")]) == 1
    assert "| nas-bench-graph and hpolib: 12 tasks | 100 | transfer" in ranked
    assert "| nas-bench-graph and hpobench and hpolib: 18 tasks | 100 | transfer" in ranked
    assert "| hpobench (used in design): 6 tasks | 100 | transfer" in ranked
    assert "| faster convergence |" in claims
    assert [claims.count(x) for x in sooner.values()] == [3, 3]
    assert len([line for line in pasts.splitlines() if "300 biased | a task" in line]) == 12
    assert targets.count("evaluations to reach the regret that kernel-transfer") == 3


def test_peers_without_a_past_do_not_depend_on_the_past_of_others(related, monkeypatch):
    rows = np.tile(np.arange(BUDGET + 5, dtype=np.int32), (6, 2, 1))
    peers = {"one": False, "two": True}

    def read(name, suite):
        return rows, SimpleNamespace(cpu_seconds=2.0, version="9", transfer=peers[name])

    monkeypatch.setattr(transfer, "stored_peers", lambda suite: tuple(peers))
    monkeypatch.setattr(transfer, "read_peer", read)
    assert set(transfer.peers(related, transfer=True)) == {"one", "two"}
    (one,) = transfer.peers(related, transfer=False).values()
    assert (one.kind, one.provenance, one.seconds, one.rows.shape) == (
        "peer",
        "9",
        2.0,
        (6, 2, BUDGET),
    )
