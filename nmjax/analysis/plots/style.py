"""Colors, panels, axes and bands shared by all plots."""

import warnings
from collections.abc import Sequence
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike

from nmjax.errors import unknown_name
from nmjax.stats import bootstrap_interval
from nmjax.types import Array

Band = Literal["95%", "interquartile"]

EMPHASIS = "#D55E00"
INK = "#333333"
# Okabe and Ito (2008), safe for color blindness; vermilion is reserved for the emphasized curve.
COLORS = ("#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#8C6D1F", "#000000")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)))
_COLUMNS = 4


def named_panels(
    names: Sequence[str],
    *,
    size: tuple[float, float],
    margin: tuple[float, float],
    xlabel: str,
    ylabel: str = "",
    title: str = "",
    shared: bool = False,
) -> tuple[Figure, np.ndarray]:
    """Create a figure with one named panel each, up to four in a row.

    Args:
      names: titles of the panels, at least one.
      size: width and height of a panel, in inches.
      margin: width and height around the panels, in inches.
      xlabel: label below the lowest panel of each column.
      ylabel: label beside the first panel of each row.
      title: title above the panels.
      shared: whether all panels share their axes.

    Returns:
      The figure, and its axes in the order of the names.
    """
    columns = min(len(names), _COLUMNS)
    rows = -(-len(names) // columns)
    inches = size[0] * columns + margin[0], size[1] * rows + margin[1]
    figure = Figure(figsize=inches, dpi=150, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared).ravel()
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    panels = grid[: len(names)]
    for axes, name in zip(panels, names, strict=True):
        axes.set_title(name, fontsize=11, color=INK, loc="left")
    for axes in panels[-columns:]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(xlabel, fontsize=11, color=INK)
    for axes in panels[::columns]:
        axes.set_ylabel(ylabel, fontsize=11, color=INK)
    if title:
        figure.suptitle(title, fontsize=12, color=INK, x=0.01, ha="left")
    return figure, panels


def quiet_axes(axes: Axes, *, lines: Literal["x", "y"] = "y") -> None:
    """Keep the left and bottom spines, and draw faint lines at the ticks of one axis.

    Args:
      axes: Axes to style.
      lines: Axis with lines at its ticks.

    Raises:
      NmjaxError: `lines` is neither "x" nor "y".
    """
    if lines not in ("x", "y"):
        raise unknown_name("axis", lines, ("x", "y"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(colors=INK, labelsize=10)
    axes.grid(axis=lines, which="major", color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)


def log_x_axis(axes: Axes, low: float, high: float) -> None:
    """A log axis from `low` to `high`, with at most seven ticks at round numbers."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for step, within in ((1, (1, 2, 5)), (1, (1,)), (2, (1,)), (3, (1,)), (6, (1,))):
        ticks = (decades[::step, None] * np.array(within)).ravel()
        ticks = ticks[(low <= ticks) & (ticks <= high)]
        if len(ticks) <= 7:
            break
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def mean_and_band(
    values: ArrayLike, band: Band, key: Array | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, low and high, float[B] each, over the seeds of values float[S, B].

    NaN (no success yet) is ignored. The band is NaN where fewer than two seeds have a value, or
    where a resample has none.

    Args:
      values: float[S, B].
      band: "interquartile", the middle half of the seeds; or "95%", the percentile bootstrap
        interval of their mean, the same as `nmjax.stats.mean_interval` for the same key.
      key: PRNG key of the bootstrap; `jax.random.key(0)` by default.

    Raises:
      NmjaxError: the band is unknown.
    """
    if band not in get_args(Band):
        raise unknown_name("band", band, get_args(Band))
    values = np.asarray(values, np.float64)
    count = np.sum(~np.isnan(values), axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean = np.nanmean(values, axis=0)
        if band == "interquartile":
            low, high = np.nanquantile(values, [0.25, 0.75], axis=0)
        else:
            key = jax.random.key(0) if key is None else jax.random.clone(key)
            found = bootstrap_interval(key, jnp.asarray(values, jnp.float32)[None], _known_mean)
            low, high = (np.asarray(end, np.float64) for end in (found.low, found.high))
    alone = count < 2
    return mean, np.where(alone, np.nan, low), np.where(alone, np.nan, high)


def _known_mean(values: Array) -> Array:
    return jnp.nanmean(values, axis=(0, 1))
