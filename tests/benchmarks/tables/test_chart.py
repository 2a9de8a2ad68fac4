"""The chart of the README, its curves and its labels."""

import json

import numpy as np
import pytest

from benchmarks.script import require
from benchmarks.tables import chart
from nmjax.evaluation.comparison import STEPS
from nmjax.evaluation.protocol import SUITES
from nmjax.tasks import list_suites, load_suite

ROWS = require("search/regret_curves").rows


@pytest.mark.parametrize("suite", SUITES)
def test_curves_are_those_of_the_comparison(suite):
    """Which is made from the stored trajectories too, by another function."""
    compared = {
        row["method"]: row
        for row in require(f"search/transfer_{suite}").rows
        if row.get("task") == "all"
    }
    curves = {row["method"]: row for row in ROWS if row["suite"] == suite}
    enough = {name for name, row in compared.items() if row["seeds"] >= chart.LEAST_SEEDS}
    assert curves.keys() == set(chart.LINES) & enough
    for name, row in curves.items():
        assert row["seeds"] == compared[name]["seeds"]
        at_steps = [row["regret"][step - 1] for step in STEPS]
        np.testing.assert_allclose(at_steps, compared[name]["regret"], rtol=1e-3, atol=1e-9)


def test_curves_are_those_of_the_stored_trajectories():
    name = "nas-bench-graph"
    if not any(info.name == name and info.installed for info in list_suites()):
        pytest.skip('needs pip install "nmjax[bench]"')
    kept = [row for row in ROWS if row["suite"] == name]
    assert json.dumps(chart.curve_rows(load_suite(name))) == json.dumps(kept)


def test_every_curve_has_a_label_beside_its_end():
    figure = chart.draw(ROWS)
    panels = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title(loc="left") for axes in panels] == [chart.TITLES[s] for s in SUITES]
    for axes, suite in zip(panels, SUITES, strict=True):
        methods = [row["method"] for row in ROWS if row["suite"] == suite]
        assert [text.get_text() for text in axes.texts] == [chart.LINES[m].label for m in methods]
        assert len(axes.lines) == len(methods)


def test_labels_keep_their_order_and_their_distance():
    places = np.array([0.5, 0.1, 0.52, 0.51, 0.0, 0.99])
    moved = chart.spread(places, 0.1)
    order = np.argsort(places)
    np.testing.assert_array_equal(np.argsort(moved), order)
    assert np.diff(moved[order]).min() > 0.1 - 1e-9
    assert 0 <= moved.min() < moved.max() <= 1
    np.testing.assert_allclose(moved[[0, 2, 3]].mean(), places[[0, 2, 3]].mean())
    apart = np.array([0.9, 0.2, 0.5])
    np.testing.assert_allclose(chart.spread(apart, 0.1), apart)
