"""Comparison of a search with others: a table, a diagram and a result file."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmjax.analysis import format_evaluations
from nmjax.analysis.speed_up import speed_up_text
from nmjax.cli.console import SHOWN_STEPS, over_interval, plain_table
from nmjax.evaluation.comparison import compare
from nmjax.evaluation.trajectories import Trajectories, write_trajectories
from nmjax.experiments.provenance import collect_provenance
from nmjax.experiments.results import Result, write_result
from nmjax.tasks import Suite

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


def write_leaderboard(
    folder: Path,
    suite: Suite,
    found: Mapping[str, Trajectories],
    *,
    config: Mapping[str, Any],
    focus: str,
) -> list[dict[str, Any]]:
    """Write results.json, trajectories.npz and ranks.png.

    Args:
      folder: empty folder.
      suite: suite that was searched.
      found: trajectories of two or more methods, by name.
      config: every setting, by name.
      focus: method that the others are compared with.

    Returns:
      The rows of results.json, from `comparison.compare`.
    """
    from nmjax.analysis.plots import plot_critical_difference

    begun, rows = time.perf_counter(), compare(suite, found, focus=focus)
    write_trajectories(folder / "trajectories.npz", suite, found)
    result = Result(
        **collect_provenance(),
        split="leave one task out; one past per seed",
        seeds=tuple(range(found[focus].rows.shape[1])),
        config=config,
        seconds=time.perf_counter() - begun,
        rows=tuple(rows),
    )
    write_result(folder / "results.json", result)
    last = _ranked(rows)[-1]
    plot_critical_difference(
        dict(zip(last["methods"], last["average_rank"], strict=True)),
        last["rank_groups"],
        emphasized=focus,
        difference=last["critical_difference"],
        title=f"{suite.name}: average rank after {last['ranked_at']} evaluations",
    ).savefig(folder / "ranks.png")
    return rows


def leaderboard_table(suite: Suite, rows: Sequence[Mapping[str, Any]], *, focus: str) -> "Group":
    """Format regret and speed-up by method, and the groups of methods that do not differ.

    Args:
      suite: suite that was searched.
      rows: rows from `write_leaderboard`.
      focus: method that the others are compared with.
    """
    from rich.console import Group
    from rich.text import Text

    heading = Text(f"\n{focus} on {suite.name}", style="bold")
    caption = Text(
        "Means over tasks and seeds, with 95% intervals of regret below. Two methods are compared "
        "on the seeds that both have; ranks use the mean over all seeds of a method.\n",
        style="dim",
    )
    groups = (line for row in _ranked(rows) for line in _indistinct(row))
    return Group(heading, caption, _regret_table(rows, focus), "", *map(Text, groups))


def _regret_table(rows: Sequence[Mapping[str, Any]], focus: str) -> "Table":
    methods = [row for row in rows if row.get("task") == "all"]
    reach = {row["reach"]: row for row in rows if "reach" in row}
    budget = methods[0]["steps"][-1]
    shown = [step for step in SHOWN_STEPS if step <= budget]
    table = plain_table("Normalized regret by number of evaluations")
    table.add_column("method", overflow="fold")
    for name in (*map(str, shown), "log10\nrank", "its regret\nreached at", "speed-up", "seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in sorted(methods, key=lambda row: row["regret"][-1]):
        at = [row["steps"].index(step) for step in shown]
        cells = [_with_interval(row["regret"][i], row["regret_ci"][i]) for i in at]
        to_it = reach.get(row["method"])
        reached = ("·", "·")
        if to_it is not None:
            reached = (
                format_evaluations(to_it["evaluations"], budget),
                speed_up_text(to_it["speed_up"]),
            )
        name = f"[bold]{row['method']}[/bold]" if row["method"] == focus else row["method"]
        table.add_row(name, *cells, f"{row['log10_rank'][-1]:.2f}", *reached, str(row["seeds"]))
    return table


def _with_interval(value: float, interval: Sequence[float] | None) -> str:
    if interval is None:
        return f"{value:.3f}\n"
    return over_interval(f"{value:.3f}", *(f"{end:.3f}" for end in interval))


def _indistinct(row: Mapping[str, Any]) -> list[str]:
    """Format average ranks, and groups of methods that do not differ, as lines."""
    ranks = sorted(zip(row["methods"], row["average_rank"], strict=True), key=lambda pair: pair[1])
    listed = ", ".join(f"{name} {rank:.1f}" for name, rank in ranks)
    return [
        f"Average rank after {row['ranked_at']} evaluations over {row['tasks']} tasks: {listed}.",
        f"No difference by rank (Friedman's p = {row['p_value']:.2g}; Nemenyi's critical "
        f"difference {row['critical_difference']:.1f}):",
        *(f"  {', '.join(group)}" for group in row["rank_groups"]),
        "No difference by regret (paired bootstrap over tasks and seeds):",
        *(f"  {', '.join(group)}" for group in row["regret_groups"]),
        "",
    ]


def _ranked(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if "ranked_at" in row]
