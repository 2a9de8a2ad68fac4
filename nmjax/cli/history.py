"""`nmjax history`: import past evaluations into a store, show, export and merge them."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, subcommand

from nmjax.cli.auto_space import choose_space, find_store
from nmjax.cli.console import make_console
from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import space_source
from nmjax.tasks import (
    Finding,
    check_quality,
    count_evaluations,
    drop_findings,
    drop_stored,
    iter_batches,
    load_history,
    open_store,
    stored_rows,
    write_history,
)
from nmjax.tasks.files.folders import locate
from nmjax.tasks.files.history_store import check_planned, plan_store
from nmjax.tasks.files.store_writer import append_batches
from nmjax.tasks.quality import Kind
from nmjax.tasks.tables.history_writer import check_writable
from nmjax.tasks.tables.opening import open_table
from nmjax.tasks.tables.rows import Request, list_labels, read_rows
from nmjax.types import History

STREAMED = 2**16
"""Rows of a batch when a store is copied."""
SHOWN_ROWS = 10
_NONE = "(default: none)"
_Store = Annotated[Positional[str], arg(metavar="STORE")]
_File = Annotated[Positional[Path], arg(metavar="FILE")]


@dataclass(frozen=True)
class ImportConfig:
    """Add a file of evaluations, one per row, to a store.

    The content of the file tells its format: CSV and the like, JSON, Parquet or Arrow, compressed
    or not. Evaluations that the store already holds are skipped. Suspicious rows are listed,
    numbered from 0 within their task.

    With --space auto, a space is proposed from the columns and printed as Python, with the reason
    for each choice. Without a store, nothing else is done, so the output can be edited and used as
    MODULE:NAME.

    Attributes:
      file: File to read.
      store: Folder of the store, or its URL, such as s3://BUCKET/past; created if it is missing.
      metrics: Columns with raw values; an empty value or nan is a failed evaluation. Not needed if
        the store exists, or for exports of tools that say what they optimized.
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

    file: _File
    store: Annotated[Positional[str | None], arg(metavar="[STORE]", help_behavior_hint="")] = None
    metrics: Annotated[
        tuple[str, ...], arg(metavar="COLUMN [COLUMN ...]", help_behavior_hint="")
    ] = ()
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


@dataclass(frozen=True)
class ShowConfig:
    """Print the contents of a store.

    Attributes:
      store: Folder of the store, or its URL.
      source: Print only the space, as Python.
      findings: Load all evaluations and list suspicious rows, numbered from 0.
    """

    store: _Store
    source: Annotated[bool, arg(help_behavior_hint="")] = False
    findings: Annotated[bool, arg(help_behavior_hint="")] = False


@dataclass(frozen=True)
class ExportConfig:
    """Write a store's evaluations to one file.

    Attributes:
      store: Folder of the store, or its URL.
      file: File to write, ending in .csv, .parquet or .jsonl.
      tasks: Restrict to these tasks.
      overwrite: Replace the file if it exists.
    """

    store: _Store
    file: _File
    tasks: Annotated[
        tuple[str, ...], arg(metavar="[TASK [TASK ...]]", help_behavior_hint="(default: all)")
    ] = ()
    overwrite: Annotated[bool, arg(help_behavior_hint="")] = False


@dataclass(frozen=True)
class MergeConfig:
    """Add the evaluations of other stores to a store of the same space, metrics and context.

    Evaluations that it already holds are skipped.

    Attributes:
      store: Folder or URL of the store to add to; created if it is missing.
      others: Folders or URLs of the stores to read.
      allow_duplicates: Also add evaluations that the store already holds.
    """

    store: _Store
    others: Annotated[
        Positional[tuple[str, ...]],
        arg(metavar="OTHER [OTHER ...]", help_behavior_hint="(required)"),
    ]
    allow_duplicates: Annotated[bool, arg(help_behavior_hint="")] = False


@dataclass(frozen=True)
class HistoryConfig:
    """Keep past evaluations in a folder: import, show, export, merge.

    Attributes:
      action: What to do.
    """

    action: OmitArgPrefixes[
        OmitSubcommandPrefixes[
            Annotated[ImportConfig, subcommand("import")]
            | Annotated[ShowConfig, subcommand("show")]
            | Annotated[ExportConfig, subcommand("export")]
            | Annotated[MergeConfig, subcommand("merge")]
        ]
    ]


def run(config: HistoryConfig) -> None:
    """Run the action and print what it did.

    Raises:
      NmjaxError: A name is unknown, or a file or folder cannot be read or written.
    """
    actions: dict[type, Callable[[Any], None]] = {
        ImportConfig: _import,
        ShowConfig: _show,
        ExportConfig: _export,
        MergeConfig: _merge,
    }
    actions[type(config.action)](config.action)


