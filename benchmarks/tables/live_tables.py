"""The tables of docs/benchmarks/live.md, out of the result files."""

from collections.abc import Mapping
from typing import Any

from benchmarks.script import require, stored
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


def oneshot_search() -> str:
    """Searches on a supernet: skips, ranks by shared weights, and children that were retrained."""
    result = stored("live/oneshot_search")
    if result is None:
        return markdown.UNMEASURED
    header = (
        "method",
        "skips at first, half-way, last",
        "supernet's score",
        "gap",
        "Spearman",
        "Kendall",
        "parameters",
        "retrained",
        "random of that size",
    )
    skips = ("skips_at_first", "skips_half_way", "skips_at_last")
    rows = (
        (
            row["method"],
            ", ".join(f"{row[name]:.1f}" for name in skips if name in row) or "",
            *(_with_spread(row, name) for name in ("soft_score", "gap", "spearman", "kendall")),
            f"{row['parameters']:.0f}",
            _with_spread(row, "test_score"),
            _with_spread(row, "matched_test_score"),
        )
        for row in result.rows
    )
    return markdown.with_origin(result, header, rows)


def oneshot_start() -> str:
    """Searches on new classes from random and from meta-learned starts."""
    result = stored("live/oneshot_start")
    if result is None:
        return markdown.UNMEASURED
    header = ("start", "supernet", "found child, shared weights", "found child, retrained")
    columns = ("supernet_test_score", "inherited_test_score", "retrained_test_score")
    rows = ((row["start"], *(_with_spread(row, name) for name in columns)) for row in result.rows)
    return markdown.with_origin(result, header, rows)


def _with_spread(row: Mapping[str, Any], name: str) -> str:
    """A mean and its standard deviation over seeds, empty where it was not measured."""
    return f"{row[name]:.3f} ± {row[f'{name}_std']:.3f}" if name in row else ""
