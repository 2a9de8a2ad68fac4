"""Critical difference diagrams (Demšar, 2006, figure 1)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from nmjax.analysis.plots.style import EMPHASIS, INK
from nmjax.errors import NmjaxError, unknown_name

_ROW, _BAR = 0.22, 0.13


def plot_critical_difference(
    positions: Mapping[str, float],
    groups: Sequence[Sequence[str]],
    *,
    emphasized: str | None = None,
    difference: float | None = None,
    xlabel: str = "Average rank",
    title: str = "",
) -> Figure:
    """Plot a critical difference diagram, with the better half of the methods on the left.

    Args:
      positions: {method: position on the axis}, lower is better, such as average ranks.
      groups: names of methods that do not differ, with a bar for each group.
      emphasized: method drawn in color, if any.
      difference: critical difference drawn above the axis, if any.
      xlabel: label of the axis.
      title: title above the diagram.

    Raises:
      NmjaxError: there are fewer than two methods, a position is not finite, or a name is unknown.

    Example:
      >>> from nmjax.analysis.plots import plot_critical_difference
      >>> ranks = {"transfer": 1.2, "gp": 1.9, "random": 2.9}
      >>> figure = plot_critical_difference(ranks, [["transfer", "gp"]], difference=0.8)
      >>> figure.axes[0].get_xlabel()
      'Average rank'
    """
    if len(positions) < 2 or not np.isfinite(list(positions.values())).all():
        raise NmjaxError(f"Got positions {dict(positions)}; give two or more finite ones.")
    for name in (*(name for group in groups for name in group), *filter(None, [emphasized])):
        if name not in positions:
            raise unknown_name("method", name, positions)
    ordered = sorted(positions, key=lambda name: positions[name])
    left, right = ordered[: -(-len(ordered) // 2)], ordered[-(-len(ordered) // 2) :][::-1]
    below = _BAR * (len(groups) + 1)
    depth = below + _ROW * len(left)
    figure = Figure(figsize=(8, 1.0 + 1.6 * depth), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    low, high = positions[ordered[0]], positions[ordered[-1]]
    span = max(high - low, difference or 0) or 1.0
    axes.set_xlim(low - 0.45 * span, low + 1.45 * span)
    axes.set_ylim(-depth, 0.35)
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.spines["top"].set(position=("data", 0), bounds=(low, low + span), color=INK)
    axes.xaxis.tick_top()
    axes.yaxis.set_visible(False)
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= low + span])
    axes.tick_params(colors=INK, labelsize=9)
    axes.set_xlabel(xlabel, fontsize=10, color=INK)
    for names, side, edge in ((left, "right", low), (right, "left", low + span)):
        end = edge + (-0.04 if side == "right" else 0.04) * span
        for place, name in enumerate(names):
            height = -below - _ROW * (place + 0.5)
            at, color = positions[name], EMPHASIS if name == emphasized else INK
            axes.plot([at, at, end], [0, height, height], color=color, linewidth=0.9)
            label = f"{name}  {at:.3g} " if side == "right" else f" {at:.3g}  {name}"
            axes.text(end, height, label, ha=side, va="center", fontsize=9, color=color)
    for place, group in enumerate(groups):
        ends = [positions[group[0]], positions[group[-1]]]
        height = -_BAR * (place + 1)
        axes.plot(ends, [height, height], color=INK, linewidth=3.2, solid_capstyle="round")
    if difference is not None:
        middle = low + 0.5 * difference
        axes.errorbar([middle], [0.28], xerr=0.5 * difference, color=INK, capsize=3, fmt="none")
        axes.text(low + difference, 0.28, "  critical difference", va="center", fontsize=8)
    axes.set_title(title, fontsize=12, color=INK, loc="left")
    return figure
