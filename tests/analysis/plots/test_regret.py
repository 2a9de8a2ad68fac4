import io
import itertools

import numpy as np
import pytest
import scipy.stats
from matplotlib.figure import Figure

from nmjax.analysis.plots import plot_regret
from nmjax.analysis.plots.style import EMPHASIS, quiet_axes
from nmjax.errors import NmjaxError


def curves(*names, seeds=6, budget=30):
    rng = np.random.default_rng(0)
    return {name: np.sort(rng.uniform(0.01, 1, (seeds, budget)))[:, ::-1] for name in names}


def line(figure, name):
    (found,) = [x for x in figure.axes[0].lines if x.get_label() == name]
    return found


def test_each_method_has_its_mean_and_a_label():
    data = curves("ours", "random", "gp")
    figure = plot_regret(data, title="Cora")
    axes = figure.axes[0]
    for name, values in data.items():
        np.testing.assert_array_equal(line(figure, name).get_xdata(), np.arange(1, 31))
        np.testing.assert_allclose(line(figure, name).get_ydata(), values.mean(0))
    assert {text.get_text() for text in axes.texts} == set(data)
    assert len(axes.collections) == 3
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == "Evaluations"
    assert axes.get_ylabel() == "Normalized regret"
    assert axes.get_title(loc="left") == "Cora"


def test_ours_alone_is_emphasized_and_in_front():
    figure = plot_regret(curves("random", "ours", "gp"), emphasized="ours")
    ours, others = line(figure, "ours"), [line(figure, name) for name in ("random", "gp")]
    assert ours.get_color() == EMPHASIS
    assert all(ours.get_zorder() > x.get_zorder() for x in others)
    assert all(ours.get_linewidth() > x.get_linewidth() for x in others)
    assert len({x.get_color() for x in (ours, *others)}) == 3
    assert line(plot_regret(curves("a", "b")), "a").get_color() == EMPHASIS


def test_zero_regret_lies_on_the_floor_and_the_floor_says_so():
    values = np.tile([1.0, 0.1, 0.004, 0.0], (3, 1))
    figure = plot_regret({"ours": values})
    np.testing.assert_allclose(line(figure, "ours").get_ydata(), [1.0, 0.1, 0.004, 2e-3])
    assert figure.axes[0].get_yticklabels()[0].get_text().startswith(r"$\leq$")
    figure = plot_regret({"ours": values}, floor=0.05)
    np.testing.assert_allclose(line(figure, "ours").get_ydata(), [1.0, 0.1, 0.05, 0.05])
    assert figure.axes[0].get_yticklabels()[0].get_text() == r"$\leq$0.05"


def test_the_axis_fits_curves_that_stay_above_zero():
    axes = plot_regret({"ours": np.tile([1.0, 0.5, 0.085], (3, 1))}).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "0.05",
        r"$\mathdefault{10^{-1}}$",
        r"$\mathdefault{10^{0}}$",
    ]
    assert 0.04 < axes.get_ylim()[0] < 0.05


SEEDS = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
BOOTSTRAP = scipy.stats.bootstrap(
    (SEEDS,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(0)
).confidence_interval


@pytest.mark.parametrize(
    ("band", "low", "high", "rtol"),
    [("interquartile", 0.2, 0.4, 1e-6), ("95%", BOOTSTRAP.low, BOOTSTRAP.high, 0.05)],
)
def test_bands_over_seeds(band, low, high, rtol):
    values = np.tile(SEEDS[:, None], (1, 2))
    figure = plot_regret({"ours": values}, band=band)
    heights = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], [low, high], rtol=rtol)


def test_a_band_of_two_seeds_stays_between_them():
    two = {"ours": np.array([[0.2, 0.1], [0.4, 0.3]])}
    heights = plot_regret(two).axes[0].collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], [0.1, 0.4], rtol=1e-6)


@pytest.mark.parametrize("band", ["interquartile", "95%"])
def test_one_seed_has_a_mean_and_no_band(band):
    alone, late = np.array([[0.5, 0.4, 0.2]]), np.array([[0.5, 0.4, 0.2], [np.nan, 0.4, 0.3]])
    figure = plot_regret({"alone": alone, "late": late}, band=band)
    figure.savefig(io.BytesIO(), format="png")
    np.testing.assert_allclose(line(figure, "alone").get_ydata(), alone[0])
    none, some = (collection.get_paths() for collection in figure.axes[0].collections)
    assert not none
    assert some[0].vertices[:, 0].min() == 2


def test_seeds_without_a_success_are_left_out_and_all_zero_is_drawn():
    values = np.array([[np.nan, np.nan, 0.5], [np.nan, 0.4, 0.1]])
    figure = plot_regret({"ours": values, "solved": np.zeros((2, 3))})
    np.testing.assert_allclose(line(figure, "ours").get_ydata(), [np.nan, 0.4, 0.3])
    figure.savefig(io.BytesIO(), format="png")


def test_labels_do_not_overlap_nor_cover_the_curves():
    same = np.tile(np.linspace(1, 0.01, 20), (2, 1))
    figure = plot_regret({f"method {i}": same for i in range(9)})
    figure.savefig(io.BytesIO(), format="png")
    axes = figure.axes[0]
    boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 for low, high in itertools.pairwise(boxes))
    assert min(box.x0 for box in boxes) >= axes.get_window_extent().x1
    assert max(box.x1 for box in boxes) <= figure.bbox.x1
    assert axes.get_window_extent().y0 - 10 <= boxes[0].y0


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ({}, {}, "at least one method"),
        ({"ours": np.ones(5)}, {}, r"expected \[seeds, evaluations\]"),
        ({"ours": np.ones((0, 5))}, {}, r"expected \[seeds, evaluations\]"),
        (curves("ours"), {"emphasized": "our"}, "did you mean 'ours'"),
    ],
)
def test_invalid_plot_data_are_refused(data, options, message):
    with pytest.raises(NmjaxError, match=message):
        plot_regret(data, **options)


def test_unknown_bands_are_refused():
    with pytest.raises(NmjaxError, match="Unknown band 'interquartil': did you mean"):
        plot_regret(curves("ours"), band="interquartil")


def test_grid_lines_of_an_unknown_axis_are_refused():
    with pytest.raises(NmjaxError, match="Unknown axis 'both'"):
        quiet_axes(Figure().subplots(), lines="both")
