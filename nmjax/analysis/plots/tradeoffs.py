"""What is given up for what: score against cost, with the front that nothing dominates."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nmjax.analysis.plots.style import EMPHASIS, log_x_axis, named_panels, quiet_axes
from nmjax.errors import NmjaxError
from nmjax.patterns.past_patterns import Tradeoff
from nmjax.types import Metric

_TAIL = 0.02
"""Share of the worst scores that may lie outside the axes: failures would flatten all else."""


def plot_tradeoffs(
    tasks: Mapping[str, Tradeoff], cost: Metric, score: Metric, *, title: str = ""
) -> Figure:
    """A panel for each task: evaluations, the front as steps, its hypervolume below.

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
    figure, panels = named_panels(
        list(tasks),
        size=(3, 2.7),
        margin=(0.8, 0.5),
        xlabel=_label(cost),
        ylabel=_label(score),
        title=title,
    )
    for axes, task in zip(panels, tasks.values(), strict=True):
        _draw(axes, task, cost, score)
    return figure


def _draw(axes: Axes, task: Tradeoff, cost: Metric, score: Metric) -> None:
    costs, values, front, _ = task
    quiet_axes(axes)
    if cost.transform == "log":
        positive = costs[np.isfinite(costs) & (costs > 0)]
        log_x_axis(axes, 0.9 * positive.min(initial=1), 1.1 * positive.max(initial=1))
    axes.scatter(costs, values, s=5, color="#8A8A8A", alpha=0.35, linewidth=0, rasterized=True)
    order = np.argsort(costs[front], kind="stable")
    along = costs[front][order], values[front][order]
    steps = "steps-post" if cost.direction == "min" else "steps-pre"
    axes.plot(*along, drawstyle=steps, color=EMPHASIS, linewidth=1.8)
    axes.plot(*along, "o", color=EMPHASIS, markersize=3.2)
    axes.annotate(
        f"hypervolume {float(task.hypervolume):.3f}",
        (0.98, 0.04),
        xycoords="axes fraction",
        ha="right",
        fontsize=9,
        color=EMPHASIS,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )
    shown = values[np.isfinite(values) & np.isfinite(costs)]
    if len(shown):
        ends = (_TAIL, 1) if score.direction == "max" else (0, 1 - _TAIL)
        low, high = np.quantile(shown, ends)
        margin = 0.05 * (high - low) or 0.05 * abs(high) or 1
        axes.set_ylim(low - margin, high + margin)


def _label(metric: Metric) -> str:
    return f"{metric.name} ({metric.unit})" if metric.unit else metric.name
