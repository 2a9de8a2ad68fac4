"""Tables of gradient estimators and searches in docs/benchmarks/gradients.md."""

from benchmarks.script import require
from benchmarks.tables import markdown


def estimators() -> str:
    """Bias, spread and cosine of each gradient estimator."""
    result = require("search/gradient_estimators")
    rows = (
        (
            row["estimator"],
            "" if row["temperature"] is None else f"{row['temperature']:g}",
            *(f"{row[kind]:.2f}" for kind in ("bias", "spread", "cosine")),
        )
        for row in result.rows
    )
    header = ("estimator", "temperature", "bias", "spread", "cosine")
    return markdown.with_origin(result, header, rows)


def search() -> str:
    """Gap, share of seeds that reach the best, and time of each maximizer."""
    result = require("search/gradient_search")
    methods = tuple(dict.fromkeys(row["method"] for row in result.rows))
    cells: dict[tuple[str, int], dict[str, str]] = {}
    for row in result.rows:
        found = f"{row['gap']:.3f} ({row['reached']:.0%}), {row['milliseconds']:.1f}"
        cells.setdefault((row["problem"], row["calls"]), {})[row["method"]] = found
    rows = (
        (problem, str(calls), *(found.get(method, "") for method in methods))
        for (problem, calls), found in cells.items()
    )
    return markdown.with_origin(result, ("predictor", "calls", *methods), rows)


def maximizers() -> str:
    """Regret of whole searches, and CPU time of a step, by maximizer of the acquisition."""
    result = require("search/maximizers")
    shown = [step for step in (10, 20, 40) if step <= result.config["budget"]]
    rows = (
        (
            row["target"],
            row["method"],
            *(
                markdown.with_interval(row[f"regret_{step}"], row[f"regret_{step}_ci"])
                for step in shown
            ),
            markdown.with_interval(row["area_difference"], row["area_difference_ci"]),
            ""
            if row["method"] == "random"  # In states of a search with more starts.
            else markdown.with_interval(row["log_ei_difference"], row["log_ei_difference_ci"]),
            f"{row['milliseconds']:.1f}",
        )
        for row in result.rows
    )
    header = (
        "target",
        "maximizer",
        *(f"regret at {step}" for step in shown),
        "mean regret minus local search's",
        "log EI minus local search's",
        "CPU ms a step",
    )
    return markdown.with_origin(result, header, rows)
