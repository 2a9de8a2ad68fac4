"""Chart of the README: regret against evaluations on every suite, from the stored trajectories.

    python -m benchmarks.tables.chart [--data FOLDER]

Writes the mean curves to benchmarks/results/search/regret_curves.json and draws them from there to
docs/regret.png.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.evaluation.comparison import LEAST_SEEDS, measures
from nmjax.evaluation.protocol import BUDGET, SUITES
from nmjax.evaluation.trajectories import packaged_trajectories

FIGURE = Path(__file__).parents[2] / "docs" / "regret.png"
DIGITS = 4
FLOORS, CEILING = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05), 2.5
"""Possible lower ends of the axis, where lower values are drawn, and its upper end."""
INK, MUTED = "#24292f", "#6e7781"
LABEL_GAP = 0.075
"""Minimum distance between labels, as a fraction of the axis."""


class Line(NamedTuple):
    """Style of a method's curve."""

    label: str
    color: str
    dashes: Any = "-"
    width: float = 1.3


LINES = {
    "random": Line("random", "#afb8c1"),
    "evolution": Line("evolution", "#CC79A7"),
    "past-best": Line("past-best", "#8C6D1F"),
    "optuna_tpe": Line("Optuna TPE", "#0072B2"),
    "optuna_gp": Line("Optuna GP", "#56B4E9"),
    "botorch": Line("BoTorch", "#009E73"),
    "transfer": Line("nmjax", "#D55E00", width=2.4),
}
"""Methods from back to front."""
TITLES = {
    "nas-bench-graph": "NAS-Bench-Graph",
    "nas-bench-201": "NAS-Bench-201",
    "hpobench": "HPOBench",
    "hpolib": "HPOLib",
    "transnas101": "TransNAS-Bench-101",
}


def curve_rows(suite: nmjax.Suite) -> list[dict[str, Any]]:
    """Mean regret by evaluation of each method of `LINES` that is stored for the suite."""
    stored = packaged_trajectories(suite)
    rows = []
    for name in LINES:
        if name not in stored or stored[name].rows.shape[1] < LEAST_SEEDS:
            continue
        mean = measures(suite, stored[name].rows)["regret"].mean((0, 1))
        rows.append(
            {
                "suite": suite.name,
                "method": name,
                "seeds": stored[name].rows.shape[1],
                "regret": [float(f"{value:.{DIGITS}g}") for value in mean],
            }
        )
    return rows


def measure(asked: argparse.Namespace) -> Findings:
    """Average the regret of the stored trajectories of every suite."""
    rows = []
    for name in SUITES:
        rows += curve_rows(nmjax.load_suite(name, data=asked.data))
    return Findings(
        split="leave one task out; one past per seed",
        seeds=range(max(row["seeds"] for row in rows)),
        config={"budget": BUDGET, "methods": tuple(LINES)},
        rows=rows,
    )


def draw(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw a panel for each suite, and one with an explanation."""
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    figure = Figure(figsize=(10, 5.8), dpi=160, facecolor="white", layout=layout)
    panels = figure.subplots(2, 3).ravel()
    suites = list(dict.fromkeys(row["suite"] for row in rows))
    for axes, suite in zip(panels, suites, strict=False):
        draw_panel(axes, TITLES[suite], [row for row in rows if row["suite"] == suite])
    for axes in panels[len(suites) :]:
        axes.axis("off")
    panels[-1].text(
        0.0,
        0.97,
        "Each data set is held out in turn.\n\n"
        "Normalized regret is 0 at the best\n"
        "architecture of the benchmark and 1 at\n"
        "the median one. Lines are means over\n"
        "data sets and seeds. Values below 0.001\n"
        "are drawn there.\n\n"
        "nmjax and past-best learn from 300\n"
        "random evaluations of each other data\n"
        "set. The others learn nothing from them.\n"
        "Optuna GP and BoTorch are missing where\n"
        "fewer than two seeds were run.",
        transform=panels[-1].transAxes,
        va="top",
        fontsize=9.2,
        color=MUTED,
        linespacing=1.3,
    )
    return figure


def draw_panel(axes: Axes, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the curves of a suite, each with a label beside its end."""
    axes.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")
    axes.set_yscale("log")
    axes.set_xlim(1, BUDGET)
    lowest = min(row["regret"][-1] for row in rows)
    floor = max((end for end in FLOORS if end <= 0.7 * lowest), default=FLOORS[0])
    axes.set_ylim(floor, CEILING)
    for row in rows:
        line = LINES[row["method"]]
        regret = np.maximum(row["regret"], floor)
        axes.plot(
            np.arange(1, len(regret) + 1),
            regret,
            color=line.color,
            linestyle=line.dashes,
            linewidth=line.width,
            solid_capstyle="round",
        )
    ends = np.log(np.maximum([row["regret"][-1] for row in rows], floor) / floor)
    places = spread(ends / np.log(CEILING / floor), LABEL_GAP)
    for row, place in zip(rows, places, strict=True):
        line = LINES[row["method"]]
        axes.annotate(
            line.label,
            (1.02, place),
            xycoords="axes fraction",
            va="center",
            fontsize=9,
            color=line.color if line.color != "#afb8c1" else MUTED,
            fontweight="bold" if row["method"] == "transfer" else "normal",
        )
    axes.xaxis.set_major_locator(FixedLocator([1, 25, 50, 75, 100]))
    axes.yaxis.set_major_locator(FixedLocator([0.001, 0.01, 0.1, 1]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(colors=MUTED, labelsize=8.5, length=0)
    axes.grid(axis="y", color="#eaeef2", linewidth=0.8)
    axes.set_xlabel("evaluations", fontsize=9, color=MUTED)
    axes.set_ylabel("normalized regret", fontsize=9, color=MUTED)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#d0d7de")


def spread(places: np.ndarray, gap: float) -> np.ndarray:
    """Move places in [0, 1] as little as possible so that they are `gap` apart, in order."""
    order = np.argsort(places)
    offsets = gap * np.arange(len(places))
    loose = places[order] - offsets
    # Least squares under a fixed order: pool adjacent violators.
    blocks: list[list[float]] = []
    for value in loose:
        blocks.append([value])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    fitted = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])
    moved = np.empty_like(places)
    moved[order] = np.clip(fitted, 0, max(0.0, 1 - offsets[-1])) + offsets
    return moved


def main() -> None:
    """Average the curves and draw them."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, default=None, help="folder of the suites' data")
    draw(run_benchmark("search/regret_curves", measure, parser).rows).savefig(FIGURE)


if __name__ == "__main__":
    main()