def _import(config: ImportConfig) -> None:
    for kind in config.drop:
        if kind not in get_args(Kind):
            raise unknown_name("kind of finding", kind, get_args(Kind))
    if wrong := [pair for pair in config.columns if "=" not in pair]:
        raise NmjaxError(f"Got --columns {wrong[0]}; give NAME=COLUMN.")
    table = open_table(config.file, config.tasks)
    known = None if config.store is None else find_store(config.store)
    metrics = config.metrics or (known.metrics if known else tuple(table.objectives))
    context = config.context or (known.context if known else ())
    if not metrics:
        raise NmjaxError(f"Got no metric of {config.file}; give --metrics COLUMN.")
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
    if source:
        print(source)
    if config.store is None:
        if not source:
            raise NmjaxError(f"Got no folder to import {config.file} into; name one.")
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
    store = plan_store(config.store, space, metrics=metrics, context=context)
    found = check_quality(past.history, space, tasks=past.tasks)
    chosen = [finding for finding in found if finding.kind in config.drop]
    kept = drop_findings(past.history, chosen)
    added = kept if config.allow_duplicates else drop_stored(store, kept, past.tasks)
    append_batches(store, [(added, past.tasks)])
    if outside:
        print(f"outside: {list_labels(outside)} of {config.file}, left out.")
    _print_findings(found)
    number, read = int(added.mask.sum()), int(past.history.mask.sum())
    print(f"Added {number} of {read} evaluations of {len(past.tasks)} tasks to {config.store}.")
    _print_skipped(int(kept.mask.sum()) - number, config.store)


def _show(config: ShowConfig) -> None:
    from rich.table import Table

    store = open_store(config.store)
    if config.source:
        print(space_source(store.space), end="")
        return
    table = Table("task", "evaluations", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    counts = count_evaluations(store)
    for task, count in counts.items():
        table.add_row(task, f"{count:,}")
    print(f"space {store.space.name}")
    print(f"metrics {', '.join(store.metrics)}")
    print(f"context {', '.join(store.context) or '(none)'}")
    make_console().print(table)
    if config.findings and counts:
        past = load_history(store)
        _print_findings(check_quality(past.history, store.space, tasks=past.tasks))


def _export(config: ExportConfig) -> None:
    store = open_store(config.store)
    if config.file.exists() and not config.overwrite:
        raise NmjaxError(f"{config.file} exists: name another file, or pass --overwrite.")
    check_writable(config.file)
    past = load_history(store, config.tasks or None)
    write_history(config.file, past.history, store.space, tasks=past.tasks, context=store.context)
    number = int(past.history.mask.sum())
    print(f"Wrote {number} evaluations of {len(past.tasks)} tasks to {config.file}.")


def _merge(config: MergeConfig) -> None:
    stores = [open_store(folder) for folder in config.others]
    place = Path(locate(config.store)).resolve()
    if not stores or place in [Path(store.folder).resolve() for store in stores]:
        raise NmjaxError(f"Nothing to add to {config.store}; name other stores.")
    first = stores[0]
    target = plan_store(config.store, first.space, metrics=first.metrics, context=first.context)
    for store in stores:
        check_planned(target, store)
    before = {} if config.allow_duplicates else stored_rows(target)
    added, read = 0, 0

    def new_evaluations() -> Iterator[tuple[History, tuple[str]]]:
        nonlocal added, read
        for store in stores:
            left = copy.deepcopy(before)
            for task, batch in iter_batches(store, batch_size=STREAMED):
                new = drop_stored(target, batch, (task,), left)
                added += int(new.mask.sum())
                read += int(batch.mask.sum())
                yield new, (task,)

    append_batches(target, new_evaluations())
    print(f"Added {added} evaluations of {len(stores)} stores to {config.store}.")
    _print_skipped(read - added, config.store)


def _print_skipped(number: int, store: str) -> None:
    if number:
        print(
            f"Skipped {number} evaluations that {store} holds already; "
            "--allow-duplicates adds them again."
        )


def _print_findings(found: Sequence[Finding]) -> None:
    for finding in found:
        rows = ", ".join(map(str, finding.rows[:SHOWN_ROWS]))
        more = f" and {len(finding.rows) - SHOWN_ROWS} more" * (len(finding.rows) > SHOWN_ROWS)
        print(f"{finding.kind}: {finding.text} Rows {rows}{more}.")
