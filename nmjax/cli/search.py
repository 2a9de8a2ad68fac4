"""`nmjax search`: the main job, from past searches to a table and a run folder."""

import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from nmjax.cli.console import make_console
from nmjax.cli.search_config import DEFAULT_TARGETS, SearchConfig
from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError

if TYPE_CHECKING:
    from nmjax.knowledge import LearnConfig


def run(config: SearchConfig) -> None:
    """Run the main job, print its table or JSON, and write its folder.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, data are not installed, or the
        folder is taken.
    """
    import jax

    from nmjax.cli import search_report
    from nmjax.evaluation.leave_one_out import check_run, prepare, run_methods, seed_keys
    from nmjax.evaluation.summary import summarize
    from nmjax.experiments import make_progress, write_result
    from nmjax.experiments.run_folder import check_run_folder, make_run_folder
    from nmjax.experiments.stage_timer import StageTimer
    from nmjax.tasks import leave_one_out, load_suite

    begun = time.perf_counter()
    enable_compilation_cache()
    suite = load_suite(config.benchmark, data=config.data)
    target = config.target or DEFAULT_TARGETS.get(suite.name, suite.tasks[0])
    config = replace(config, target=target)
    split = leave_one_out(suite, target)
    _check_numbers(config)
    check_run(suite, methods=config.methods, budget=config.budget)
    check_run_folder(config.out)

    past_key, search_key, bootstrap_key = jax.random.split(jax.random.key(config.seed), 3)
    with make_progress() as progress:
        stages = StageTimer(progress)
        prepared = prepare(past_key, suite, split, history_size=config.history_size, stages=stages)
        runs = run_methods(
            seed_keys(search_key, config.seeds),
            prepared,
            methods=config.methods,
            budget=config.budget,
            stages=stages,
        )
        stages.begin("summarize")
        rows = summarize(bootstrap_key, prepared, runs)
        folder = make_run_folder(config.out, benchmark=suite.name, target=target)
        settings = _settings(config, prepared.config)
        search_report.write_config(folder / "config.json", settings)
        search_report.write_trace(folder / "trace.parquet", prepared, runs)
        search_report.write_pictures(folder, prepared, runs)
        stages.end()
    seconds = stages.seconds | {"total": time.perf_counter() - begun}
    result = search_report.make_result(prepared, rows, settings, seconds, seeds=config.seeds)
    write_result(folder / "results.json", result)
    if config.json:
        print((folder / "results.json").read_text(), end="")
    else:
        console = make_console(markup=True)
        console.print(search_report.summary_table(prepared, rows))
        console.print(f"\nWrote {folder} in {seconds['total']:.0f} s.", soft_wrap=True)


def _check_numbers(config: SearchConfig) -> None:
    if config.seeds < 1 or config.seed < 0:
        raise NmjaxError(
            f"Got --seeds {config.seeds} and --seed {config.seed}; give at least 1 and 0."
        )


def _settings(config: SearchConfig, learn: "LearnConfig") -> dict[str, Any]:
    """What decides the results: all but where data lie and where output goes."""
    from nmjax.search import default_hyper

    chosen = {k: v for k, v in asdict(config).items() if k not in ("out", "json", "data")}
    hyper = default_hyper(config.budget)._asdict()
    return chosen | {"learn": asdict(learn), "hyper": hyper}
