"""Report on a benchmark search: a table, and a folder with results, trace and plots."""

import json
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nmjax.analysis import format_evaluations
from nmjax.cli.console import SHOWN_STEPS, over_interval, plain_table
from nmjax.evaluation.leave_one_out import Prepared
from nmjax.evaluation.method_runs import MethodRun
from nmjax.evaluation.summary import regret_curves
from nmjax.experiments.provenance import collect_provenance
from nmjax.experiments.results import Result, json_ready
from nmjax.spaces import to_text

if TYPE_CHECKING:
    import pyarrow
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from nmjax.types import Array


def describe_split(prepared: Prepared) -> str:
    """Describe the target, and the sources, by fold if a network was cross-fitted."""
    split, folds = prepared.split, prepared.folds
    sources = f"sources {', '.join(split.sources)}"
    if folds is not None:
        groups = [", ".join(compress(split.sources, folds == fold)) for fold in np.unique(folds)]
        sources = f"sources by fold: {'; '.join(groups)}"
    return f"target {split.target}; {sources}; one past for all seeds"


def write_config(path: Path, config: Mapping[str, Any]) -> None:
    """Write settings as JSON."""
    path.write_text(json.dumps(json_ready(config, "config"), indent=1) + "\n")


def make_result(
    prepared: Prepared,
    rows: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    seconds: Mapping[str, float],
    *,
    seeds: int,
) -> Result:
    """Return the content of results.json, with `seconds` by stage."""
    return Result(
        **collect_provenance(),
        split=describe_split(prepared),
        seeds=tuple(range(seeds)),
        config=config,
        seconds=seconds,
        rows=tuple(rows),
    )


def write_trace(path: Path, prepared: Prepared, runs: Mapping[str, MethodRun]) -> None:
    """Write `trace_table` as Parquet."""
    from pyarrow import parquet

    parquet.write_table(trace_table(prepared, runs), path)


def trace_table(prepared: Prepared, runs: Mapping[str, MethodRun]) -> "pyarrow.Table":
    """Return one row per evaluation.

    The columns are method, seed, step (from 1), row of the pool, architecture as text, score, every
    raw metric, information gains in nats, and the weight of the transferred prior.
    """
    import pyarrow

    return pyarrow.concat_tables(_trace_of(name, prepared, run) for name, run in runs.items())


def write_pictures(
    folder: Path, prepared: Prepared, runs: Mapping[str, MethodRun], *, key: "Array | None" = None
) -> None:
    """Write regret.png and, of the first method with a model, information.png.

    Args:
      folder: folder to write to.
      prepared: task that was searched.
      runs: runs by method.
      key: PRNG key of the bootstrap; with the key of `summarize`, bands equal the intervals of the
        table.
    """
    from nmjax.analysis.plots import plot_information, plot_regret

    suite, target = prepared.suite, prepared.split.target
    seeds = len(next(iter(runs.values())).trace.row)
    what = f"mean and 95% bootstrap interval over {seeds} seeds" if seeds > 1 else "one seed"
    title = f"{target} of {suite.name}: {what}"
    curves = regret_curves(prepared, runs)
    plot_regret(curves, key=key, title=title).savefig(folder / "regret.png")
    for name, run in runs.items():
        trace = run.trace
        if not np.isnan(trace.expected_gain).all():
            plot_information(
                trace.expected_gain,
                trace.realized_gain,
                trace.transfer_weight,
                band="95%",
                title=f"{target} of {suite.name}, {name}: {what}",
            ).savefig(folder / "information.png")
            return


