"""What a past has in common, for people: tables, pictures and a file of all motifs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.analysis.plots import plot_motifs, plot_sensitivity, plot_tradeoffs
from nmjax.analysis.plots.tradeoffs import Tradeoff
from nmjax.cli.console_tables import past_heading, plain_table
from nmjax.patterns import (
    MotifTable,
    Sensitivity,
    find_motifs,
    hypervolume,
    is_best,
    motif_names,
    motif_table,
    pareto_front,
    predicted_sobol_indices,
    sensitivity_agreement,
)
from nmjax.patterns.predicted import LARGEST_GRID
from nmjax.predictors import normal_scores
from nmjax.spaces import canonicalize
from nmjax.tasks import history_scores
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import Array, Metric

if TYPE_CHECKING:
    from rich.console import Group

SHOWN = 12
"""Motifs of a table or a panel."""
SAME = 0.5
"""Overlap from which on two motifs are told as one, the surer."""


class Patterns(NamedTuple):
    """What `find_patterns` found.

    Attributes:
      names: of F motifs.
      overlap: float[F, F], how many of the evaluations with one or the other of two motifs have
        both.
      motifs: {"the best 10%": what is enriched among them, ...}.
      sensitivity: of T tasks' normal scores, each an `Interval`; None where the space is too large.
      tradeoffs: {task: score against cost}; empty where no metric is a cost.
    """

    names: tuple[str, ...]
    overlap: np.ndarray
    motifs: Mapping[str, MotifTable]
    sensitivity: Sensitivity | None
    tradeoffs: Mapping[str, Tradeoff]


def find_patterns(key: Array, past: PastSearches, *, share: float) -> Patterns:
    """Motifs of the best and of the failed, sensitivities, and trade-offs.

    Where no evaluation failed, the worst take the place of the failed.

    Args:
      key: of the draws behind the sensitivities.
      past: what to look at.
      share: of a task's evaluations that are its best, or its worst; inside (0, 1).
    """
    scores = history_scores(past.history, past.score)
    rows, mask = past.history.architecture, past.history.mask
    succeeded = mask & ~jnp.isnan(scores)
    failed = mask & jnp.isnan(scores)
    percent, level = f"{100 * share:g}%", jnp.float32(share)
    best = is_best(scores, level)
    motifs = {f"the best {percent}": motif_table(past.space, rows, best, succeeded)}
    if failed.any():
        motifs["the failed"] = motif_table(past.space, rows, failed, mask)
    else:
        worst = is_best(-scores, level)
        motifs[f"the worst {percent}"] = motif_table(past.space, rows, worst, succeeded)
    sensitivity = None
    if past.space.size <= LARGEST_GRID:
        ranks = jax.vmap(normal_scores)(scores)
        sensitivity = predicted_sobol_indices(key, past.space, rows, ranks)
    names, overlap = motif_names(past.space), _overlap(past)
    return Patterns(names, overlap, motifs, sensitivity, _tradeoffs(past, scores))


def leading_motifs(found: Patterns, table: MotifTable, *, rate: float) -> np.ndarray:
    """int[n], the motifs that hold on some task at a false discovery rate, at most `SHOWN`.

    They are those of the largest effects that are sure, by the lower ends of their intervals; one
    that mostly comes with another before it is left out, as a range with a slightly shorter one.
    """
    holds = np.asarray(table.somewhere) <= rate
    order = np.argsort(-np.where(holds, np.asarray(table.low), -np.inf), kind="stable")
    kept: list[int] = []
    for motif in order[: holds.sum()].tolist():
        if len(kept) < SHOWN and (found.overlap[motif, kept] < SAME).all():
            kept.append(motif)
    return np.array(kept, int)


def patterns_report(past: PastSearches, found: Patterns, *, rate: float) -> "Group":
    """What a person reads: motifs by effect, choices by sensitivity, fronts by hypervolume."""
    from rich.console import Group

    parts: list = [*past_heading(past)]
    for group, table in found.motifs.items():
        parts += _motifs(past, found, group, table, rate)
    if found.sensitivity is not None:
        parts += _sensitivities(past, found.sensitivity)
    if found.tradeoffs and past.cost is not None:
        parts += _fronts(found.tradeoffs, past.score, past.cost)
    return Group(*parts)


def write_patterns(folder: Path, past: PastSearches, found: Patterns, *, rate: float) -> None:
    """Write motifs.parquet, all of them, and motifs.png, sensitivity.png and tradeoffs.png."""
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
    plot_motifs(panels, found.names, rate=rate, title=f"{past.name}: {past.score.name}").savefig(
        folder / "motifs.png"
    )
    if found.sensitivity is not None:
        of_tasks = {
            task: jax.tree.map(lambda leaf, t=place: leaf[t], found.sensitivity)
            for place, task in enumerate(past.tasks)
        }
        choices = [choice.name for choice in past.space.choices]
        title = f"{past.name}: what explains the ranks of {past.score.name}"
        plot_sensitivity(of_tasks, choices, title=title).savefig(folder / "sensitivity.png")
    if found.tradeoffs and past.cost is not None:
        title = f"{past.name}: {past.score.name} against {past.cost.name}"
        plot_tradeoffs(found.tradeoffs, past.cost, past.score, title=title).savefig(
            folder / "tradeoffs.png"
        )


def _overlap(past: PastSearches) -> np.ndarray:
    """Jaccard's index of each two motifs over the evaluations of the first task."""
    rows = canonicalize(past.space, past.history.architecture[0])
    present = np.asarray(find_motifs(past.space, rows), np.float32)
    present = present[np.asarray(past.history.mask[0])]
    both, each = present.T @ present, present.sum(0)
    return both / np.maximum(each[:, None] + each[None, :] - both, 1)


