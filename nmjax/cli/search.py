"""`nmjax search`: the main job, from past searches to a table and a run folder."""

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

from nmjax.cli.console import make_console
from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError

if TYPE_CHECKING:
    from nmjax.knowledge import LearnConfig


DEFAULT_TARGETS = {"nas-bench-graph": "photo"}


@dataclass(frozen=True)
class SearchConfig:
    """Learn from the past searches of every other task of a benchmark, then search a new one.

    Holds one task out as the target, draws random past evaluations of the others, meta-trains on
    them, and searches the target beside baselines. Prints a table and writes a folder with
    results.json, trace.parquet, config.json, regret.png and information.png.

    Attributes:
      benchmark: Benchmark to search; `nmjax benchmarks` lists them.
      target: The task to search, held out of the past.
      budget: Distinct evaluations that each search may pay for.
      seeds: Searches of each method, all run at once.
      methods: Methods to run: any of transfer, kernel-transfer, rgpe, fsbo, gp, bananas, evolution,
        local-search, random, past-best; rgpe, fsbo, gp and bananas take seconds a search.
      history_size: Past evaluations of each other task, drawn at random.
      seed: Random seed; the same seed gives the same run.
      out: Folder to write: a new one, or an empty one.
      json: Print the results as JSON in place of the table.
      data: Folder with the data of benchmarks that no package ships.
    """

    benchmark: str = "nas-bench-graph"
    target: Annotated[
        str | None, arg(help_behavior_hint="(default: photo, or the benchmark's first task)")
    ] = None
    budget: int = 100
    seeds: int = 16
    methods: tuple[str, ...] = (
        "transfer",
        "kernel-transfer",
        "evolution",
        "local-search",
        "random",
        "past-best",
    )
    history_size: int = 300
    seed: int = 0
    out: Annotated[
        Path | None, arg(help_behavior_hint="(default: runs/BENCHMARK-TARGET-NUMBER, next free)")
    ] = None
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    data: Annotated[Path | None, arg(help_behavior_hint="(default: $NMJAX_DATA)")] = None


def run(config: SearchConfig) -> None:
    """Run the main job, print its table or JSON, and write its folder.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, data are not installed, or the
        folder is taken.
    """
    import jax

    from nmjax.cli.reports import search as search_report
    from nmjax.cli.run_folder import run_folder
    from nmjax.evaluation.leave_one_out import check_run, prepare, run_methods, seed_keys
    from nmjax.evaluation.summary import summarize
    from nmjax.experiments import make_progress, write_result
    from nmjax.experiments.progress import StageTimer
    from nmjax.tasks import leave_one_out, load_suite

    begun = time.perf_counter()
    enable_compilation_cache()
    suite = load_suite(config.benchmark, data=config.data)
    target = config.target or DEFAULT_TARGETS.get(suite.name, suite.tasks[0])
    config = replace(config, target=target)
    split = leave_one_out(suite, target)
    _check_numbers(config)
    check_run(suite, methods=config.methods, budget=config.budget)

    past_key, search_key, bootstrap_key = jax.random.split(jax.random.key(config.seed), 3)
    with (
        run_folder(config.out, benchmark=suite.name, target=target) as folder,
        make_progress() as progress,
    ):
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
        settings = _settings(config, prepared.config)
        search_report.write_config(folder / "config.json", settings)
        search_report.write_trace(folder / "trace.parquet", prepared, runs)
        search_report.write_pictures(folder, prepared, runs, key=bootstrap_key)
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
