"""Tables of searches on suites with many tasks, after pasts of several sizes, and by component."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.script import stored, stored_variants
from benchmarks.search.learned_components import WITHOUT
from benchmarks.search.past_sizes import MANY_TASKS
from benchmarks.tables import markdown
from benchmarks.tables.search_tables import IN_DESIGN, evaluations_text, speed_up_cell
from nmjax.experiments import Result

SHOWN = (5, 20, 100)
"""Numbers of evaluations that the table of pasts shows."""
ALL_SOURCES = 10**6
"""Number of sources that stands for all of them."""
AFTER_PAST = ("transfer", "kernel-transfer", "past-best")
Row = Mapping[str, Any]


def many_tasks() -> str:
    """One table for each suite with many tasks, of all methods after its main past."""
    found = [_suite_table(name, result) for name, result in _results().items()]
    return "\n\n".join(table for table in found if table) or markdown.UNMEASURED


def past_sizes() -> str:
    """Regret after pasts of several sizes, beside the best method without transfer."""
    rows = []
    for suite, result in _results().items():
        pasts = dict.fromkeys(row["past"] for row in result.rows)
        for past in sorted(pasts, key=_size):
            methods = _methods(result, past)
            best = min(
                (row for row in methods.values() if not row["transfer"] and row["seeds"] > 1),
                key=lambda row: row["regret"][-1],
            )
            shown = [*(methods[name] for name in AFTER_PAST), best]
            evaluations, sources = _size(past)
            rows.append(
                (
                    suite,
                    str(evaluations),
                    "all" if sources == ALL_SOURCES else str(sources),
                    *(_at(row, SHOWN) for row in shown[:-1]),
                    f"{best['method']}: {_at(best, SHOWN)}",
                    str(methods["transfer"]["seeds"]),
                )
            )
    header = ("suite", "evaluations per source", "sources", *AFTER_PAST, "best without transfer")
    return markdown.table((*header, "seeds"), rows) if rows else markdown.UNMEASURED


def targets() -> str:
    """All targets of all suites."""
    found = [result for result in _results().values() if result.targets]
    return markdown.targets_table(found) if found else markdown.UNMEASURED


def learned_components() -> str:
    """Regret with each meta-trained component, over the suites of each group."""
    if (result := stored("search/learned_components")) is None:
        return markdown.UNMEASURED
    rows = []
    for row in (row for row in result.rows if row["suite"] == "all"):
        cells = [markdown.number(value) for value in row["regret"]]
        if row["component"] != WITHOUT:
            cells = [
                markdown.signed_with_interval(difference, interval)
                for difference, interval in zip(row["difference"], row["ci"], strict=True)
            ]
        size = f"{row['tasks']} x {row['pasts']}"
        rows.append((row["group"], size, row["component"], *cells))
    header = ("group", "tasks x pasts", "component", "evaluations 3 to 50", "at 20", "at 100")
    return markdown.with_origin(result, header, rows)


def _results() -> dict[str, Result]:
    """Results by suite, those with many tasks first."""
    found = stored_variants("search/past_sizes_")
    order = [*MANY_TASKS, *sorted(found.keys() - MANY_TASKS.keys())]
    return {name: found[name] for name in order if name in found}


def _methods(result: Result, past: str) -> dict[str, Row]:
    return {row["method"]: row for row in result.rows if row["past"] == past and "method" in row}


def _suite_table(suite: str, result: Result) -> str:
    """All methods after the main past, in order of final regret."""
    past = result.config["main_past"]
    rows = [row for row in result.rows if row["past"] == past]
    if suite not in MANY_TASKS or not rows:
        return ""
    reach = {row["reach"]: row for row in rows if "reach" in row}
    difference = {row["minus"]: row for row in rows if "minus" in row}
    cells = [
        (
            row["method"],
            *(markdown.number(value) for value in row["regret"]),
            *_beside(reach.get(row["method"]), difference.get(row["method"])),
            "yes" if row["transfer"] else "",
            str(row["seeds"]),
        )
        for row in sorted(_methods(result, past).values(), key=lambda row: row["regret"][-1])
    ]
    steps = next(iter(_methods(result, past).values()))["steps"]
    header = ("method", f"regret at {steps[0]}", *map(str, steps[1:]), "transfer reaches this at")
    header += ("speed-up", "transfer minus this at 5", "20", "100", "transfer", "seeds")
    title = f"### {suite}{' (used in design)' * (suite in IN_DESIGN)}"
    learned = result.config["seconds_to_learn"].get(past)
    seconds = "" if learned is None else f" Median time to learn from a past: {learned:.1f} s."
    number = len(result.config["targets"])
    about = (
        f"{number} targets, {past} evaluations of each source; {markdown.provenance_line(result)}"
    )
    return f"{title}\n\n{markdown.table(header, cells)}\n\n{about}{seconds}"


def _beside(reach: Row | None, difference: Row | None) -> tuple[str, ...]:
    """When `transfer` reaches a method, its speed-up, and the paired differences."""
    if reach is None or difference is None:
        return ("",) * 5
    reached = evaluations_text(reach["evaluations"], reach["ci"])
    gaps = (
        markdown.signed_with_interval(mean, interval)
        for mean, interval in zip(difference["difference"], difference["ci"], strict=True)
    )
    return (reached, speed_up_cell(reach["speed_up"], reach["speed_up_ci"]), *gaps)


def _size(past: str) -> tuple[int, int]:
    """Evaluations of each source, and number of sources, from the name of a past."""
    evaluations, _, sources = past.partition("_of_")
    return int(evaluations), int(sources or ALL_SOURCES)


def _at(row: Row, steps: Sequence[int]) -> str:
    return " / ".join(markdown.number(row["regret"][row["steps"].index(step)]) for step in steps)