def _tradeoffs(past: PastSearches, scores: Array) -> dict[str, Tradeoff]:
    if past.cost is None:
        return {}
    both = jnp.stack([scores, history_scores(past.history, past.cost)], axis=-1)
    both = jnp.where(jnp.isnan(both).any(-1, keepdims=True), jnp.nan, both)
    low, high = jnp.nanmin(both, axis=1, keepdims=True), jnp.nanmax(both, axis=1, keepdims=True)
    unit = (both - low) / jnp.where(high > low, high - low, 1)
    fronts, volumes = pareto_front(both), hypervolume(unit, jnp.zeros(2))
    raw = past.history.metrics
    return {
        task: Tradeoff(
            np.where(np.asarray(past.history.mask[t]), raw[past.cost.name][t], np.nan),
            np.where(np.asarray(past.history.mask[t]), raw[past.score.name][t], np.nan),
            np.asarray(fronts[t]),
            float(volumes[t]),
        )
        for t, task in enumerate(past.tasks)
    }


def _motifs(
    past: PastSearches, found: Patterns, group: str, motifs: MotifTable, rate: float
) -> list:
    shown = leading_motifs(found, motifs, rate=rate)
    number = int((np.asarray(motifs.somewhere) <= rate).sum())
    title = (
        f"Enriched among {group}: {number} of {len(found.names)} motifs at a false discovery rate "
        f"of {rate:g}" + (f"; {len(shown)} that differ" if number > len(shown) else "")
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


def _sensitivities(past: PastSearches, found: Sensitivity) -> list:
    """Means over tasks, and the least and the most on one task."""
    title = (
        "Share of the variance of ranks that a choice explains, mean over tasks with the mean "
        "95% interval of one; on which task least and most"
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
    """Which two tasks agree the least on what matters."""
    if len(total) < 2:
        return []
    cosine = np.array(sensitivity_agreement(jnp.asarray(total))) + 2 * np.eye(len(total))
    a, b = (past.tasks[task] for task in np.unravel_index(cosine.argmin(), cosine.shape))
    return [f"Tasks agree on these to a cosine of {cosine.min():.2f} or more, {a} and {b} least."]


def _fronts(tradeoffs: Mapping[str, Tradeoff], score: Metric, cost: Metric) -> list:
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
