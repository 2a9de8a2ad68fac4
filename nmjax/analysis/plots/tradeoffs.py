"""Score against cost, with the Pareto front."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nmjax.analysis.plots.style import EMPHASIS, log_x_axis, named_panels, quiet_axes
from nmjax.errors import NmjaxError
from nmjax.patterns.past_patterns import Tradeoff
from nmjax.types import Metric

_TAIL = 0.02
"""Share of the worst scores that may lie outside the axes; outliers would flatten the rest."""


def plot_tradeoffs(
    tasks: Mapping[str, Tradeoff], cost: Metric, score: Metric, *, title: str = ""
) -> Figure:
    """Plot each task's evaluations and its Pareto front, with the hypervolume, in a panel.

    The axes fit the evaluations that succeeded; the worst 2% of the scores may lie outside.

    Args:
      tasks: {name: evaluations}.
      cost: metric on the horizontal axis, which is logarithmic if its transform is "log".
      score: metric on the vertical axis.
      title: title above the panels.

    Raises:
      NmjaxError: there is no task, or the shapes of a task differ.

    Example:
      >>> import numpy as np
      >>> from nmjax.analysis.plots import plot_tradeoffs
      >>> from nmjax.patterns import Tradeoff
      >>> from nmjax.types import Metric
      >>> task = Tradeoff(np.array([1.0, 2.0]), np.array([0.5, 0.6]), np.ones(2, bool), 0.5)
      >>> metrics = Metric("latency", "ms", "min", "log"), Metric("accuracy", "1")
      >>> figure = plot_tradeoffs({"task": task}, *metrics)
      >>> figure.axes[0].get_xlabel()
      'latency (ms)'
    """
    shapes = {name: [np.shape(x) for x in task[:3]] for name, task in tasks.items()}
    if not tasks or any(len(set(shape)) != 1 or len(shape[0]) != 1 for shape in shapes.values()):
        raise NmjaxError(
            f"Got shapes {shapes} for cost, score and front; give at least one task, with "
            "[evaluations] for all three."
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
    known = costs[np.isfinite(costs) & np.isfinite(values)]
    positive = known[known > 0]
    if cost.transform == "log" and len(positive):
        low, high = positive.min(), positive.max()
        margin = max((high / low) ** 0.05, 1.02)
        log_x_axis(axes, low / margin, high * margin)
    elif len(known):
        margin = 0.05 * float(np.ptp(known)) or 0.05 * abs(float(known[0])) or 1.0
        axes.set_xlim(known.min() - margin, known.max() + margin)
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
