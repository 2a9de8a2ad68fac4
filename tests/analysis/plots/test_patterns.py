import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from nmjax.analysis.plots import plot_motifs, plot_sensitivity, plot_tradeoffs
from nmjax.analysis.plots.style import log_x_axis
from nmjax.errors import NmjaxError
from nmjax.patterns import MotifTable, Sensitivity, Tradeoff
from nmjax.stats import Interval
from nmjax.types import Metric

RNG = np.random.default_rng(0)
NAMES = ("count gat", "op1=gat", "gat>gcn")
MOTIFS = MotifTable(
    log_odds=np.log([2.0, 8.0, 0.5]),
    low=np.log([1.5, 4.0, 0.1]),
    high=np.log([3.0, 16.0, 2.5]),
    everywhere=np.array([0.001, 0.3, 1.0]),
    somewhere=np.array([0.001, 0.01, 1.0]),
    differs=np.ones(3),
    task_log_odds=np.log([[1.8, 9.0, 0.4], [2.2, np.nan, 0.6]]),
    task_rate=np.ones((2, 3)),
)


def as_png(figure):
    figure.savefig(io.BytesIO(), format="png")
    return figure


def test_motifs_have_their_odds_and_their_intervals():
    figure = as_png(plot_motifs({"Best": (MOTIFS, [1, 0])}, NAMES, title="past"))
    (axes,) = figure.axes
    bars, points = axes.collections
    ends = np.array([segment[:, 0] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends, [[4, 16], [1.5, 3]])
    np.testing.assert_allclose(points.get_offsets()[:, 0], [8, 2])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["op1=gat", "count gat"]
    assert axes.get_xscale() == "log"
    label = axes.get_xlabel()
    assert label == "Odds ratio\n(sorted by lower end of the 95% interval)"
    low, high = axes.get_xlim()
    assert low < 0.8
    assert high > 16
    # What holds on every task is filled, what holds on some only is hollow.
    hollow, filled = points.get_facecolor()
    assert tuple(hollow) == (1, 1, 1, 1)
    assert tuple(filled) == tuple(points.get_edgecolor()[0])
    assert figure.get_suptitle() == "past"


def test_a_panel_without_motifs_is_labeled_and_one_task_needs_no_legend():
    alone = MOTIFS._replace(task_log_odds=MOTIFS.task_log_odds[:1], task_rate=np.ones((1, 3)))
    figure = as_png(plot_motifs({"Best": (alone, [0]), "Failed": (alone, [])}, NAMES))
    assert [text.get_text() for text in figure.axes[1].texts] == ["none at this rate"]
    assert figure.legends == []
    assert len(as_png(plot_motifs({"Best": (MOTIFS, [0])}, NAMES)).legends) == 1


def indices(*shape):
    middle = RNG.uniform(0.1, 0.6, shape)
    return Interval(middle, middle - 0.2, middle + 0.1)


def test_sensitivities_have_a_panel_a_task_and_intervals_that_do_not_leave_it():
    tasks = {name: Sensitivity(indices(3), indices(3, 3), indices(3)) for name in "abcde"}
    figure = as_png(plot_sensitivity(tasks, ("width", "depth", "rate")))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == list("abcde")
    order = np.argsort(-np.mean([np.array(t.total.estimate) for t in tasks.values()], axis=0))
    labels = [label.get_text() for label in shown[0].get_yticklabels()]
    assert labels == [("width", "depth", "rate")[choice] for choice in order]
    assert shown[0].get_ylabel() == "by mean total index"
    first, total = shown[3].containers
    np.testing.assert_allclose([bar.get_width() for bar in first], tasks["d"].first[0][order])
    np.testing.assert_allclose([bar.get_width() for bar in total], tasks["d"].total[0][order])
    ends = np.array([segment[:, 0] for segment in shown[3].collections[1].get_segments()])
    low, high = tasks["d"].total.low[order], tasks["d"].total.high[order]
    np.testing.assert_allclose(ends, np.stack([np.maximum(low, 0), high], -1))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.9, 6, [1, 2, 5]),
        (0.008, 0.03, [0.01, 0.02]),
        (0.05, 9e4, [0.1, 1, 10, 100, 1000, 1e4]),
        (1e-8, 1.0, [1e-8, 1e-6, 1e-4, 1e-2, 1]),
    ],
)
def test_ticks_of_log_axes_are_few_and_round(low, high, ticks):
    axes = Figure().add_subplot()
    log_x_axis(axes, low, high)
    np.testing.assert_allclose(axes.get_xticks(), ticks)
    assert axes.get_xlim() == (low, high)


COST, SCORE = Metric("latency", "s", "min", "log"), Metric("acc", "accuracy")


def test_fronts_are_drawn_over_all_evaluations():
    cost, score = np.array([1.0, 2, 4, 4, np.nan]), np.array([0.2, 0.5, 0.9, 0.1, 0.3])
    front = np.array([True, True, True, False, False])
    tasks = {name: Tradeoff(cost, score, front, 0.61) for name in ("cora", "cs")}
    figure = as_png(plot_tradeoffs(tasks, COST, SCORE, title="past"))
    for name, axes in zip(tasks, figure.axes, strict=True):
        assert axes.get_title(loc="left") == name
        assert [text.get_text() for text in axes.texts] == ["hypervolume 0.610"]
        assert axes.get_xlabel() == "latency (s)"
        assert axes.get_xscale() == "log"
        np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[1, 0.2], [2, 0.5], [4, 0.9]])
        assert axes.lines[0].get_drawstyle() == "steps-post"
        np.testing.assert_array_equal(axes.collections[0].get_offsets()[:4, 0], cost[:4])
    assert figure.axes[0].get_ylabel() == "acc (accuracy)"


@pytest.mark.parametrize("transform", ["log", "identity"])
def test_the_cost_axis_fits_what_succeeded(transform):
    cost, score = np.array([0.001, 0.01, 0.028, 7.0]), np.array([0.2, 0.5, 0.9, np.nan])
    task = Tradeoff(cost, score, np.array([True, True, True, False]), 0.6)
    figure = plot_tradeoffs({"cora": task}, Metric("latency", "s", "min", transform), SCORE)
    low, high = as_png(figure).axes[0].get_xlim()
    assert low < 0.001 < 0.028 < high < 0.035


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: plot_motifs({}, NAMES), "0 panels"),
        (lambda: plot_motifs({"Best": (MOTIFS, [0])}, NAMES[:2]), "2 names"),
        (lambda: plot_sensitivity({}, ("a",)), "at least one task"),
        (
            lambda: plot_sensitivity(
                {"a": Sensitivity(indices(3), indices(3, 3), indices(3))}, ("a",)
            ),
            "1 names",
        ),
        (lambda: plot_tradeoffs({}, COST, SCORE), "at least one task"),
        (
            lambda: plot_tradeoffs(
                {"a": Tradeoff(np.ones(3), np.ones(2), np.ones(3, bool), 0)}, COST, SCORE
            ),
            "for all three",
        ),
    ],
)
def test_invalid_plot_data_are_refused(draw, says):
    with pytest.raises(NmjaxError, match=says):
        draw()
