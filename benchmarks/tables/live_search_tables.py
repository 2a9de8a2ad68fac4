"""The tables of searches by epochs and with real training in docs/benchmarks/live.md."""

from benchmarks.script import require
from benchmarks.tables import markdown

SHOWN = (24, 48, 96, 240)
COMPARED = (24, 96, 240)


def multi_fidelity() -> str:
    """Normalized regret of searches by epochs and by whole trainings."""
    result = require("live/multi_fidelity")
    cells = {(row["method"], row["epochs"]): row for row in result.rows}
    header = (
        "method",
        *(f"{epochs} epochs" for epochs in SHOWN),
        *(f"minus `transfer` at {epochs}" for epochs in COMPARED),
    )
    rows = []
    for method in dict.fromkeys(row["method"] for row in result.rows):
        regrets = (cells[method, epochs] for epochs in SHOWN)
        apart = (cells[method, epochs] for epochs in COMPARED)
        rows.append(
            (
                method,
                *(markdown.with_interval(row["regret"], row["ci"]) for row in regrets),
                *(
                    ""
                    if method == "transfer"
                    else markdown.with_interval(row["difference"], row["difference_ci"])
                    for row in apart
                ),
            )
        )
    return markdown.with_origin(result, header, rows)


def live_search() -> str:
    """Seconds until a score is reached, by target and method."""
    result = require("live/live_search")
    header = (
        "target",
        "method",
        "reached",
        "trainings",
        "seconds",
        "CPU seconds",
        "compile",
        "seconds with compile",
    )
    rows = (
        (
            f"{row['target']} ({row['goal']:.3f})",
            row["method"],
            f"{row['reached']:.0%}",
            f"{row['trainings']:.1f}",
            f"{row['seconds']:.2f} [{row['seconds_ci'][0]:.2f}, {row['seconds_ci'][1]:.2f}]",
            f"{row['cpu_seconds']:.2f}",
            f"{row['compile_seconds']:.0f}",
            f"{row['seconds'] + row['compile_seconds']:.0f}",
        )
        for row in result.rows
    )
    return markdown.with_origin(result, header, rows)
