"""Tables of docs/benchmarks/knowledge.md, from the result files."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from benchmarks.script import stored, stored_variants
from benchmarks.tables import markdown
from nmjax.stats import clopper_pearson


def pruning_risk() -> str:
    """How often pruning at a stated risk loses the optimum, and how much it keeps."""
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
    header = (
        "suite",
        "evaluations per task",
        "past tasks",
        "stated risk",
        "optimum pruned",
        "as stated",
        "top 0.1% pruned",
        "share of the pool kept",
    )
    return markdown.with_origin(next(iter(results.values())), header, rows)


def predictions() -> str:
    """Rank correlation, likelihood and calibration of predictions from past tasks, by suite."""
    found = []
    for suite, result in stored_variants("knowledge/prediction_quality_").items():
        shown = [r for r in result.rows if r["task"] == "all" and r["past"] == "unmodified"]
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
    """Brier scores of the advice and of a base rate on held-out tasks, and its reliability."""
    results = stored_variants("knowledge/advice_calibration_")
    rows = (
        (
            suite,
            row["error"],
            row["kind"],
            f"{row['advice']:.3f}",
            f"{row['base_rate']:.3f}",
            markdown.with_interval(row["difference"], row["ci"]),
        )
        for suite, result in results.items()
        for row in result.rows
        if "error" in row
    )
    header = ("suite", "error", "scores", "advice", "base rate", "difference")
    if not results:
        return markdown.UNMEASURED
    errors = markdown.table(header, rows)
    bins = (
        (
            suite,
            f"{row['from']:.1f} to {row['to']:.1f}",
            f"{row['predicted']:.2f}",
            f"{row['observed']:.2f}",
            str(row["n"]),
        )
        for suite, result in results.items()
        for row in result.rows
        if "bin" in row
    )
    of_bins = ("suite", "probability", "mean probability", "transfer helped", "searches")
    return f"{errors}\n\n{markdown.with_origin(next(iter(results.values())), of_bins, bins)}"


def similarity() -> str:
    """How well each measure ranks the sources of a target, and the coverage of intervals."""
    results = stored_variants("knowledge/similarity_measures_")
    if not results:
        return markdown.UNMEASURED
    found = []
    for suite, result in results.items():
        measures = dict.fromkeys(row["measure"] for row in result.rows)
        numbers = sorted({row["evaluations"] for row in result.rows})
        cells = {
            (row["measure"], row["evaluations"]): markdown.with_interval(row["mean"], row["ci"])
            for row in result.rows
        }
        rows = ((measure, *(cells[measure, number] for number in numbers)) for measure in measures)
        header = (suite, *(f"at {number}" for number in numbers))
        found.append(markdown.with_origin(result, header, rows))
    return "\n\n".join(found)


def other_spaces() -> str:
    """Regret after the past of another space, alone and beside a past of the space itself."""
    if (result := stored("knowledge/other_spaces")) is None:
        return markdown.UNMEASURED
    steps = result.rows[0]["steps"]
    rows = (
        (
            row["own past"],
            row["other space"],
            *map(markdown.number, row["regret"]),
            markdown.with_interval(row["mean_regret"], row["mean_regret_ci"]),
            ""
            if row["other space"] == "none"
            else markdown.with_interval(row["mean_difference"], row["mean_difference_ci"]),
        )
        for row in result.rows
    )
    header = ("own past", "other space", *(f"at {step}" for step in steps))
    header += ("mean over 50", "minus without the other space")
    return markdown.with_origin(result, header, rows)


def history() -> str:
    """Time and memory for a history of millions of evaluations."""
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


def history_learning() -> str:
    """Time and memory to read and to learn from many tasks of many evaluations."""
    if (result := stored("knowledge/history_learning")) is None:
        return markdown.UNMEASURED
    rows = (
        (
            f"{row['tasks']:,}",
            row["stage"],
            f"{row['evaluations']:,}",
            f"{row['cpu_seconds']:.1f}",
            f"{row['peak_process_bytes'] / 2**20:,.0f}",
        )
        for row in result.rows
    )
    header = ("tasks", "stage", "evaluations", "CPU seconds", "peak memory, MiB")
    return markdown.with_origin(result, header, rows)


def targets() -> str:
    """All targets of knowledge."""
    names = ("knowledge/prediction_quality_", "knowledge/advice_calibration_")
    results = [result for name in names for result in stored_variants(name).values()]
    names = ("knowledge/history_scale", "knowledge/history_learning")
    results += [result for name in names if (result := stored(name)) is not None]
    return markdown.targets_table(results)


def _verdict(row: Mapping[str, Any]) -> str:
    """Whether the optimum is pruned no more often than stated, if the interval can tell."""
    if row["kept"] > 1 - 1e-6:
        return "nothing pruned"
    tasks = jnp.asarray(float(row["past_tasks"] + 1))
    _, low, high = clopper_pearson(row["miss_rate"] * tasks, tasks)
    if high <= row["risk"]:
        return "yes"
    return "**no**" if low > row["risk"] else "unresolved"
