"""Report on patterns in past searches: tables, plots and a file of all motifs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.analysis.plots import plot_motifs, plot_sensitivity, plot_tradeoffs
from nmjax.cli.console import past_heading, plain_table
from nmjax.patterns import (
    MotifTable,
    Patterns,
    Sensitivity,
    Tradeoff,
    leading_motifs,
    sensitivity_agreement,
)
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import Metric

if TYPE_CHECKING:
    from rich.console import Group


def patterns_report(past: PastSearches, found: Patterns, *, rate: float) -> "Group":
    """Format motifs by effect, choices by sensitivity and fronts by hypervolume."""
    from rich.console import Group

    parts: list[Any] = [*past_heading(past)]
    for group, table in found.motifs.items():
        parts += _motifs(past, found, group, table, rate)
    if found.sensitivity is not None:
        parts += _sensitivities(past, found.sensitivity)
    if found.tradeoffs and past.cost is not None:
        parts += _fronts(found.tradeoffs, past.required_metric, past.cost)
    return Group(*parts)


def write_patterns(folder: Path, past: PastSearches, found: Patterns, *, rate: float) -> None:
    """Write motifs.parquet, with all motifs, motifs.png, sensitivity.png and tradeoffs.png."""
    import pyarrow as pa
    from pyarrow import parquet

    tables = [
        pa.table(
            {
                "among": [group] * len(found.names),
                "motif": list(found.names),
                **{
                    name: np.asarray(column)
                    for name, column in zip(MotifTable._fields[:6], table[:6], strict=True)
                },
                **{
                    f"rate {task}": np.asarray(column)
                    for task, column in zip(past.tasks, table.task_rate, strict=True)
                },
            }
        )
        for group, table in found.motifs.items()
    ]
    parquet.write_table(pa.concat_tables(tables), folder / "motifs.parquet")
    panels = {
        f"Enriched among {group}": (table, leading_motifs(found, table, rate=rate))
        for group, table in found.motifs.items()
    }
    plot_motifs(
        panels, found.names, rate=rate, title=f"{past.name}: {past.required_metric.name}"
    ).savefig(folder / "motifs.png")
    if found.sensitivity is not None:
        of_tasks = {
            task: jax.tree.map(lambda leaf, t=place: leaf[t], found.sensitivity)
            for place, task in enumerate(past.tasks)
        }
        choices = [choice.name for choice in past.space.choices]
        title = f"{past.name}: what explains the ranks of {past.required_metric.name}"
        plot_sensitivity(of_tasks, choices, title=title).savefig(folder / "sensitivity.png")
    if found.tradeoffs and past.cost is not None:
        title = f"{past.name}: {past.required_metric.name} against {past.cost.name}"
        plot_tradeoffs(found.tradeoffs, past.cost, past.required_metric, title=title).savefig(
            folder / "tradeoffs.png"
        )


def _motifs(
    past: PastSearches, found: Patterns, group: str, motifs: MotifTable, rate: float
) -> list[Any]:
    shown = leading_motifs(found, motifs, rate=rate)
    number = int((np.asarray(motifs.somewhere) <= rate).sum())
    title = (
        f"Enriched among {group}: {number} of {len(found.names)} motifs at a false discovery rate "
        f"of {rate:g}"
        + (f"; {len(shown)} without overlap" if number > len(shown) else "")
        + ", sorted by the lower end of the interval"
    )
    table = plain_table()
    table.add_column("motif", overflow="fold")
    for column in ("odds ratio", "95% interval", "q"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("holds on", overflow="fold")
    for motif in shown:
        low, middle, high = (
            np.exp(float(x[motif])) for x in (motifs.low, motifs.log_odds, motifs.high)
        )
        everywhere = float(motifs.everywhere[motif])
        holds = [
            t for t, q in zip(past.tasks, motifs.task_rate[:, motif], strict=True) if q <= rate
        ]
        q = everywhere if everywhere <= rate else float(motifs.somewhere[motif])
        where = "all" if everywhere <= rate else f"{len(holds)}: {', '.join(holds)}"
        table.add_row(
            found.names[motif], f"{middle:.3g}", f"{low:.3g} to {high:.3g}", f"{q:.1e}", where
        )
    return [title, table, ""]


def _sensitivities(past: PastSearches, found: Sensitivity) -> list[Any]:
    """Format means over tasks, and the least and the largest share on one task."""
    title = (
        "Share of the variance of ranks that a choice explains: mean over tasks, with the mean "
        "95% interval of a task; tasks with the least and the largest share"
    )
    table = plain_table()
    table.add_column("choice", no_wrap=True)
    for column in ("alone", "with interactions"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("least", overflow="fold")
    table.add_column("most", overflow="fold")
    total = np.asarray(found.total.estimate)
    for choice in np.argsort(-total.mean(0), kind="stable"):
        cells = []
        for interval in (found.first, found.total):
            middle, low, high = (100 * float(np.asarray(x)[:, choice].mean()) for x in interval)
            cells.append(f"{middle:.0f}% [{max(low, 0):.0f}, {high:.0f}]")
        ends = [
            f"{100 * total[t, choice]:.0f}% {past.tasks[t]}"
            for t in (total[:, choice].argmin(), total[:, choice].argmax())
        ]
        table.add_row(past.space.choices[choice].name, *cells, *ends)
    return [title, table, *_agreement(past, total), ""]


def _agreement(past: PastSearches, total: np.ndarray) -> list[str]:
    """Name the two tasks that agree least on the sensitivities."""
    if len(total) < 2:
        return []
    cosine = np.array(sensitivity_agreement(jnp.asarray(total))) + 2 * np.eye(len(total))
    a, b = (past.tasks[task] for task in np.unravel_index(cosine.argmin(), cosine.shape))
    return [f"Least agreement between tasks: {a} and {b}, cosine {cosine.min():.2f}."]


def _fronts(tradeoffs: Mapping[str, Tradeoff], score: Metric, cost: Metric) -> list[Any]:
    title = (
        f"{score.name} against {cost.name}: the front, and the share that it dominates of the box "
        "between the worst and the best of each, as scores"
    )
    table = plain_table()
    table.add_column("task", no_wrap=True)
    for column in ("on the front", "hypervolume"):
        table.add_column(column, justify="right", no_wrap=True)
    for task, of_task in tradeoffs.items():
        table.add_row(task, str(int(np.sum(of_task.front))), f"{of_task.hypervolume:.3f}")
    return [title, table, ""]
