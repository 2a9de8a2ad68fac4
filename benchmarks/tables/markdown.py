"""What tables of result files are made of."""

from collections.abc import Iterable

from nmjax.analysis import format_evaluations
from nmjax.evaluation.protocol import BUDGET
from nmjax.experiments import Result, is_met

UNMEASURED = "Not measured yet."


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = (header, ("---",) * len(header), *rows)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def with_interval(value: float | None, interval: list[float] | None) -> str:
    """A number and its 95% interval; "not finite" where there is none."""
    if value is None:
        return "not finite"
    if interval is None or None in interval:
        return number(value)
    return f"{number(value)} [{number(interval[0])}, {number(interval[1])}]"


def number(value: float) -> str:
    """Three decimals; what they would make long as a power of ten."""
    return f"{value:.3f}" if abs(value) < 1e4 else f"{value:.1e}"


def evaluations(value: float) -> str:
    """A number of evaluations, of 100 at the most."""
    return format_evaluations(round(value), BUDGET)


def targets_table(results: Iterable[Result], *, missed_only: bool = False) -> str:
    """Every target of some result files, met or not, or those that were missed."""
    rows = []
    for target in (target for result in results for target in result.targets):
        if missed_only and is_met(target):
            continue
        told = evaluations if target.unit == "evaluations" else "{:.3g}".format
        ci = "" if target.ci is None else f" [{told(target.ci[0])}, {told(target.ci[1])}]"
        measured = f"{told(target.value)}{ci} {target.unit}"
        verdict = "met" if is_met(target) else "**missed**"
        rows.append((target.name, measured, f"{target.direction} {target.threshold:g}", verdict))
    return table(("target", "measured", "asked for", ""), rows)


def provenance_line(result: Result) -> str:
    """Where a result comes from, in a line."""
    seeds = [f"{count} seed{'s' * (count > 1)}"] if (count := len(result.seeds)) else []
    device = f"{result.device.get('cpus', '')} CPU cores".strip()
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    commit = f"commit {str(result.commit)[:9]}"
    return "; ".join([result.split, *seeds, device, versions, commit]) + "."


def with_origin(result: Result, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table, and where it comes from."""
    return f"{table(header, rows)}\n\n{provenance_line(result)}"
