"""`nmjax history`: import past evaluations into a store, show, export and merge them."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, subcommand

from nmjax.cli.console import counted, make_console
from nmjax.cli.history import import_history
from nmjax.cli.history.import_history import ImportConfig, print_findings, print_skipped
from nmjax.errors import NmjaxError
from nmjax.spaces import space_source
from nmjax.tasks import (
    check_quality,
    count_evaluations,
    drop_stored,
    iter_batches,
    load_history,
    open_store,
    stored_rows,
    write_history,
)
from nmjax.tasks.files.folders import locate
from nmjax.tasks.files.history_store import HistoryStore, check_planned, plan_store
from nmjax.tasks.files.store_writer import append_batches
from nmjax.tasks.tables.history_writer import check_writable
from nmjax.types import History

STREAMED = 2**16
"""Rows of a batch when a store is copied."""
_Store = Annotated[Positional[str], arg(metavar="STORE")]
_File = Annotated[Positional[Path], arg(metavar="FILE")]


@dataclass(frozen=True)
class ShowConfig:
    """Print the contents of a store.

    Attributes:
      store: Folder of the store, or its URL.
      source: Print only the space, as Python.
      findings: Load all evaluations and list suspicious rows, counted from 1 within their task.
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
        ImportConfig: import_history.run,
        ShowConfig: _show,
        ExportConfig: _export,
        MergeConfig: _merge,
    }
    actions[type(config.action)](config.action)


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
    print(f"metrics {', '.join(_directed(name, store) for name in store.metrics)}")
    print(f"context {', '.join(store.context) or '(none)'}")
    make_console().print(table)
    if config.findings and counts:
        past = load_history(store)
        print_findings(check_quality(past.history, store.space, tasks=past.tasks))


def _directed(metric: str, store: HistoryStore) -> str:
    """The name of a metric, with its direction if the store knows it."""
    words = {"max": "maximized", "min": "minimized"}
    direction = store.directions.get(metric)
    return metric if direction is None else f"{metric} ({words[direction]})"


def _export(config: ExportConfig) -> None:
    store = open_store(config.store)
    if config.file.exists() and not config.overwrite:
        raise NmjaxError(f"{config.file} exists: name another file, or pass --overwrite.")
    check_writable(config.file)
    past = load_history(store, config.tasks or None)
    write_history(config.file, past.history, store.space, tasks=past.tasks, context=store.context)
    number = int(past.history.mask.sum())
    evaluations, tasks = counted(number, "evaluation"), counted(len(past.tasks), "task")
    print(f"Wrote {evaluations} of {tasks} to {config.file}.")


def _merge(config: MergeConfig) -> None:
    stores = [open_store(folder) for folder in config.others]
    place = Path(locate(config.store)).resolve()
    if not stores or place in [Path(store.folder).resolve() for store in stores]:
        raise NmjaxError(f"Nothing to add to {config.store}; name other stores.")
    first = stores[0]
    target = plan_store(
        config.store,
        first.space,
        metrics=first.metrics,
        context=first.context,
        directions={name: way for store in stores for name, way in store.directions.items()},
    )
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
    evaluations, others = counted(added, "evaluation"), counted(len(stores), "store")
    print(f"Added {evaluations} of {others} to {config.store}.")
    print_skipped(read - added, config.store)
