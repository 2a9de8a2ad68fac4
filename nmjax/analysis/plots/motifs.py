"""Odds ratios of motifs among the best, or the failed, evaluations."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nmjax.analysis.plots.style import COLORS, EMPHASIS, INK, log_x_axis, quiet_axes
from nmjax.errors import NmjaxError
from nmjax.patterns import MotifTable

_ROW, _LETTER = 0.27, 0.08


def plot_motifs(
    panels: Mapping[str, tuple[MotifTable, np.ndarray]],
    names: Sequence[str],
    *,
    rate: float = 0.05,
    order: str = "lower end of the 95% interval",
    title: str = "",
) -> Figure:
    """Plot the odds ratios of motifs with their 95% intervals on a log axis, one panel per table.

    A filled mark holds on every task at the false discovery rate, a hollow one only on some; small
    bars are single tasks.

    Args:
      panels: {title: (table, int[n])}, with the motifs to draw from top to bottom.
      names: names of all F motifs.
      rate: false discovery rate.
      order: what the motifs are sorted by, written below the axis; the default is the order of
        `nmjax.patterns.leading_motifs`.
      title: title above the panels.

    Raises:
      NmjaxError: there is no panel, or the names do not fit a table.

    Example:
      >>> import numpy as np
      >>> from nmjax.analysis.plots import plot_motifs
      >>> from nmjax.patterns import MotifTable
      >>> one = np.ones(1)
      >>> table = MotifTable(one, 0.5 * one, 2 * one, one, one, one, one[None], one[None])
      >>> figure = plot_motifs({"best": (table, np.array([0]))}, ("a=x",))
      >>> figure.axes[0].get_xlabel().splitlines()[0]
      'Odds ratio'
    """
    if not panels or any(len(names) != len(table.log_odds) for table, _ in panels.values()):
        raise NmjaxError(
            f"Got {len(panels)} panels and {len(names)} names; give at least one panel, and a name "
            "for each motif of its table."
        )
    drawn = [names[motif] for _, shown in panels.values() for motif in np.asarray(shown, int)]
    rows = max(len(np.asarray(shown)) for _, shown in panels.values())
    width = 3.3 + _LETTER * max(map(len, drawn), default=0)
    size = (width * len(panels), 1.5 + _ROW * max(rows, 3))
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    places = zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True)
    for place, (axes, (name, (table, shown))) in enumerate(places):
        color = EMPHASIS if place % 2 else COLORS[0]
        _draw(axes, table, np.asarray(shown, int), names, rate, rows, color)
        axes.set_xlabel(f"Odds ratio\n(sorted by {order})", fontsize=11, color=INK)
        axes.set_title(name, fontsize=11, color=INK, loc="left")
    _explain(figure.axes[0], alone=len(next(iter(panels.values()))[0].task_rate) == 1)
    if title:
        figure.suptitle(title, fontsize=12, color=INK, x=0.01, ha="left")
    return figure


def _draw(
    axes: Axes,
    table: MotifTable,
    shown: np.ndarray,
    names: Sequence[str],
    rate: float,
    rows: int,
    color: str,
) -> None:
    heights = np.arange(len(shown))
    middle, low, high = (
        np.exp(np.asarray(x, float)[shown]) for x in (table.log_odds, table.low, table.high)
    )
    everywhere = np.asarray(table.everywhere)[shown] <= rate
    own = np.exp(np.asarray(table.task_log_odds, float)[:, shown])
    quiet_axes(axes, lines="x")
    axes.axvline(1, color="#999999", linewidth=1, zorder=1)
    if len(own) > 1:
        axes.plot(own.T, heights, "|", color=color, alpha=0.45, markersize=7, zorder=2)
    axes.hlines(heights, low, high, color=color, linewidth=1.6, zorder=3)
    axes.scatter(
        middle,
        heights,
        s=34,
        color=color,
        facecolor=np.where(everywhere, color, "white"),
        linewidth=1.4,
        zorder=4,
    )
    axes.set_yticks(heights, [names[motif] for motif in shown])
    axes.set_ylim(max(rows, 3) - 0.4, -0.6)
    ends = np.concatenate([low, high, own[np.isfinite(own)], [0.8, 1.25]])
    log_x_axis(axes, np.nanmin(ends) / 1.1, np.nanmax(ends) * 1.1)
    if not len(shown):
        axes.annotate(
            "none at this rate",
            (0.5, 0.5),
            xycoords="axes fraction",
            ha="center",
            color="#777777",
            fontsize=10,
        )


def _explain(axes: Axes, *, alone: bool) -> None:
    if alone:
        return
    marks: dict[str, Any] = {"linestyle": "none", "color": INK, "markersize": 6}
    handles = [
        axes.plot([], [], marker="o", label="on every task", **marks)[0],
        axes.plot([], [], marker="o", markerfacecolor="white", label="on some", **marks)[0],
        axes.plot([], [], marker="|", label="one task", **marks)[0],
    ]
    axes.figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=3,
        frameon=False,
        fontsize=9.5,
        labelcolor=INK,
        handletextpad=0.3,
    )
