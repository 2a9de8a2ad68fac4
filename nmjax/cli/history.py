"""`nmjax history`: past evaluations into a folder that keeps them, and out of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, subcommand

from nmjax.cli.console import make_console
from nmjax.errors import NmjaxError, unknown_name
from nmjax.tasks import (
    Finding,
    append_history,
    check_quality,
    count_evaluations,
    create_store,
    iter_batches,
    keep_out,
    load_history,
    open_store,
    read_history,
    write_history,
)
from nmjax.tasks.files.folders import locate
from nmjax.tasks.quality import Kind

STREAMED = 2**16
"""Rows of a batch where a store is copied."""
SHOWN_ROWS = 10
_NONE = "(default: none)"
_Store = Annotated[Positional[str], arg(metavar="STORE")]
_File = Annotated[Positional[Path], arg(metavar="FILE")]


@dataclass(frozen=True)
class ImportConfig:
    """Add a file of evaluations, one row each, to a store; twice the file is twice the rows.

    Says which rows may not be what they should, counting those of a task from 0.

    Attributes:
      file: File to read, ending in .csv, .parquet or .jsonl.
      store: Folder of the store, made where there is none; or its URL, such as s3://BUCKET/past.
      metrics: Columns with raw values; empty or nan is a failed evaluation.
      space: Space whose choices are columns too: a ready one such as nas-bench-graph, or
        MODULE:NAME, where NAME is a Space or a function without arguments that returns one.
      task: Column that names the task.
      context: Columns of what is known of a task before any evaluation.
      columns: NAME=COLUMN for each choice or metric whose column has another name.
      keep_out: Kinds of findings whose rows to leave out, such as duplicate or failed.
    """

    file: _File
    store: _Store
    metrics: Annotated[tuple[str, ...], arg(metavar="COLUMN [COLUMN ...]")]
    space: Annotated[str, arg(metavar="SPACE")]
    task: Annotated[str, arg(metavar="COLUMN")] = "task"
    context: Annotated[
        tuple[str, ...], arg(metavar="[COLUMN [COLUMN ...]]", help_behavior_hint=_NONE)
    ] = ()
    columns: Annotated[
        tuple[str, ...], arg(metavar="[NAME=COLUMN [NAME=COLUMN ...]]", help_behavior_hint=_NONE)
    ] = ()
    keep_out: Annotated[
        tuple[str, ...], arg(metavar="[KIND [KIND ...]]", help_behavior_hint=_NONE)
    ] = ()


@dataclass(frozen=True)
class ShowConfig:
    """Print what a store holds.

    Attributes:
      store: Folder of the store, or its URL.
      findings: Load all and list rows, from 0, that may not be what they should.
    """

    store: _Store
    findings: Annotated[bool, arg(help_behavior_hint="")] = False


@dataclass(frozen=True)
class ExportConfig:
    """Write a store's evaluations to one file.

    Attributes:
      store: Folder of the store, or its URL.
      file: File to write, ending in .csv, .parquet or .jsonl.
      tasks: Restrict to these tasks.
    """

    store: _Store
    file: _File
    tasks: Annotated[
        tuple[str, ...], arg(metavar="[TASK [TASK ...]]", help_behavior_hint="(default: all)")
    ] = ()


@dataclass(frozen=True)
class MergeConfig:
    """Add the evaluations of stores to another of the same space, metrics and context.

    Attributes:
      store: Folder of the store to add to, made where there is none; or its URL.
      others: Folders or URLs of the stores to read.
    """

    store: _Store
    others: Annotated[
        Positional[tuple[str, ...]],
        arg(metavar="OTHER [OTHER ...]", help_behavior_hint="(required)"),
    ]


@dataclass(frozen=True)
class HistoryConfig:
    """Keep past evaluations in a folder: import, show, export, merge."""

    action: OmitArgPrefixes[
        OmitSubcommandPrefixes[
            Annotated[ImportConfig, subcommand("import")]
            | Annotated[ShowConfig, subcommand("show")]
            | Annotated[ExportConfig, subcommand("export")]
            | Annotated[MergeConfig, subcommand("merge")]
        ]
    ]


def run(config: HistoryConfig) -> None:
    """Do what was asked and say what was done.

    Raises:
      NmjaxError: a name is unknown, or a file or folder is not what it should be.
    """
    actions: dict[type, Callable[[Any], None]] = {
        ImportConfig: _import,
        ShowConfig: _show,
        ExportConfig: _export,
        MergeConfig: _merge,
    }
    actions[type(config.action)](config.action)


def _import(config: ImportConfig) -> None:
    from nmjax.evaluation.plugins import load_space

    space = load_space(config.space)
    for kind in config.keep_out:
        if kind not in get_args(Kind):
            raise unknown_name("kind of finding", kind, get_args(Kind))
    if wrong := [pair for pair in config.columns if "=" not in pair]:
        raise NmjaxError(f"Got --columns {wrong[0]}; give NAME=COLUMN.")
    history, tasks = read_history(
        config.file,
        space,
        metrics=config.metrics,
        task=config.task,
        context=config.context,
        columns=dict(pair.split("=", 1) for pair in config.columns),
    )
    store = create_store(config.store, space, metrics=config.metrics, context=config.context)
    found = check_quality(history, space, tasks=tasks)
    kept = keep_out(history, [finding for finding in found if finding.kind in config.keep_out])
    append_history(store, kept, tasks)
    _print_findings(found)
    added, read = int(kept.mask.sum()), int(history.mask.sum())
    print(f"Added {added} of {read} evaluations of {len(tasks)} tasks to {config.store}.")


def _show(config: ShowConfig) -> None:
    from rich.table import Table

    store = open_store(config.store)
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
        history, tasks = load_history(store)
        _print_findings(check_quality(history, store.space, tasks=tasks))


def _export(config: ExportConfig) -> None:
    store = open_store(config.store)
    history, tasks = load_history(store, config.tasks or None)
    write_history(config.file, history, store.space, tasks=tasks, context=store.context)
    print(f"Wrote {int(history.mask.sum())} evaluations of {len(tasks)} tasks to {config.file}.")


def _merge(config: MergeConfig) -> None:
    stores = [open_store(folder) for folder in config.others]
    place = Path(locate(config.store)).resolve()
    if not stores or place in [Path(store.folder).resolve() for store in stores]:
        raise NmjaxError(f"Nothing to add to {config.store}; name other stores.")
    for store in stores:
        create_store(config.store, store.space, metrics=store.metrics, context=store.context)
    target, added = open_store(config.store), 0
    for store in stores:
        for task, batch in iter_batches(store, batch_size=STREAMED):
            append_history(target, batch, (task,))
            added += int(batch.mask.sum())
    print(f"Added {added} evaluations of {len(stores)} stores to {config.store}.")


def _print_findings(found: Sequence[Finding]) -> None:
    for finding in found:
        rows = ", ".join(map(str, finding.rows[:SHOWN_ROWS]))
        more = f" and {len(finding.rows) - SHOWN_ROWS} more" * (len(finding.rows) > SHOWN_ROWS)
        print(f"{finding.kind}: {finding.text} Rows {rows}{more}.")