def summary_table(prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> "Group":
    """Format the regret of each method, evaluations to reach the others, and what was found.

    Args:
      prepared: the task that was searched.
      rows: rows from `summarize`.
    """
    from rich.console import Group
    from rich.text import Text

    suite, split = prepared.suite, prepared.split
    heading = Text(f"\n{split.target} of {suite.name}", style="bold")
    caption = Text(
        f"Learned from {', '.join(split.sources)}.\n"
        "Means over seeds, with 95% intervals of regret below. All seeds share one past, so "
        "intervals do not include the variation between pasts.\n",
        style="dim",
    )
    tables = (_regret_table(prepared, rows), "", _reach_table(rows), "", _best_table(rows))
    return Group(heading, caption, *tables, *_best_lines(rows))


def _regret_table(prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> "Table":
    suite = prepared.suite
    budget = max(int(point) for point in rows[0]["regret"])
    points = [str(p) for p in SHOWN_STEPS if p < budget] + [str(budget)]
    table = plain_table(
        f"Normalized regret by number of evaluations, and the incumbent after {budget}"
    )
    table.add_column("method", no_wrap=True)
    for point in points:
        table.add_column(point, justify="right", no_wrap=True)
    table.add_column(f"best\n{suite.score_metric}", justify="right", no_wrap=True)
    table.add_column(f"test\n{suite.test_metric or ''}", justify="right", no_wrap=True)
    for row in rows:
        cells = [row["regret"][point] for point in points]
        table.add_row(
            row["method"],
            *(_with_interval(cell["mean"], cell["ci"]) for cell in cells),
            _number(row["best"], ".4g"),
            _number(row["test"], ".4g"),
        )
    return table


def _best_table(rows: Sequence[Mapping[str, Any]]) -> "Table":
    """The best architecture of each method over all seeds."""
    found = [row["best_architecture"] for row in rows if row["best_architecture"] is not None]
    table = plain_table("Best architecture over all seeds")
    table.add_column("method", no_wrap=True)
    if not found:
        return table
    better = "higher" if found[0]["direction"] == "max" else "lower"
    table.add_column(f"{found[0]['metric']}\n{better} is better", justify="right", no_wrap=True)
    table.add_column("seed", justify="right", no_wrap=True)
    table.add_column("evaluation", justify="right", no_wrap=True)
    table.add_column("architecture", overflow="fold")
    for row in rows:
        best = row["best_architecture"]
        if best is None:
            table.add_row(row["method"], "all failed", "-", "-", "-")
        else:
            cells = (best["value"], ".4g"), (best["seed"], "d"), (best["evaluation"], "d")
            table.add_row(row["method"], *(format(*c) for c in cells), best["architecture"])
    return table


def _best_lines(rows: Sequence[Mapping[str, Any]]) -> list["Text"]:
    """The best architecture of `transfer`, or of all methods if it was not run."""
    from rich.text import Text

    found = {r["method"]: r["best_architecture"] for r in rows if r["best_architecture"]}
    if not found:
        return [Text("\nEvery evaluation failed.")]
    sign = 1 if next(iter(found.values()))["direction"] == "max" else -1
    name = max(found, key=lambda method: sign * found[method]["value"])
    name = "transfer" if "transfer" in found else name
    best = found[name]
    unit = f" {best['unit']}" if best["unit"] else ""
    test = "" if best["test"] is None else f", {best['test']:.4g} on the test metric"
    return [
        Text(f"\nFound by {name}: {best['architecture']}", style="bold"),
        Text(f"{best['metric']} {best['value']:.4g}{unit}{test}", style="dim"),
    ]


def _reach_table(rows: Sequence[Mapping[str, Any]]) -> "Table":
    names = [row["method"] for row in rows]
    budget = max(int(point) for point in rows[0]["regret"])
    table = plain_table(
        f"Evaluations to reach the regret of each method at {budget}, and what the model learned"
    )
    table.add_column("method", no_wrap=True)
    for name in names:
        table.add_column(name.replace("-", "\n"), justify="right", no_wrap=True)
    table.add_column("expected\ngain,\nnats", justify="right", no_wrap=True)
    table.add_column("weight of\npast, first\n→ last", justify="right", no_wrap=True)
    for row in rows:
        reach = {name: _evaluations(reached, budget) for name, reached in row["reach"].items()}
        first, last = row["transfer_weight"]["first"], row["transfer_weight"]["last"]
        trust = "-" if first is None or np.isnan(first) else f"{first:.2f} → {last:.2f}"
        table.add_row(
            row["method"],
            *(reach.get(name, "·") for name in names),
            _number(row["expected_information_gain"], ".1f"),
            trust,
        )
    return table


def _with_interval(mean: float, interval: tuple[float, float]) -> str:
    return over_interval(_number(mean, ".4f"), *(_number(end, ".3f") for end in interval))


def _evaluations(reached: Mapping[str, Any], budget: int) -> str:
    first, low, high = (
        format_evaluations(budget + 1 if evaluations is None else evaluations, budget)
        for evaluations in (reached["evaluations"], *reached["ci"])
    )
    return f"{first}\n" if low == high else over_interval(first, low, high)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None or np.isnan(value) else format(float(value), form)


def _trace_of(name: str, prepared: Prepared, run: MethodRun) -> "pyarrow.Table":
    import pyarrow

    suite, trace = prepared.suite, run.trace
    seed, step = np.nonzero(trace.counted)
    row = trace.row[seed, step]
    unique, inverse = np.unique(row, return_inverse=True)
    texts = pyarrow.array([to_text(suite.space, suite.pool[i]) for i in unique])
    measured = {
        metric: table[prepared.split.target_index] for metric, table in suite.metrics.items()
    }
    return pyarrow.table(
        {
            "method": pyarrow.array([name] * len(row)),
            "seed": _to_arrow(seed.astype(np.int32)),
            "step": _to_arrow((step + 1).astype(np.int32)),
            "row": _to_arrow(row),
            "architecture": texts.take(_to_arrow(inverse)),
            "score": _to_arrow(trace.score[seed, step]),
            **{metric: _to_arrow(values[row]) for metric, values in measured.items()},
            "expected_gain": _to_arrow(trace.expected_gain[seed, step]),
            "realized_gain": _to_arrow(trace.realized_gain[seed, step]),
            "transfer_weight": _to_arrow(trace.transfer_weight[seed, step]),
        }
    )


def _to_arrow(values: "Array | np.ndarray") -> "pyarrow.Array":
    """Return an array by way of a list, as pyarrow imports pandas to convert one of NumPy."""
    import pyarrow

    column = np.asarray(values)
    return pyarrow.array(column.tolist(), pyarrow.from_numpy_dtype(column.dtype))
