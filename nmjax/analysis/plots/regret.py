"""Normalized regret against evaluations, one curve per method."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogFormatterMathtext, NullFormatter
from numpy.typing import ArrayLike

from nmjax.analysis.plots.style import (
    COLORS,
    DASHES,
    EMPHASIS,
    INK,
    Band,
    mean_and_band,
    quiet_axes,
)
from nmjax.errors import NmjaxError, unknown_name
from nmjax.types import Array

_LABEL_GAP = 0.052


def plot_regret(
    curves: Mapping[str, ArrayLike],
    *,
    emphasized: str | None = None,
    band: Band = "95%",
    floor: float | None = None,
    key: Array | None = None,
    title: str = "",
) -> Figure:
    """Plot the mean normalized regret by evaluation, with a band over seeds.

    There is no band where fewer than two seeds have a regret.

    Args:
      curves: {method: float[S, B]}; seeds and budgets may differ between methods.
      emphasized: method drawn in front in its own color; the first by default.
      band: "95%" bootstrap interval of the mean, as in the tables, or "interquartile" range of the
        seeds.
      floor: regret at the bottom of the log axis, where lower values are drawn; by default 1, 2 or
        5 times a power of ten below the curves and bands, at least 1e-5.
      key: PRNG key of the bootstrap; `jax.random.key(0)` by default.
      title: title above the axes.

    Raises:
      NmjaxError: there are no curves, a curve is not float[S, B], or `emphasized` is unknown.

    Example:
      >>> import numpy as np
      >>> from nmjax.analysis.plots import plot_regret
      >>> figure = plot_regret({"random": np.array([[0.9, 0.5, 0.1], [0.8, 0.6, 0.2]])})
      >>> figure.axes[0].get_ylabel()
      'Normalized regret'
    """
    if not curves:
        raise NmjaxError("Got no curves; give {method: float[S, B]} with at least one method.")
    emphasized = next(iter(curves)) if emphasized is None else emphasized
    if emphasized not in curves:
        raise unknown_name("method", emphasized, curves)
    for name, curve in curves.items():
        if np.ndim(curve) != 2 or 0 in np.shape(curve):
            raise NmjaxError(
                f"The curve of {name!r} has shape {np.shape(curve)}; expected [seeds, evaluations]."
            )
    drawn = {name: mean_and_band(curve, band, key) for name, curve in curves.items()}
    floor = _floor(drawn.values()) if floor is None else floor

    figure = Figure(figsize=(8, 4.8), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    quiet_axes(axes)
    others = iter(range(len(curves)))
    ends = []
    for name, (mean, low, high) in drawn.items():
        front = name == emphasized
        style = _style(None if front else next(others))
        steps = np.arange(1, mean.size + 1)
        axes.fill_between(
            steps,
            np.maximum(low, floor),
            np.maximum(high, floor),
            color=style["color"],
            alpha=0.2 if front else 0.1,
            linewidth=0,
        )
        axes.plot(steps, np.maximum(mean, floor), label=name, **style)
        ends.append((name, steps[-1], max(mean[-1], floor), style["color"], front))

    axes.set_yscale("log")
    highest = max(np.nanmax(np.fmax(mean, high)) for mean, _, high in drawn.values())
    axes.set_ylim(0.9 * floor, max(1.15 * highest, 10 * floor))
    axes.set_xlim(1, max(end[1] for end in ends))
    clipped = any((np.fmin(mean, low) < floor).any() for mean, low, _ in drawn.values())
    _label_ticks(axes, floor, clipped=clipped)
    _label_ends(axes, ends)
    axes.set_xlabel("Evaluations", fontsize=11, color=INK)
    axes.set_ylabel("Normalized regret", fontsize=11, color=INK)
    axes.set_title(title, fontsize=12, color=INK, loc="left")
    return figure


def _style(index: int | None) -> dict[str, Any]:
    if index is None:
        return {"color": EMPHASIS, "linewidth": 2.6, "zorder": 4}
    dashes = DASHES[(index // len(COLORS)) % len(DASHES)]
    color = COLORS[index % len(COLORS)]
    return {"color": color, "linewidth": 1.5, "linestyle": dashes, "zorder": 3}


def _floor(drawn: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
    """Round number below the positive means, and below their bands down to a tenth of them."""
    means, lows = (np.concatenate(values) for values in list(zip(*drawn, strict=True))[:2])
    positive = means[means > 0]
    if not positive.size:
        return 1e-5
    least = max(0.1 * positive.min(), min(positive.min(), *lows[lows > 0]))
    exponent, rest = divmod(np.log10(max(0.9 * least, 1e-5)), 1)
    return float(max(step for step in (1, 2, 5) if np.log10(step) <= rest + 1e-9) * 10**exponent)


def _label_ticks(axes: Axes, floor: float, *, clipped: bool) -> None:
    """Put ticks at the floor and whole decades; mark the floor if lower values are drawn there."""
    top = axes.get_ylim()[1]
    decades = 10.0 ** np.arange(np.ceil(np.log10(floor) - 1e-9), np.floor(np.log10(top)) + 1)
    ticks = np.union1d(floor, decades[decades > 1.01 * floor])
    formatter = LogFormatterMathtext()
    formatter.create_dummy_axis()
    labels = [formatter(tick) for tick in ticks]
    if not np.isclose(np.log10(floor), np.round(np.log10(floor))):
        labels[0] = f"{floor:g}"
    if clipped:
        labels[0] = rf"$\leq${labels[0]}"
    axes.yaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axes.set_yticklabels(labels)
    axes.yaxis.set_minor_formatter(NullFormatter())


def _label_ends(axes: Axes, ends: Sequence[tuple[Any, ...]]) -> None:
    """Write names beside the ends of the curves, moved apart where they would overlap."""
    bottom, top = np.log10(axes.get_ylim())
    wanted = np.array([(np.log10(y) - bottom) / (top - bottom) for _, _, y, _, _ in ends])
    heights = _spread(np.nan_to_num(wanted), _LABEL_GAP)
    for (name, _, _, color, front), height in zip(ends, heights, strict=True):
        axes.annotate(
            name,
            xy=(1, height),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            color=color,
            fontsize=10.5,
            fontweight="bold" if front else "normal",
            va="center",
            annotation_clip=False,
        )


def _spread(wanted: np.ndarray, gap: float) -> np.ndarray:
    """Heights in [0, 1] at least `gap` apart, in the wanted order, near the wanted heights."""
    order = np.argsort(wanted, kind="stable")
    heights = wanted[order].clip(0, 1)
    for i in range(1, heights.size):
        heights[i] = max(heights[i], heights[i - 1] + gap)
    heights -= max(heights[-1] - 1, 0)
    for i in range(heights.size - 2, -1, -1):
        heights[i] = min(heights[i], heights[i + 1] - gap)
    return heights[np.argsort(order)]
