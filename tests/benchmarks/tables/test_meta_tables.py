"""Tables that are written out of whatever result files there are."""

import dataclasses

import numpy as np
import pytest

from benchmarks.meta import task_sampling
from benchmarks.reproductions import accuracy
from benchmarks.tables import meta_tables
from nmjax.experiments import Result, collect_provenance, write_result


@pytest.fixture
def write(results):
    empty = Result(**collect_provenance(), split="toy", seeds=(0,), config={}, seconds=1.0, rows=())

    def write(name, rows):
        write_result(results / name, dataclasses.replace(empty, rows=tuple(rows)))

    return write


def cells(table, name):
    (line,) = (line for line in table.splitlines() if f" {name} |" in line)
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.usefixtures("write")
def test_what_is_not_measured_is_said():
    for table in (meta_tables.task_sampling, meta_tables.accuracy):
        assert table() == "Not measured yet."


def test_task_sampling_shows_what_is_lost(write):
    error = np.arange(1.0, 11.0).reshape(2, 5)
    found = {
        name: task_sampling.Scores(error + add, np.full((2, 5), 0.5) - add)
        for name, add in (("uniform", 0.0), ("by affinity, 0.1", 0.25))
    }
    write("meta/task_sampling.json", task_sampling.rows_of("toy", found))
    shown = cells(meta_tables.task_sampling(), "by affinity, 0.1")
    assert shown[:3] == ["toy", "by affinity, 0.1", "10"]
    assert shown[4:6] == ["0.250 [0.250, 0.250]", "10.250"]
    assert shown[6:] == ["0.250 [0.250, 0.250]", "-0.250 [-0.250, -0.250]"]


def test_accuracy_has_a_table_a_suite(write, related):
    shape = (len(related.tasks), 2, len(accuracy.SHOTS))
    found = {"transfer": np.full(shape, 0.5), "ridge": np.full(shape, 0.25)}
    found["ridge"][..., 0] = np.nan
    for name in ("one", "other"):
        rows = accuracy.summary_rows(found)
        write(f"reproductions/accuracy_{name}.json", rows)
    one, other = meta_tables.accuracy().split("| other |")
    assert cells(one, "transfer") == ["transfer", *5 * ["0.500 [0.500, 0.500]"]]
    assert cells(other, "ridge") == ["ridge", "", *4 * ["0.250 [0.250, 0.250]"]]
