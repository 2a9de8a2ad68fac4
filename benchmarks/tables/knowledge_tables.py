"""The tables of docs/benchmarks/knowledge.md, out of the result files."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from benchmarks.script import stored, stored_variants
from benchmarks.tables import markdown
from nmjax.stats import clopper_pearson


def pruning_risk() -> str:
    """How often a space cut at a stated risk had lost the best, and what was left of it."""
    results = stored_variants("knowledge/pruning_risk_")
    rows = (
        (
            suite,
            row["history"],
            str(row["past_tasks"]),
            f"{row['risk']:g}",
            markdown.with_interval(row["miss_rate"], row["miss_rate_ci"]),
            _verdict(row),
            f"{row['top_miss_rate']:.3f}",
            markdown.with_interval(row["kept"], row["kept_ci"]),
        )
        for suite, result in results.items()
        for row in result.rows
        if row["possible"]
    )
    header = ("suite", "evaluations a task", "past tasks", "stated risk", "lost the best")
    header += ("as stated", "lost the top 0.1%", "share of the pool kept")
    return markdown.with_origin(next(iter(results.values())), header, rows)


def predictions() -> str:
    """Rank correlation, likelihood and calibration of predictions from past tasks, by suite."""
    found = []
    for suite, result in stored_variants("knowledge/prediction_quality_").items():
        shown = [r for r in result.rows if r["task"] == "all" and r["past"] == "honest"]
        at = shown[0]["evaluations"].index(20)
        rows = (
            (
                row["method"],
                *map(markdown.with_interval, row["spearman"], row["spearman_ci"]),
                f"{row['nll'][at]:.3f}",
                f"{100 * row['coverage'][at]:.1f}%",
            )
            for row in shown
        )
        seen = [f"Spearman at {number}" for number in shown[0]["evaluations"]]
        header = (suite, *seen, "nats at 20", "in 90% intervals at 20")
        found.append(markdown.with_origin(result, header, rows))
    return "\n\n".join(found) or markdown.UNMEASURED


def advice() -> str:
    """Errors of what was said of held-out tasks, beside those of the trivial forecast."""
    results = stored_variants("knowledge/advice_calibration_")
    rows = (
        (
            suite,
            row["error"],
            row["kind"],
            f"{row['advice']:.3f}",
            f"{row['base']:.3f}",
            markdown.with_interval(row["less"], row["ci"]),
        )
        for suite, result in results.items()
        for row in result.rows
        if "error" in row
    )
    header = ("suite", "error", "tasks", "advice", "mean over other tasks", "difference")
    if not results:
        return markdown.UNMEASURED
    return markdown.with_origin(next(iter(results.values())), header, rows)


def similarity() -> str:
    """How well each measure ranks a target's sources, and how often intervals hold the truth."""
    results = stored_variants("knowledge/similarity_measures_")
    if not results:
        return markdown.UNMEASURED
    found = []
    for suite, result in results.items():
        measures = dict.fromkeys(row["measure"] for row in result.rows)
        numbers = sorted({row["evaluations"] for row in result.rows})
        told = {
            (row["measure"], row["evaluations"]): markdown.with_interval(row["mean"], row["ci"])
            for row in result.rows
        }
        rows = ((measure, *(told[measure, number] for number in numbers)) for measure in measures)
        header = (suite, *(f"at {number}" for number in numbers))
        found.append(markdown.with_origin(result, header, rows))
    return "\n\n".join(found)


def history() -> str:
    """What a history of millions of evaluations costs."""
    if (result := stored("knowledge/history_scale")) is None:
        return markdown.UNMEASURED
    rows = (
        (
            row["stage"],
            f"{row['seconds']:.3f}",
            f"{row['peak_process_bytes'] / 2**20:,.0f}" if "peak_process_bytes" in row else "",
        )
        for row in result.rows
    )
    header = (f"{result.rows[0]['evaluations']:,} evaluations", "seconds", "peak memory, MiB")
    return markdown.with_origin(result, header, rows)


def targets() -> str:
    """Every target of knowledge, met or not."""
    names = ("knowledge/prediction_quality_", "knowledge/advice_calibration_")
    results = [result for name in names for result in stored_variants(name).values()]
    scale = stored("knowledge/history_scale")
    return markdown.targets_table(results if scale is None else [*results, scale])


def _verdict(row: Mapping[str, Any]) -> str:
    """Whether the best is lost no more often than stated, as far as so many tasks can tell."""
    if row["kept"] > 1 - 1e-6:
        return "nothing cut"
    tasks = jnp.asarray(float(row["past_tasks"] + 1))
    _, low, high = clopper_pearson(row["miss_rate"] * tasks, tasks)
    if high <= row["risk"]:
        return "yes"
    return "**no**" if low > row["risk"] else "unresolved"
