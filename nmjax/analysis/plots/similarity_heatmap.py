"""Pairwise similarities of tasks, with the tree of their clusters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from nmjax.analysis.comparison import cluster_tasks
from nmjax.analysis.plots.style import INK
from nmjax.errors import NmjaxError
from nmjax.stats import Interval

_CELL, _LETTER, _TREE = 0.62, 0.085, 1.1
_WRITTEN, _WITH_INTERVALS = 20, 10
_LEAF = 10
"""Distance between two leaves in SciPy's dendrograms."""


def plot_similarity(similarity: Interval, names: Sequence[str], *, title: str = "") -> Figure:
    """Plot a heat map of tasks in the order of their clusters, with the cluster tree beside it.

    Up to 20 tasks have their similarities written in the cells, up to 10 their intervals too.
    Similarities whose interval includes 0 are in parentheses.

    Args:
      similarity: similarity of each pair of T tasks, float[T, T], at most 1.
      names: names of the tasks.
      title: title above the map.

    Raises:
      NmjaxError: the names do not fit, or an error of `cluster_tasks`.

    Example:
      >>> import numpy as np
      >>> from nmjax.analysis.plots import plot_similarity
      >>> from nmjax.stats import Interval
      >>> similarity = np.array([[1.0, 0.5], [0.5, 1.0]])
      >>> figure = plot_similarity(Interval(*[similarity] * 3), ("one", "two"))
      >>> sorted(label.get_text() for label in figure.axes[1].get_xticklabels())
      ['one', 'two']
    """
    from scipy.cluster.hierarchy import dendrogram

    middle, low, high = (np.asarray(end, float) for end in similarity)
    if {middle.shape, low.shape, high.shape} != {(len(names),) * 2}:
        raise NmjaxError(
            f"Got similarities {[list(end.shape) for end in (middle, low, high)]} and "
            f"{len(names)} names; give [{len(names)}, {len(names)}]."
        )
    tree = dendrogram(cluster_tasks(middle), no_plot=True)
    order = np.array(tree["leaves"])
    cell = _CELL if len(names) <= _WITH_INTERVALS else 0.6 * _CELL
    side, label = cell * len(names), _LETTER * max(map(len, names))
    figure = Figure(
        figsize=(side + label + _TREE + 1.2, side + label + 0.7), dpi=150, layout="constrained"
    )
    branches, axes = figure.subplots(1, 2, sharey=True, width_ratios=(_TREE, side))
    image = axes.imshow(
        middle[np.ix_(order, order)],
        cmap="RdBu",
        vmin=-1,
        vmax=1,
        extent=(0, _LEAF * len(names), _LEAF * len(names), 0),
        aspect="auto",
    )
    places = _LEAF * (np.arange(len(names)) + 0.5)
    shown = [names[task] for task in order]
    axes.set_xticks(places, shown, rotation=90)
    axes.yaxis.tick_right()
    axes.set_yticks(places, shown)
    axes.tick_params(length=0, colors=INK, labelsize=10, labelleft=False, labelright=True)
    axes.spines[:].set_visible(False)
    if len(names) <= _WRITTEN:
        _write(axes, middle, low, high, order)
    _draw_tree(branches, tree)
    bar = figure.colorbar(image, ax=[branches, axes], location="right", shrink=0.6, aspect=30)
    bar.ax.set_ylim(min(0, float(middle.min())), 1)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=INK, labelsize=9)
    if title:
        figure.suptitle(title, fontsize=12, color=INK, x=0.01, ha="left")
    return figure


def _write(
    axes: Axes, middle: np.ndarray, low: np.ndarray, high: np.ndarray, order: np.ndarray
) -> None:
    """Write similarities off the diagonal, and intervals where there is room."""
    with_intervals = len(order) <= _WITH_INTERVALS
    for row, column in zip(*np.nonzero(~np.eye(len(order), dtype=bool)), strict=True):
        at = order[row], order[column]
        text = f"{middle[at]:.2f}"
        if low[at] <= 0 <= high[at]:
            text = f"({text})"
        place = _LEAF * (column + 0.5), _LEAF * (row + 0.5)
        color = "white" if abs(middle[at]) > 0.6 else INK
        axes.text(
            place[0],
            place[1] - 0.12 * _LEAF * with_intervals,
            text,
            ha="center",
            va="center",
            fontsize=9.5 if with_intervals else 6.5,
            color=color,
        )
        if with_intervals:
            axes.text(
                place[0],
                place[1] + 0.22 * _LEAF,
                f"{low[at]:.2f} to {high[at]:.2f}",
                ha="center",
                va="center",
                fontsize=5.5,
                color=color,
            )


def _draw_tree(axes: Axes, tree: dict[str, Any]) -> None:
    heights, places = np.array(tree["dcoord"]), np.array(tree["icoord"])
    axes.add_collection(
        LineCollection(list(np.stack([heights, places], -1)), colors=INK, linewidths=1.2)
    )
    axes.set_xlim(1.05 * max(heights.max(), 1e-6), 0)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.spines["bottom"].set_color("#999999")
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.tick_params(axis="x", colors=INK, labelsize=9)
    axes.set_xlabel("1 - similarity", fontsize=9.5, color=INK)
