"""Information gained by each evaluation, and the weight of the transferred prior."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from nmjax.analysis.plots.style import COLORS, EMPHASIS, INK, Band, mean_and_band, quiet_axes
from nmjax.errors import NmjaxError


def plot_information(
    expected_gain: ArrayLike,
    realized_gain: ArrayLike,
    transfer_weight: ArrayLike,
    *,
    band: Band = "interquartile",
    title: str = "",
) -> Figure:
    """Plot cumulative expected gain, transfer weight and realized gain, in three panels.

    Expected gains add up and realized gains do not, so only the expected ones are summed.

    Args:
      expected_gain: float[S, B], expected information gain of each evaluation, in nats.
      realized_gain: float[S, B], realized information gain of each evaluation, in nats.
      transfer_weight: float[S, B], weight of the transferred prior when each evaluation was chosen,
        in [0, 1].
      band: "interquartile" range of the seeds, or "95%" bootstrap interval of their mean; there is
        none for a single seed.
      title: title above the panels.

    Raises:
      NmjaxError: the three arrays do not share one shape [seeds, evaluations].

    Example:
      >>> import numpy as np
      >>> from nmjax.analysis.plots import plot_information
      >>> figure = plot_information(np.ones((2, 5)), np.ones((2, 5)), np.full((2, 5), 0.5))
      >>> figure.axes[1].get_title(loc="left")
      'Weight of the transferred prior'
    """
    shapes = [np.shape(x) for x in (expected_gain, realized_gain, transfer_weight)]
    if len(set(shapes)) != 1 or len(shapes[0]) != 2 or 0 in shapes[0]:
        raise NmjaxError(
            f"Got shapes {shapes} for expected_gain, realized_gain and transfer_weight; give one "
            "shape [seeds, evaluations] for all three."
        )
    panels = (
        ("Expected gain, summed (nats)", np.cumsum(expected_gain, axis=1), COLORS[0]),
        ("Weight of the transferred prior", transfer_weight, EMPHASIS),
        ("Realized gain per evaluation (nats)", realized_gain, COLORS[1]),
    )
    figure = Figure(figsize=(11, 3.4), dpi=150, layout=ConstrainedLayoutEngine(wspace=0.06))
    for axes, (name, values, color) in zip(figure.subplots(1, 3), panels, strict=True):
        quiet_axes(axes)
        mean, low, high = mean_and_band(values, band)
        steps = np.arange(1, mean.size + 1)
        axes.fill_between(steps, low, high, color=color, alpha=0.18, linewidth=0)
        axes.plot(steps, mean, color=color, linewidth=2)
        axes.set_title(name, fontsize=11, color=INK, loc="left")
        axes.set_xlabel("Evaluations", fontsize=11, color=INK)
        axes.set_xlim(1, max(mean.size, 2))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=2))
    summed, trust, realized = figure.axes
    summed.set_ylim(bottom=0)
    trust.set_ylim(0, 1.03)
    realized.axhline(0, color="#999999", linewidth=0.8, zorder=1)
    if title:
        figure.suptitle(title, fontsize=12, color=INK, x=0.01, ha="left")
    return figure
