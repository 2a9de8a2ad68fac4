"""Tables of references: free evaluations of the target, ablation, failures, large spaces."""

from benchmarks.script import stored
from benchmarks.search.ablation import ALL
from benchmarks.search.target_oracle import RIVALS as WITHOUT_FREE
from benchmarks.tables import markdown
from benchmarks.tables.search_tables import evaluations_text


def target_oracle() -> str:
    """Searches with free evaluations of the target."""
    if (result := stored("search/target_oracle")) is None:
        return markdown.UNMEASURED
    rows = [
        (
            row["suite"],
            str(row["free"]),
            *(f"{value:.3f}" for value in row["regret"]),
            *(evaluations_text(row[f"reaches_{n}"], row[f"reaches_{n}_ci"]) for n in WITHOUT_FREE),
        )
        for row in result.rows
    ]
    steps = result.rows[0]["steps"]
    header = ("suite", "free evaluations", f"regret at {steps[0]}", *map(str, steps[1:]))
    header += tuple(
        f"evaluations to the regret of {rival} at {steps[-1]}" for rival in WITHOUT_FREE
    )
    return markdown.with_origin(result, header, rows)


def ablation() -> str:
    """Searches without each part of what the past teaches, and with each part alone."""
    if (result := stored("search/ablation")) is None:
        return markdown.UNMEASURED
    by_variant: dict[str, list[str]] = {}
    for row in result.rows:
        cells = by_variant.setdefault(row["variant"], [])
        if row["variant"] == ALL:
            cells += [f"{value:.4f}" for value in row["regret"]]
            continue
        differences = zip(row["difference"], row["standard_error"], strict=True)
        cells += [f"{mean:+.4f} ({error:.4f})" for mean, error in differences]
    rows = [
        (f"{name}, regret itself" if name == ALL else name, *cells)
        for name, cells in by_variant.items()
    ]
    groups = {row["group"]: row["pairs"] for row in result.rows}
    header = ["search, difference to the first (standard error)"]
    for group, pairs in groups.items():
        header += [f"{group} suites, {pairs} pasts: evaluations 3 to 50", "at 100"]
    return markdown.with_origin(result, tuple(header), rows)


def large_space() -> str:
    """Searches of a space that is too large to enumerate."""
    if (result := stored("search/large_space")) is None:
        return markdown.UNMEASURED
    shown = ("5", "10", "20", "40")
    rows = (
        (
            row["method"],
            row["target"],
            *(f"{row['regret'][step]:.3f}" for step in shown),
            markdown.number(row["seconds_per_search"]),
        )
        for row in result.rows
    )
    header = ("method", "target", *(f"regret at {step}" for step in shown), "seconds per search")
    return f"{markdown.with_origin(result, header, rows)}\n\n{markdown.targets_table([result])}"


def failures() -> str:
    """Searches with failing evaluations, with and without the probability of success."""
    if (result := stored("search/failures")) is None:
        return markdown.UNMEASURED
    names = {None: "", True: "barred", False: "learned"}
    rows = (
        (
            row["fails"],
            row["method"],
            row["past"],
            names[row["barred"]],
            *(f"{row[name]:.3f}" for name in ("failed_first_10", "failed_last_half")),
            *(f"{value:.3f}" for value in row["median_regret"]),
        )
        for row in result.rows
    )
    steps = result.rows[0]["steps"]
    header = (
        "what fails",
        "method",
        "past",
        "feasibility",
        "failed, first 10",
        "failed, last half",
        f"median regret at {steps[0]}",
        *map(str, steps[1:]),
    )
    return f"{markdown.with_origin(result, header, rows)}\n\n{markdown.targets_table([result])}"
