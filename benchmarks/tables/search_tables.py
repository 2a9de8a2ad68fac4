"""Tables of searches in docs/benchmarks/search.md and the README, from the result files."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.script import stored, stored_variants
from benchmarks.tables import markdown
from benchmarks.tables.chart import LINES, TITLES
from nmjax.analysis.speed_up import speed_up_text
from nmjax.evaluation.comparison import LEAST_SEEDS, RIVALS
from nmjax.evaluation.protocol import SUITES
from nmjax.experiments import Result

IN_DESIGN = ("nas-bench-201", "hpobench", "transnas101")
"""Suites that influenced the choice of settings."""
NAMES = {name: line.label for name, line in LINES.items()} | {
    "gp": "Gaussian process",
    "bananas": "BANANAS",
}
"""Names of methods in the README."""
Row = Mapping[str, Any]
Cells = tuple[str, ...]


def speedups() -> str:
    """By suite: the best method without transfer, the regret at 100 of both, and the speed-up."""
    rows = []
    for suite, result in _results().items():
        claims = _claims(result, RIVALS[0])
        if not claims:
            continue
        rival: str = claims[0]["rival"]
        methods = {row["method"]: row for row in _methods(result)}
        (faster,) = (row for row in claims if row["claim"] == "faster convergence")
        regrets = (f"{methods[name]['regret'][-1]:.4f}" for name in (rival, "transfer"))
        rows.append(
            (
                TITLES[suite],
                NAMES.get(rival, rival),
                *regrets,
                speed_up_cell(faster["ours"], faster["ci"]),
            )
        )
    header = (
        "benchmark",
        "best without transfer",
        "its regret",
        "nmjax",
        "speed-up, 95% interval",
    )
    return markdown.table(header, rows) if rows else markdown.UNMEASURED


def suites() -> str:
    """One row for each suite: transfer, the best rival of each group, and when it is reached."""
    rows = []
    for suite, result in _results().items():
        methods = {row["method"]: row for row in _methods(result)}
        reach = {row["reach"]: row for row in result.rows if "reach" in row}
        cells: list[str] = []
        for kind in RIVALS:
            claims = _claims(result, kind)
            if not claims:
                cells += [""] * 3
                continue
            rival = claims[0]["rival"]
            sooner = speed_up_cell(reach[rival]["speed_up"], reach[rival]["speed_up_ci"])
            cells += [f"{rival}: {_final(methods[rival])}", _reached(reach[rival]), sooner]
        others = [row for row in methods.values() if row["transfer"] and row["kind"] != "ours"]
        other = min(
            (row for row in others if row["seeds"] >= LEAST_SEEDS),
            key=lambda row: row["regret"][-1],
            default=None,
        )
        shown = "" if other is None else f"{other['method']}: {_final(other)}"
        rows.append((_marked(suite), _final(methods["transfer"]), *cells, shown))
    header = ["suite", "regret at 100: transfer"]
    for kind in RIVALS:
        header += [f"best {kind}", "transfer reaches it at", "speed-up"]
    return (
        markdown.table((*header, "best other with transfer"), rows) if rows else markdown.UNMEASURED
    )


def regret() -> str:
    """All methods of every suite."""
    found = []
    for suite, result in _results().items():
        header, rows = _regret_table(result, (1, 5, 10, 20, 50, 100))
        methods = {row["method"]: row for row in _methods(result)}
        extended = [(*row, *_circumstances(methods[row[0]])) for row in rows]
        header += ("worst task", "seconds per search", "transfer", "seeds")
        learned = result.config.get("medians", {}).get("seconds_per_past")
        past = "" if learned is None else f" Median time to learn from a past: {learned:.1f} s."
        found.append(
            f"### {_marked(suite)}\n\n{markdown.table(header, extended)}\n\n{_origin(result)}{past}"
        )
    return "\n\n".join(found) or markdown.UNMEASURED


def ranks() -> str:
    """Average ranks by suite and over all tasks, and groups of methods that do not differ."""
    ranked = [(_marked(s), row) for s, result in _results().items() for row in _ranks(result)]
    overall = stored("search/average_ranks")
    if overall is not None:
        ranked += [(_together(row["suites"]), row) for row in _ranks(overall)]
    rows = [
        (
            f"{suite}: {row['tasks']} tasks",
            str(row["ranked_at"]),
            ", ".join(f"{name} {value:.1f}" for name, value in _ordered(row)),
            f"{min(row['seeds'])} to {max(row['seeds'])}",
            f"{row['p_value']:.1g}",
            f"{row['critical_difference']:.1f}",
            _groups(row["rank_groups"]),
            _groups(row["regret_groups"]),
        )
        for suite, row in ranked
    ]
    header = ("suite", "at", "average rank", "seeds", "Friedman's p", "critical difference")
    picture = "\n\n![Average ranks over the tasks of all suites](../ranks.png)"
    found = markdown.table((*header, "no difference by rank", "no difference by regret"), rows)
    figure = "" if overall is None else picture
    return found + figure if rows else markdown.UNMEASURED


def claims() -> str:
    """Claims about transfer by suite, for each group of rivals."""
    if not _results():
        return markdown.UNMEASURED
    found = (f"The rival is the best method {kind}.\n\n{_claims_table(kind)}" for kind in RIVALS)
    return "\n\n".join(found)


def pasts() -> str:
    """Regret with other pasts than 300 random evaluations per source."""
    rows = []
    for suite in SUITES:
        for result in stored_variants(f"search/transfer_{suite}").values():
            if "leave" not in result.config:
                continue
            kind = {name: result.config[name] for name in ("leave", "history", "history_size")}
            past = f"{kind['history_size']} {kind['history']}"
            for row in _methods(result):
                if row["method"] in ("transfer", "kernel-transfer", "past-best", "rgpe"):
                    shown = [_final(row, step) for step in (5, 20, 100)]
                    seeds = str(row["seeds"])
                    rows.append((suite, past, f"a {kind['leave']}", row["method"], *shown, seeds))
    header = ("suite", "evaluations per source", "left out", "method", "regret at 5", "20", "100")
    return markdown.table((*header, "seeds"), rows) if rows else markdown.UNMEASURED


def targets() -> str:
    """All targets of all suites."""
    found = list(_results().values())
    return markdown.targets_table(found) if found else markdown.UNMEASURED


def _results() -> dict[str, Result]:
    """Results under the protocol, by suite."""
    found = {suite: stored(f"search/transfer_{suite}") for suite in SUITES}
    return {suite: result for suite, result in found.items() if result and _ranks(result)}


def _together(suites: Sequence[str]) -> str:
    return "all suites" if set(IN_DESIGN) <= set(suites) else " and ".join(suites)


def _marked(suite: str) -> str:
    return f"{suite} (used in design)" if suite in IN_DESIGN else suite


def _methods(result: Result) -> list[Row]:
    """Row of each method over all tasks."""
    return [row for row in result.rows if row.get("task") == "all"]


def _ranks(result: Result) -> list[Row]:
    return [row for row in result.rows if "ranked_at" in row]


def _claims(result: Result, kind: str) -> list[Row]:
    return [row for row in result.rows if row.get("rival_kind") == kind]


def _claims_table(kind: str) -> str:
    """Claims against the rivals of one group."""
    by_suite = {suite: _claims(result, kind) for suite, result in _results().items()}
    by_suite = {suite: rows for suite, rows in by_suite.items() if rows}
    if not by_suite:
        return markdown.UNMEASURED
    rows = [
        (row[0]["claim"], row[0]["measure"], *map(_claim, row))
        for row in zip(*by_suite.values(), strict=True)
    ]
    named = [f"{_marked(s)}, rival: {rows[0]['rival']}" for s, rows in by_suite.items()]
    return markdown.table(("claim", "measure", *named), rows)


def _final(row: Row, step: int = 100) -> str:
    at = row["steps"].index(step)
    return markdown.with_interval(row["regret"][at], row["regret_ci"][at])


def _regret_table(result: Result, steps: Sequence[int]) -> tuple[Cells, list[Cells]]:
    """Header, and a row for each method in order of final regret."""
    reach = {row["reach"]: row for row in result.rows if "reach" in row}
    tested = "test" in _methods(result)[0]
    rows = []
    for row in sorted(_methods(result), key=lambda row: row["regret"][-1]):
        cells = [row["method"], *(_final(row, step) for step in steps)]
        cells.append(_with_interval(row, "log10_rank", ".2f"))
        if tested:
            cells.append(_with_interval(row, "test", ".4f"))
        rows.append((*cells, _reached(reach.get(row["method"]))))
    header = ("method", f"regret at {steps[0]}", *map(str, steps[1:]), "log10 rank at 100")
    header += ("test score at 100",) * tested
    return (*header, "transfer reaches this at"), rows


def _circumstances(row: Row) -> Cells:
    """Worst task, seconds per search, whether the past is used, and number of seeds."""
    seconds = row["seconds_per_search"]
    return (
        f"{row['worst_task']} {row['worst_regret']:.3f}",
        "" if seconds is None else markdown.number(seconds),
        "yes" if row["transfer"] else "",
        str(row["seeds"]),
    )


def _reached(reach: Row | None) -> str:
    """Format evaluations to reach a rival, with their interval."""
    if reach is None:
        return ""
    return evaluations_text(reach["evaluations"], reach["ci"])


def evaluations_text(evaluations: float, interval: Sequence[float]) -> str:
    """Format a number of evaluations with its interval."""
    count, low, high = map(markdown.evaluations, (evaluations, *interval))
    return f"{count} [{low}, {high}]"


def _ordered(row: Row) -> list[tuple[str, float]]:
    return sorted(zip(row["methods"], row["average_rank"], strict=True), key=lambda pair: pair[1])


def _groups(groups: Sequence[Sequence[str]]) -> str:
    return "; ".join(", ".join(group) for group in groups)


def _with_interval(row: Row, measure: str, form: str) -> str:
    """Format a measure at the end of the budget, with its interval if there is one."""
    value, ci = row[measure][-1], row[f"{measure}_ci"][-1]
    ends = "" if ci is None else f" [{ci[0]:{form}}, {ci[1]:{form}}]"
    return f"{value:{form}}{ends}"


def speed_up_cell(ratio: float | None, interval: Sequence[float | None]) -> str:
    """Format a speed-up with its interval."""
    low, high = map(speed_up_text, interval)
    return f"{speed_up_text(ratio)} [{low}, {high}]"


def _origin(result: Result) -> str:
    """Provenance of a table, and the commits at which searches of nmjax ran."""
    ran = {row["provenance"] for row in _methods(result) if row["kind"] != "peer"}
    commits = ", ".join(sorted(ran))
    return f"{markdown.provenance_line(result)} Commits of nmjax's own searches: {commits}."


def _claim(row: Row) -> str:
    """Format the values of both and the interval of their difference, or the speed-up."""
    if row["claim"] == "faster convergence":
        return speed_up_cell(row["ours"], row["ci"])
    low, high = (markdown.number(end) for end in row["ci"])
    return f"{markdown.number(row['ours'])} / {markdown.number(row['theirs'])} [{low}, {high}]"
