"""What a search learned at each evaluation, and how far it trusted what it was given."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from nmjax.analysis.plots.style import COLOURS, EMPHASIS, INK, Band, mean_and_band, quiet_axes
from nmjax.errors import NmjaxError


def plot_information(
    expected_gain: ArrayLike,
    realized_gain: ArrayLike,
    transfer_weight: ArrayLike,
    *,
    band: Band = "interquartile",
    title: str = "",
) -> Figure:
    """Three panels: cumulative expected gain, transfer_weight in the transferred prior, realized
    gain.

    Expected gains add up, realized ones do not, so only the former are summed.

    Args:
      expected_gain: float[S, B], expected information gain of each evaluation in nats.
      realized_gain: float[S, B], realized information gain of each evaluation in nats.
      transfer_weight: float[S, B], weight of the transferred prior at the choice of each
        evaluation, in [0, 1].
      band: over two or more seeds, "interquartile" range or "95%" interval of the mean, by
        Student's t.
      title: drawn above the panels.

    Raises:
      NmjaxError: if the three are not of one shape [seeds, evaluations].
    """
    shapes = [np.shape(x) for x in (expected_gain, realized_gain, transfer_weight)]
    if len(set(shapes)) != 1 or len(shapes[0]) != 2 or 0 in shapes[0]:
        raise NmjaxError(
            f"Shapes {shapes} came for expected gain, realized gain and "
            "transfer_weight; expected one "
            "shape [seeds, evaluations] for all three."
        )
    panels = (
        ("Expected gain, summed (nats)", np.cumsum(expected_gain, axis=1), COLOURS[0]),
        ("Confidence in the transferred prior", transfer_weight, EMPHASIS),
        ("Realized gain per evaluation (nats)", realized_gain, COLOURS[1]),
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
