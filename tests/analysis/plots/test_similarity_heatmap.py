import io

import numpy as np
import pytest

from nmjax.analysis.plots import plot_similarity
from nmjax.errors import NmjaxError
from nmjax.stats import Interval


def made_up(tasks):
    """Two groups: the even tasks and the odd ones."""
    same = (np.arange(tasks)[:, None] + np.arange(tasks)) % 2 == 0
    middle = np.where(same, 0.8, 0.1) - 0.001 * np.abs(np.subtract.outer(*[np.arange(tasks)] * 2))
    np.fill_diagonal(middle, 1)
    return Interval(middle, middle - 0.2, np.minimum(middle + 0.1, 1))


def drawn(tasks):
    figure = plot_similarity(made_up(tasks), [f"task {i}" for i in range(tasks)], title="past")
    figure.savefig(io.BytesIO(), format="png")
    return figure


def test_cells_come_by_clusters_with_their_numbers():
    figure = drawn(6)
    tree, heat, _ = figure.axes
    shown = [int(label.get_text().removeprefix("task ")) for label in heat.get_yticklabels()]
    assert sorted(shown) == list(range(6))
    assert len({task % 2 for task in shown[:3]}) == 1
    (image,) = heat.images
    np.testing.assert_allclose(image.get_array(), made_up(6).estimate[np.ix_(shown, shown)])
    texts = {(t.get_position()[0], round(t.get_position()[1])): t.get_text() for t in heat.texts}
    assert len(texts) == 2 * 30
    middle = made_up(6).estimate[shown[0], shown[1]]
    assert texts[15, 4] == f"{middle:.2f}"
    assert texts[15, 7] == f"{middle - 0.2:.2f} to {min(middle + 0.1, 1):.2f}"
    # Those that may be unlike are in brackets, and the tree joins the groups last.
    assert texts[55, 4].startswith("(0.")
    (branches,) = tree.collections
    heights = [segment[:, 0].max() for segment in branches.get_segments()]
    assert len(heights) == 5
    assert max(heights) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(("tasks", "texts"), [(2, 4), (12, 132), (24, 0)])
def test_numbers_are_written_where_there_is_room(tasks, texts):
    assert len(drawn(tasks).axes[1].texts) == texts


def test_invalid_plot_data_are_refused():
    with pytest.raises(NmjaxError, match="3 names"):
        plot_similarity(made_up(2), list("abc"))
    with pytest.raises(NmjaxError, match="two tasks"):
        plot_similarity(made_up(1), ["a"])
