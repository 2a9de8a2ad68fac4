"""`nmjax search` of a benchmark: hold one task out, learn from the others, and search it."""

import importlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from nmjax.cli.console import make_console
from nmjax.cli.long_run import CONFIG, RESULTS, settings_of, shared_run_folder
from nmjax.cli.search.command import SearchConfig
from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError

if TYPE_CHECKING:
    from rich.console import Group

    from nmjax.evaluation import MethodRun, Prepared
    from nmjax.knowledge import LearnConfig
    from nmjax.types import Array

_OWN = (
    *("maximize", "minimize", "objective", "task", "task_name", "suggestions"),
    *("max_tasks", "rows_per_task"),
)
"""Settings of the search of a user's own problem."""
DEFAULT_TARGETS = {"nas-bench-graph": "photo"}
CHECKPOINTS = "checkpoints"


def search_benchmark(config: SearchConfig) -> None:
    """Search a benchmark by several methods, print a table, and write a folder.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, data are not installed, the folder
        cannot be made or is in use, or the processes of a distributed run cannot connect.
    """
    import jax

    from nmjax.cli.reports import search as search_report
    from nmjax.evaluation.leave_one_out import prepare
    from nmjax.evaluation.method_runs import check_run, run_methods, seed_keys
    from nmjax.evaluation.summary import summarize
    from nmjax.experiments import batch_mesh, make_progress, write_result
    from nmjax.experiments.processes import is_shared
    from nmjax.experiments.progress import StageTimer
    from nmjax.tasks import leave_one_out, load_suite

    begun = time.perf_counter()
    enable_compilation_cache()
    suite = load_suite(config.benchmark, data=config.data)
    target = config.target or DEFAULT_TARGETS.get(suite.name, suite.tasks[0])
    budget = 100 if config.budget is None else config.budget
    config = replace(config, target=target, budget=budget)
    split = leave_one_out(suite, target)
    _check_numbers(config)
    check_run(suite, methods=config.methods, budget=budget)

    past_key, search_key, bootstrap_key = jax.random.split(jax.random.key(config.seed), 3)
    first = jax.process_index() == 0
    with (
        shared_run_folder(config, benchmark=suite.name, target=target) as folder,
        make_progress() as progress,
    ):
        if first:
            search_report.write_config(folder / CONFIG, settings_of(config))
        stages = StageTimer(progress)
        prepared = prepare(past_key, suite, split, history_size=config.history_size, stages=stages)
        Thread(target=_import_for_reports, daemon=True).start()
        runs = run_methods(
            seed_keys(search_key, config.seeds),
            prepared,
            methods=config.methods,
            budget=budget,
            stages=stages,
            mesh=batch_mesh(config.seeds) if jax.device_count() > 1 else None,
            folder=folder.absolute() / CHECKPOINTS if is_shared(folder) else None,
        )
        if not first:
            return
        stages.begin("summarize")
        rows = summarize(bootstrap_key, prepared, runs)
        settings = _all_settings(config, prepared.config)
        _write_reports(bootstrap_key, folder, settings, prepared, runs)
        stages.end()
        seconds = stages.seconds | {"total": time.perf_counter() - begun}
        result = search_report.make_result(prepared, rows, settings, seconds, seeds=config.seeds)
        write_result(folder / RESULTS, result)
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    _print_found(config, folder, search_report.summary_table(prepared, rows), seconds["total"])


def _import_for_reports() -> None:
    """Import what only the reports need, while the searches run."""
    importlib.import_module("nmjax.analysis.plots")
    importlib.import_module("pyarrow.parquet")


def _write_reports(
    key: "Array",
    folder: Path,
    settings: Mapping[str, Any],
    prepared: "Prepared",
    runs: "Mapping[str, MethodRun]",
) -> None:
    """Write the settings, the evaluations and the pictures of a finished search."""
    from nmjax.cli.reports import search as search_report

    search_report.write_config(folder / CONFIG, settings)
    search_report.write_trace(folder / "trace.parquet", prepared, runs)
    search_report.write_pictures(folder, prepared, runs, key=key)


def _print_found(config: SearchConfig, folder: Path, table: "Group", seconds: float) -> None:
    if config.json:
        print((folder / RESULTS).read_text(), end="")
    else:
        console = make_console(markup=True)
        console.print(table)
        console.print(f"\nWrote {folder} in {seconds:.0f} s.", soft_wrap=True)


def _check_numbers(config: SearchConfig) -> None:
    for name in _OWN:
        if getattr(config, name) != getattr(SearchConfig, name):
            flag = name.replace("_", "-")
            raise NmjaxError(f"Got --{flag} without --history or --space; give one of them.")
    if config.history_size < 1:
        raise NmjaxError(f"Got --history-size {config.history_size}; give at least 1.")
    if config.seeds < 1 or config.seed < 0:
        raise NmjaxError(
            f"Got --seeds {config.seeds} and --seed {config.seed}; give at least 1 and 0."
        )


def _all_settings(config: SearchConfig, learn: "LearnConfig") -> dict[str, Any]:
    """Return the settings, with those of learning and searching."""
    from nmjax.search import default_hyper

    hyper = default_hyper(config.budget or 100)._asdict()
    return settings_of(config) | {"learn": asdict(learn), "hyper": hyper}
