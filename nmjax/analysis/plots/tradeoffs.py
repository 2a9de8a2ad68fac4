"""What is given up for what: score against cost, with the front that nothing dominates."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike

from nmjax.analysis.plots.style import EMPHASIS, INK, quiet_axes
from nmjax.errors import NmjaxError
from nmjax.types import Metric

_COLUMNS = 4
_TAIL = 0.02
"""Share of the worst scores that may lie outside the axes: failures would flatten all else."""


class Tradeoff(NamedTuple):
    """One task's evaluations, raw.

    Attributes:
      cost: float[N]; NaN is a failed evaluation, as in `score`.
      score: float[N].
      front: bool[N], which no other dominates.
      hypervolume: float[], the share of the box between the worst and the best of each that the
        front dominates.
    """

    cost: ArrayLike
    score: ArrayLike
    front: ArrayLike
    hypervolume: ArrayLike


def plot_tradeoffs(
    tasks: Mapping[str, Tradeoff], cost: Metric, score: Metric, *, title: str = ""
) -> Figure:
    """A panel for each task: evaluations, the front as steps, its hypervolume above.

    The worst scores, a fiftieth, may lie outside.

    Args:
      tasks: {name: evaluations}.
      cost: on the horizontal axis, which is logarithmic where its transform is.
      score: on the vertical axis.
      title: drawn above the panels.

    Raises:
      NmjaxError: there is no task, or shapes differ within one.
    """
    shapes = {name: [np.shape(x) for x in task[:3]] for name, task in tasks.items()}
    if not tasks or any(len(set(shape)) != 1 or len(shape[0]) != 1 for shape in shapes.values()):
        raise NmjaxError(
            f"Shapes {shapes} came for cost, score and front, expected [evaluations] for all three "
            "of at least one task."
        )
    columns = min(len(tasks), _COLUMNS)
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(3 * columns + 0.8, 2.7 * rows + 0.5), dpi=150, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, task) in zip(grid, tasks.items(), strict=False):
        _draw(axes, task, cost, score)
        axes.set_title(name, fontsize=11, color=INK, loc="left")
        axes.set_title(
            f"hypervolume {float(np.asarray(task.hypervolume)):.3f}",
            fontsize=9,
            color=EMPHASIS,
            loc="right",
        )
    for axes in grid[len(tasks) :]:
        axes.set_visible(False)
    for axes in grid[max(len(tasks) - columns, 0) : len(tasks)]:
        axes.set_xlabel(_label(cost), fontsize=11, color=INK)
    for axes in grid[: len(tasks) : columns]:
        axes.set_ylabel(_label(score), fontsize=11, color=INK)
    if title:
        figure.suptitle(title, fontsize=12, color=INK, x=0.01, ha="left")
    return figure


def _draw(axes: Axes, task: Tradeoff, cost: Metric, score: Metric) -> None:
    costs, values, front = np.asarray(task.cost), np.asarray(task.score), np.asarray(task.front)
    quiet_axes(axes)
    if cost.transform == "log":
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.scatter(costs, values, s=5, color="#8A8A8A", alpha=0.35, linewidth=0, rasterized=True)
    order = np.argsort(costs[front], kind="stable")
    along = costs[front][order], values[front][order]
    where = "post" if cost.direction == "min" else "pre"
    axes.step(*along, where=where, color=EMPHASIS, linewidth=1.8)
    axes.plot(*along, "o", color=EMPHASIS, markersize=3.2)
    shown = values[np.isfinite(values) & np.isfinite(costs)]
    if len(shown):
        ends = (_TAIL, 1) if score.direction == "max" else (0, 1 - _TAIL)
        low, high = np.quantile(shown, ends)
        margin = 0.05 * (high - low) or 0.05 * abs(high) or 1
        axes.set_ylim(low - margin, high + margin)


def _label(metric: Metric) -> str:
    return f"{metric.name} ({metric.unit})" if metric.unit else metric.name
