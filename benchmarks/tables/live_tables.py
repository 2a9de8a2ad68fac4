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
