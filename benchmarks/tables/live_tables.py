"""The tables of docs/benchmarks/live.md, out of the result files."""

from benchmarks.script import require
from benchmarks.tables import markdown


def throughput() -> str:
    """Children trained a second, by family and number."""
    result = require("live/throughput")
    header = (
        "family",
        "children",
        "together",
        "one by one",
        "own size",
        "together / one by one",
        "together / own size",
        "compile together",
        "compile each own size",
    )
    rows = (
        (
            row["family"],
            str(row["children"]),
            f"{row['together_a_second']:.1f}",
            f"{row['one_by_one_a_second']:.1f}",
            f"{row['own_size_a_second']:.1f}",
            f"{row['ratio_to_one_by_one']:.1f}",
            f"{row['ratio_to_own_size']:.1f}",
            f"{row['compile_together_seconds']:.0f} s",
            f"{row['compile_each_own_size_seconds']:.0f} s",
        )
        for row in result.rows
    )
    return markdown.with_origin(result, header, rows)


def equivalence() -> str:
    """Differences between children and the same networks trained alone."""
    result = require("live/equivalence")
    header = ("family", "children", "largest difference of a weight", "median", "other scores")
    rows = (
        (
            row["family"],
            str(row["children"]),
            f"{row['largest_weight_difference']:.1e}",
            f"{row['median_weight_difference']:.1e}",
            str(row["children_with_other_scores"]),
        )
        for row in result.rows
    )
    return markdown.with_origin(result, header, rows)


SHOWN = (24, 48, 96, 240)
COMPARED = (24, 96, 240)


def multi_fidelity() -> str:
    """Normalized regret of searches by epochs and by whole trainings."""
    result = require("live/multi_fidelity")
    cells = {(row["method"], row["epochs"]): row for row in result.rows}
    header = (
        "method",
        *(f"{epochs} epochs" for epochs in SHOWN),
        *(f"minus `transfer` at {epochs}" for epochs in COMPARED),
    )
    rows = []
    for method in dict.fromkeys(row["method"] for row in result.rows):
        regrets = (cells[method, epochs] for epochs in SHOWN)
        apart = (cells[method, epochs] for epochs in COMPARED)
        rows.append(
            (
                method,
                *(markdown.with_interval(row["regret"], row["ci"]) for row in regrets),
                *(
                    ""
                    if method == "transfer"
                    else markdown.with_interval(row["difference"], row["difference_ci"])
                    for row in apart
                ),
            )
        )
    return markdown.with_origin(result, header, rows)
