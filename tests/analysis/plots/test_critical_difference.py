import io

import numpy as np
import pytest

from nmjax.analysis.plots import plot_critical_difference
from nmjax.analysis.plots.style import EMPHASIS
from nmjax.errors import NmjaxError

RANKS = {"late": 3.4, "first": 1.2, "second": 2.0, "last": 4.1, "middle": 2.8}


def test_each_method_hangs_from_its_rank_and_groups_are_bars():
    groups = [["first", "second"], ["second", "middle", "late"]]
    figure = plot_critical_difference(RANKS, groups, emphasized="second", difference=1.5)
    axes = figure.axes[0]
    hanging = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert sorted(line.get_xdata()[0] for line in hanging) == sorted(RANKS.values())
    bars = [line for line in axes.lines if line.get_linewidth() > 3]
    assert [list(bar.get_xdata()) for bar in bars] == [[1.2, 2.0], [2.0, 3.4]]
    assert len({bar.get_ydata()[0] for bar in bars}) == 2
    lowest = min(bar.get_ydata()[0] for bar in bars)
    assert all(min(line.get_ydata()) < lowest for line in hanging)
    (ours,) = (line for line in hanging if line.get_color() == EMPHASIS)
    assert ours.get_xdata()[0] == 2.0
    names = {text.get_text().strip() for text in axes.texts}
    assert {"first  1.2", "second  2", "4.1  last", "critical difference"} <= names


def test_labels_do_not_overlap():
    positions = {f"method {i}": 1 + 0.01 * i for i in range(15)}
    figure = plot_critical_difference(positions, [list(positions)])
    figure.savefig(io.BytesIO(), format="png")
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[i + 1 :])
        assert one.x0 >= 0
        assert one.x1 <= figure.bbox.x1


@pytest.mark.parametrize(
    ("positions", "groups", "message"),
    [
        ({"one": 1.0}, [], "two or more"),
        ({"one": 1.0, "two": np.nan}, [], "two or more"),
        (RANKS, [["frist"]], "did you mean 'first'"),
    ],
)
def test_invalid_plot_data_are_refused(positions, groups, message):
    with pytest.raises(NmjaxError, match=message):
        plot_critical_difference(positions, groups)
