"""Markdown tables from result files, with their provenance."""

from collections.abc import Iterable, Sequence

from nmjax.analysis import format_evaluations
from nmjax.evaluation.protocol import BUDGET
from nmjax.experiments import Result, is_met

UNMEASURED = "Not measured yet."


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = (header, ("---",) * len(header), *rows)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def with_interval(value: float | None, interval: list[float] | None) -> str:
    """Format a number and its 95% interval; "not finite" if there is none."""
    if value is None:
        return "not finite"
    if interval is None or None in interval:
        return number(value)
    return f"{number(value)} [{number(interval[0])}, {number(interval[1])}]"


def signed_with_interval(value: float, interval: Sequence[float]) -> str:
    """Format a difference and its 95% interval, with signs."""
    low, high = interval
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def number(value: float) -> str:
    """Format with three decimals, or as a power of ten from 10,000 on."""
    return f"{value:.3f}" if abs(value) < 1e4 else f"{value:.1e}"


def evaluations(value: float) -> str:
    """Format a number of evaluations, up to the budget."""
    return format_evaluations(round(value), BUDGET)


def targets_table(results: Iterable[Result], *, missed_only: bool = False) -> str:
    """Table of the targets of some result files, or of those that were missed."""
    rows = []
    for target in (target for result in results for target in result.targets):
        if missed_only and is_met(target):
            continue
        form = evaluations if target.unit == "evaluations" else "{:.3g}".format
        ci = "" if target.ci is None else f" [{form(target.ci[0])}, {form(target.ci[1])}]"
        measured = f"{form(target.value)}{ci} {target.unit}"
        verdict = "met" if is_met(target) else "**missed**"
        rows.append((target.name, measured, f"{target.direction} {target.threshold:g}", verdict))
    return table(("target", "measured", "threshold", ""), rows)


def provenance_line(result: Result) -> str:
    """One line about the provenance of a result."""
    seeds = [f"{count} seed{'s' * (count > 1)}"] if (count := len(result.seeds)) else []
    device = f"{result.device.get('cpus', '')} CPU cores".strip()
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    commit = f"commit {str(result.commit)[:9]}"
    return "; ".join([result.split, *seeds, device, versions, commit]) + "."


def with_origin(result: Result, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Markdown table with its provenance."""
    return f"{table(header, rows)}\n\n{provenance_line(result)}"
