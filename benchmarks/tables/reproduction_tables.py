"""Tables of reproduced searches, beside published numbers, from the result files."""

from collections.abc import Mapping
from typing import Any

from benchmarks.reproductions.hpob import PUBLISHED, SHOWN
from benchmarks.script import stored
from benchmarks.tables import markdown

Row = Mapping[str, Any]


def optimum() -> str:
    """Evaluations until the optimum of NAS-Bench-201, measured and published."""
    if (result := stored("reproductions/optimum")) is None:
        return markdown.UNMEASURED
    rows = [
        (
            row["method"],
            row["task"],
            *("" if row.get(name) is None else f"{row[name]:.1f}" for name in ("mean", "median")),
            _found(row),
            str(row.get("n", "exact")),
            "" if row.get("published") is None else f"{row['published']:.0f}",
        )
        for row in result.rows
    ]
    header = ("method", "data set", "mean", "median", "found", "searches", "published mean")
    return markdown.with_origin(result, header, rows)


def optimum_short() -> str:
    """Mean evaluations until the optimum of NAS-Bench-201, by method and task."""
    if (result := stored("reproductions/optimum")) is None:
        return markdown.UNMEASURED
    means = {
        (row["method"], row["task"]): _found(row) if row["mean"] is None else f"{row['mean']:.0f}"
        for row in result.rows
    }
    soonest = sorted(result.rows, key=lambda row: row["mean"] or float("inf"))
    searches = {row["method"]: str(row.get("n", "exact")) for row in soonest}
    tasks = dict.fromkeys(row["task"] for row in result.rows)
    rows = [
        (method, *(means[method, task] for task in tasks), number)
        for method, number in searches.items()
    ]
    return markdown.with_origin(result, ("method", *tasks, "searches"), rows)


def _found(row: Row) -> str:
    """Share of searches that found the optimum, and the budget if there is one."""
    return f"{100 * row['found']:.0f}%" + (f" within {row['budget']}" if "budget" in row else "")


def hpob() -> str:
    """Regret under the protocol of HPO-B, measured and published."""
    header = ("method", f"regret at {SHOWN[0]}", *map(str, SHOWN[1:]), f"rank at {SHOWN[-1]}")
    published = [
        (f"{method}, published", *(f"{value:.4f}" for value in values), "")
        for method, values in PUBLISHED.items()
    ]
    if (result := stored("reproductions/hpob")) is None:
        return markdown.table(header, published)
    measured = []
    for row in result.rows:
        if row["space"] == "all":
            ends = [(row["regret"][t], *row["regret_ci"][t]) for t in SHOWN]
            cells = (f"{value:.4f} [{low:.4f}, {high:.4f}]" for value, low, high in ends)
            measured.append((row["method"], *cells, f"{row['rank'][SHOWN[-1]]:.2f}"))
    return markdown.with_origin(result, header, [*measured, *published])
