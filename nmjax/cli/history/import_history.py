"""`nmjax history import`: add a file of evaluations to a store, or propose its space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

from tyro.conf import Positional, arg

from nmjax.cli.console import counted
from nmjax.cli.history.auto_space import choose_space, find_store
from nmjax.errors import NmjaxError, unknown_name
from nmjax.tasks import Finding, check_quality, drop_findings, drop_stored, list_tasks
from nmjax.tasks.files.history_store import HistoryStore, plan_store
from nmjax.tasks.files.store_writer import append_batches
from nmjax.tasks.quality import Kind
from nmjax.tasks.tables.opening import open_table
from nmjax.tasks.tables.rows import Request, list_labels, read_rows
from nmjax.tasks.tables.table import Direction, Table
from nmjax.tasks.tables.values import check_task_names

_NONE = "(default: none)"


@dataclass(frozen=True)
class ImportConfig:
    """Add a file of evaluations, one per row, to a store.

    The content of the file tells its format: CSV and the like, JSON, Parquet or Arrow, compressed
    or not. Evaluations that the store already holds are skipped. Suspicious rows are listed,
    counted from 1 within their task.

    With --space auto, a space is proposed from the columns and printed as Python, with the reason
    for each choice. Without a store, nothing else is done, so the output can be edited and used as
    MODULE:NAME.

    Attributes:
      file: File to read.
      store: Folder of the store, or its URL, such as s3://BUCKET/past; created if it is missing.
      metrics: Columns with raw values; an empty value or nan is a failed evaluation. Not needed if
        the store exists, or for exports of tools that say what they optimized.
      maximize: Likewise, a metric of which more is better. A new store keeps this direction.
      minimize: Likewise, a metric of which less is better.
      space: Search space, each choice of which is a column: a built-in one such as nas-bench-graph,
        MODULE:NAME, where NAME is a Space or a function without arguments that returns one, or
        auto. Not needed if the store exists, as it has a space.
      task: Column that names the task.
      task_name: Name of the task, for a file of one task without such a column.
      tasks: Restrict to these tasks.
      context: Columns of numbers that describe a task.
      columns: Columns of choices or metrics that have another name, as NAME=COLUMN.
      state: Column with the states of trials, such as COMPLETE and FAIL, if it is not called state
        or status.
      choices: With --space auto, columns that are choices; all others are left out then.
      exclude: With --space auto, columns to leave out.
      drop: Kinds of suspicious rows to leave out, such as outside, duplicate or failed.
      allow_duplicates: Also add evaluations that the store already holds.
    """

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    store: Annotated[Positional[str | None], arg(metavar="[STORE]", help_behavior_hint="")] = None
    metrics: Annotated[
        tuple[str, ...], arg(metavar="COLUMN [COLUMN ...]", help_behavior_hint="")
    ] = ()
    maximize: Annotated[str | None, arg(metavar="COLUMN", help_behavior_hint="")] = None
    minimize: Annotated[str | None, arg(metavar="COLUMN", help_behavior_hint="")] = None
    space: Annotated[str | None, arg(metavar="SPACE", help_behavior_hint="")] = None
    task: Annotated[str, arg(metavar="COLUMN")] = "task"
    task_name: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    tasks: Annotated[
        tuple[str, ...], arg(metavar="[TASK [TASK ...]]", help_behavior_hint="(default: all)")
    ] = ()
    context: Annotated[
        tuple[str, ...], arg(metavar="[COLUMN [COLUMN ...]]", help_behavior_hint=_NONE)
    ] = ()
    columns: Annotated[
        tuple[str, ...], arg(metavar="[NAME=COLUMN [NAME=COLUMN ...]]", help_behavior_hint=_NONE)
    ] = ()
    state: Annotated[str | None, arg(metavar="COLUMN", help_behavior_hint="")] = None
    choices: Annotated[
        tuple[str, ...], arg(metavar="[COLUMN [COLUMN ...]]", help_behavior_hint=_NONE)
    ] = ()
    exclude: Annotated[
        tuple[str, ...], arg(metavar="[COLUMN [COLUMN ...]]", help_behavior_hint=_NONE)
    ] = ()
    drop: Annotated[
        tuple[str, ...], arg(metavar="[KIND [KIND ...]]", help_behavior_hint=_NONE)
    ] = ()
    allow_duplicates: Annotated[bool, arg(help_behavior_hint="")] = False


def run(config: ImportConfig) -> None:
    """Import a file, or print the space that is proposed for it, and print what was done.

    Raises:
      NmjaxError: A name is unknown, or the file or the folder cannot be read or written.
    """
    for kind in config.drop:
        if kind not in get_args(Kind):
            raise unknown_name("kind of finding", kind, get_args(Kind))
    if wrong := [pair for pair in config.columns if "=" not in pair]:
        raise NmjaxError(f"Got --columns {wrong[0]}; give NAME=COLUMN.")
    table = open_table(config.file, config.tasks)
    known = None if config.store is None else find_store(config.store)
    given = _given_directions(config)
    metrics = _metrics(config, table, known, given)
    context = config.context or (known.context if known else ())
    space, renamed, source = choose_space(
        config.space,
        known,
        table,
        metrics=metrics,
        task=config.task,
        context=context,
        choices=config.choices,
        exclude=config.exclude,
        state=config.state,
    )
    if config.store is None:
        if not source:
            raise NmjaxError(f"Got no folder to import {config.file} into; name one.")
        print(source)
        return
    request = Request(
        metrics=metrics,
        task=config.task,
        task_name=config.task_name,
        tasks=config.tasks,
        context=context,
        columns={**renamed, **dict(pair.split("=", 1) for pair in config.columns)},
        state=config.state,
        drop_outside="outside" in config.drop,
    )
    past, outside = read_rows(table, space, request)
    columns = {name: request.columns.get(name, name) for name in metrics}
    directions = _directions(table, columns, given)
    store = plan_store(config.store, space, metrics=metrics, context=context, directions=directions)
    check_task_names(past.tasks, config.store, known=list_tasks(store))
    found = check_quality(past.history, space, tasks=past.tasks)
    chosen = [finding for finding in found if finding.kind in config.drop]
    kept = drop_findings(past.history, chosen)
    added = kept if config.allow_duplicates else drop_stored(store, kept, past.tasks)
    append_batches(store, [(added, past.tasks)])
    if source:
        print(source)
    if outside:
        print(f"outside: {list_labels(outside)} of {config.file}, left out.")
    print_findings(found)
    number, read = int(added.mask.sum()), int(past.history.mask.sum())
    tasks = counted(len(past.tasks), "task")
    print(f"Added {number:,} of {counted(read, 'evaluation')} of {tasks} to {config.store}.")
    print_skipped(int(kept.mask.sum()) - number, config.store)


def _metrics(
    config: ImportConfig,
    table: Table,
    known: HistoryStore | None,
    given: Mapping[str, Direction],
) -> tuple[str, ...]:
    """Return the metrics to read: those of the flags, of the folder, or of the export."""
    metrics = tuple(dict.fromkeys([*given, *config.metrics]))
    metrics = metrics or (known.metrics if known else tuple(table.objectives))
    if not metrics:
        raise NmjaxError(
            f"Got {config.file} without its metric; give --maximize or --minimize COLUMN, or "
            "--metrics COLUMN [COLUMN ...] for metrics without a direction."
        )
    return metrics


def _given_directions(config: ImportConfig) -> dict[str, Direction]:
    """Return the direction of each metric that the flags name as one to improve."""
    if config.maximize is not None and config.maximize == config.minimize:
        raise NmjaxError(f"Got --maximize and --minimize {config.minimize}; give one of them.")
    found: dict[str, Direction] = {}
    if config.maximize is not None:
        found[config.maximize] = "max"
    if config.minimize is not None:
        found[config.minimize] = "min"
    return found


def _directions(
    table: Table, columns: Mapping[str, str], given: Mapping[str, Direction]
) -> dict[str, Direction]:
    """Return the directions that flags give or a file states, of metrics in the given columns."""
    stated = {name: table.directions.get(str(table.find_metric(c))) for name, c in columns.items()}
    known = {name: direction for name, direction in stated.items() if direction is not None}
    for name, direction in given.items():
        if known.get(name, direction) != direction:
            raise NmjaxError(
                f"{table.source} says that {name!r} is {known[name]}imized; give --metrics {name}, "
                "which keeps the direction."
            )
    return {**known, **given}


def print_skipped(number: int, store: str) -> None:
    """Say how many evaluations a store holds already."""
    if number:
        print(
            f"Skipped {counted(number, 'evaluation')} that {store} holds already; "
            "--allow-duplicates adds them again."
        )


def print_findings(found: Sequence[Finding]) -> None:
    """List suspicious rows."""
    for finding in found:
        labels = list_labels([f"row {row + 1}" for row in finding.rows])
        print(f"{finding.kind}: {finding.text} {labels.capitalize()}.")
