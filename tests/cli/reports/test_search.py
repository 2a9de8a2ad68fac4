import io
import json
from dataclasses import replace
from pathlib import Path

import jax
import matplotlib.figure
import numpy as np
import pytest
from rich.console import Console

import nmjax.analysis.plots
from nmjax.analysis.plots import plot_regret
from nmjax.cli.reports import search as search_report
from nmjax.evaluation.method_runs import MethodRun
from nmjax.evaluation.summary import summarize
from nmjax.experiments import read_result, write_result
from nmjax.search import SearchInfo
from nmjax.spaces import parse

SEEDS = 2
BUDGET = 12


@pytest.fixture(scope="module")
def runs(prepared):
    """Random orders; the first method has a model, and one of its searches ended early."""
    generator = np.random.default_rng(0)

    def run(model):
        row = generator.permuted(np.tile(np.arange(64), (SEEDS, 1)), axis=1)[:, :BUDGET]
        number = generator.uniform(0.1, 0.9, row.shape).astype(np.float32)
        number = number if model else np.full_like(number, np.nan)
        counted = np.ones(row.shape, bool)
        counted[1, -1] = not model
        score = np.where(counted, np.asarray(prepared.problem.score)[row], np.nan)
        trace = SearchInfo(row.astype(np.int32), score, counted, number, number, number)
        return MethodRun(trace, number[:, 0], {"compile": 1.0, "run": 0.5})

    return {"transfer": run(True), "random": run(False)}


@pytest.fixture(scope="module")
def rows(prepared, runs):
    return summarize(jax.random.key(0), prepared, runs)


def test_the_trace_has_a_row_for_each_evaluation(prepared, runs):
    table = search_report.trace_table(prepared, runs)
    suite = prepared.suite
    assert table.num_rows == 2 * SEEDS * BUDGET - 1
    assert table.column_names == [
        *("method", "seed", "step", "row", "architecture", "score"),
        *suite.metrics,
        *("expected_gain", "realized_gain", "transfer_weight"),
    ]
    records = table.to_pylist()
    assert (records[0]["method"], records[0]["seed"], records[0]["step"]) == ("transfer", 0, 1)
    for record in records:
        architecture = parse(suite.space, record["architecture"])
        np.testing.assert_array_equal(architecture, suite.pool[record["row"]])
        for name, values in suite.metrics.items():
            assert record[name] == values[2, record["row"]]


def test_the_result_is_read_back_with_seconds_of_each_stage(tmp_path, prepared, rows):
    seconds = {"learn": 2.0, "total": 3.0}
    made = search_report.make_result(prepared, rows, {"budget": BUDGET}, seconds, seeds=SEEDS)
    write_result(tmp_path / "results.json", made)
    read = read_result(tmp_path / "results.json")
    assert read.seconds == seconds
    assert read.seeds == (0, 1)
    assert [row["method"] for row in read.rows] == ["transfer", "random"]
    assert read.rows[1]["transfer_weight"] == {"first": None, "last": None}
    assert read.rows[0]["best_architecture"] == rows[0]["best_architecture"]
    assert "target three; sources by fold: one; two; one past" in read.split


def test_sources_have_no_folds_without_a_network(prepared):
    described = search_report.describe_split(replace(prepared, folds=None))
    assert described == "target three; sources one, two; one past for all seeds"


def test_pictures_and_settings_are_written(tmp_path, prepared, runs):
    search_report.write_pictures(tmp_path, prepared, runs)
    search_report.write_config(tmp_path / "config.json", {"rate": np.float32(0.5)})
    assert json.loads((tmp_path / "config.json").read_text()) == {"rate": 0.5}
    for name in ("regret.png", "information.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    alone = tmp_path / "alone"
    alone.mkdir()
    search_report.write_pictures(alone, prepared, {"random": runs["random"]})
    assert [path.name for path in alone.iterdir()] == ["regret.png"]


def test_the_band_of_the_picture_is_the_interval_of_the_table(prepared, runs, rows, monkeypatch):
    drawn, floors = {}, []

    def plot(curves, *, key, title):
        figure = plot_regret(curves, key=key, title=title)
        for name, band in zip(curves, figure.axes[0].collections, strict=True):
            at = band.get_paths()[0].vertices
            drawn[name] = at[at[:, 0] == 10, 1]
        floors.append(figure.axes[0].get_ylim()[0] / 0.9)
        return figure

    monkeypatch.setattr(nmjax.analysis.plots, "plot_regret", plot)
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda *_: None)
    search_report.write_pictures(Path(), prepared, runs, key=jax.random.key(0))
    for row in rows:
        expected = np.maximum(row["regret"]["10"]["ci"], floors[0])
        np.testing.assert_allclose(np.sort(drawn[row["method"]]), expected, 1e-5)


def test_the_table_says_what_a_person_asks(prepared, rows):
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(search_report.summary_table(prepared, rows))
    text = console.export_text()
    assert "three of toy" in text
    assert "Learned from one, two." in text
    assert "one past" in text
    regret = rows[0]["regret"]["10"]
    assert f"{regret['mean']:.4f}" in text
    assert f"{regret['ci'][0]:.3f}\u2013{regret['ci'][1]:.3f}" in text
    assert "acc" in text
    for row in rows:
        assert row["best_architecture"]["architecture"] in text
    best = rows[0]["best_architecture"]
    assert f"Found by transfer: {best['architecture']}\nacc {best['value']:.4g} accuracy" in text
    assert "→" in text
    assert max(map(len, text.splitlines())) <= 80


def test_intervals_of_evaluations_leave_room_for_all_columns(prepared, rows):
    """The default methods, of names as long as they have, on what a pipe is given."""
    names = ("transfer", "kernel-transfer", "evolution", "local-search", "random", "past-best")
    reach = {"evaluations": 5, "ci": [3, None]}, {"evaluations": None, "ci": [None, None]}
    made = [
        {**rows[0], "method": name, "reach": {o: reach[name < o] for o in names if o != name}}
        for name in names
    ]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(search_report.summary_table(prepared, made))
    text = console.export_text()
    assert text.count("3\u2013>12") == 15
    assert all(words in text for words in ("weight of", "past, first", "→ last"))
