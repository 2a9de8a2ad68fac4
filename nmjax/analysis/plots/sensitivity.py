"""Sobol indices: the share of the variance that each choice explains."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from nmjax.analysis.plots.style import COLORS, INK, named_panels, quiet_axes
from nmjax.errors import NmjaxError
from nmjax.patterns import Sensitivity

_BAR = 0.36
_LIGHT = "#A8CCE3"


def plot_sensitivity(
    tasks: Mapping[str, Sensitivity], choices: Sequence[str], *, title: str = ""
) -> Figure:
    """Plot each task's first-order and total Sobol indices of its choices, with intervals.

    Choices are sorted by their mean total index over tasks, the largest on top.

    Args:
      tasks: {name: sensitivity}, whose leaves are `Interval`s of float[C].
      choices: names of the C choices.
      title: title above the panels.

    Raises:
      NmjaxError: there is no task, or a task has another number of choices.

    Example:
      >>> import numpy as np
      >>> from nmjax.analysis.plots import plot_sensitivity
      >>> from nmjax.patterns import Sensitivity
      >>> from nmjax.stats import Interval
      >>> interval = Interval(np.array([0.3, 0.6]), np.zeros(2), np.ones(2))
      >>> figure = plot_sensitivity({"task": Sensitivity(interval, interval, interval)}, ("a", "b"))
      >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
      ['b', 'a']
    """
    shapes = {name: np.shape(task.total.estimate) for name, task in tasks.items()}
    if not tasks or set(shapes.values()) != {(len(choices),)}:
        raise NmjaxError(
            f"Got total indices {shapes} and {len(choices)} names of choices; give at least one "
            f"task, with [{len(choices)}]."
        )
    mean = np.mean([np.asarray(task.total.estimate) for task in tasks.values()], axis=0)
    order = np.argsort(-mean, kind="stable")
    figure, panels = named_panels(
        list(tasks),
        size=(2.6, 0.9 + 0.38 * len(choices)),
        margin=(0.3 + 0.075 * max(map(len, choices)), 0.7),
        xlabel="Share of variance",
        title=title,
        shared=True,
    )
    figure.set_figwidth(max(figure.get_figwidth(), 4.2))
    for axes, task in zip(panels, tasks.values(), strict=True):
        _draw(axes, task, order)
    panels[0].set_yticks(np.arange(len(choices)), [choices[choice] for choice in order])
    panels[0].set_ylabel("by mean total index", fontsize=9, color=INK)
    panels[0].set_ylim(len(choices) - 0.4, -0.6)
    panels[0].set_xlim(left=0)
    panels[0].xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower left",
        ncols=2,
        frameon=False,
        fontsize=9.5,
        labelcolor=INK,
    )
    return figure


def _draw(axes: Axes, task: Sensitivity, order: np.ndarray) -> None:
    quiet_axes(axes, lines="x")
    for side, interval, color, label in (
        (-1, task.first, COLORS[0], "alone (first order)"),
        (1, task.total, _LIGHT, "with all interactions (total)"),
    ):
        estimate, low, high = (np.asarray(end, float)[order] for end in interval)
        heights = np.arange(len(order)) + 0.5 * side * _BAR
        axes.barh(heights, estimate, _BAR, color=color, label=label)
        axes.hlines(heights, np.maximum(low, 0), high, color=INK, linewidth=1)
