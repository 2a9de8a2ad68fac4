"""The tables of docs/benchmarks/live.md, out of the result files."""

from collections.abc import Mapping
from typing import Any

from benchmarks.script import require, stored
from benchmarks.tables import markdown


def throughput() -> str:
    """Children trained a second, by family and way."""
    result = require("live/throughput")
    header = (
        "family",
        "way",
        "children",
        "a second",
        "a CPU second",
        "mean score",
        "compile",
        "peak memory",
    )
    rows = (
        (
            row["family"],
            row["way"],
            str(row["children"]),
            f"{row['children_a_second']:.3g}",
            f"{row['children_a_cpu_second']:.3g}",
            f"{row['mean_score']:.2f}",
            f"{row['compile_seconds']:.0f} s",
            f"{row['peak_bytes'] / 2**30:.1f} GiB",
        )
        for row in result.rows
    )
    return markdown.with_origin(result, header, rows)


def throughput_targets() -> str:
    """Rates of nmjax over PyTorch's, with their targets."""
    result = require("live/throughput")
    rows = (
        (target.name, f"{target.value:.1f}", f"{target.threshold:.0f}") for target in result.targets
    )
    return markdown.with_origin(result, ("rate of nmjax", "ratio", "target: at least"), rows)


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


def collapse() -> str:
    """Shares of skip connections along each search, and accuracies of what was found."""
    result = require("live/collapse")
    header = (
        "method",
        "training rows",
        "share of skips along the search",
        "weight of skips",
        "retrained on few rows",
        "worse",
        "retrained on all rows",
        "worse",
    )
    rows = []
    for row in result.rows:
        cells = [row["method"], "", "", ""]
        if "skips" in row:
            skips = ", ".join(f"{share:.2f}" for share in row["skips"])
            cells[1:] = [
                str(row["training_rows"]),
                f"{skips} ± {row['skips_std'][-1]:.2f}",
                f"{row['skip_weight']:.2f}",
            ]
        for part in ("few", "all"):
            is_found = f"{part}_share_worse" in row
            spread = f" ± {row[f'{part}_test_std']:.3f}" if is_found else ""
            cells.append(f"{row[f'{part}_test']:.3f}{spread}")
            cells.append(f"{row[f'{part}_share_worse']:.0%}" if is_found else "")
        rows.append(tuple(cells))
    return markdown.with_origin(result, header, rows)


def _with_spread(row: Mapping[str, Any], name: str) -> str:
    """A mean and its standard deviation over seeds, empty where it was not measured."""
    return f"{row[name]:.3f} ± {row[f'{name}_std']:.3f}" if name in row else ""
