"""`nmjax search`: learn from past searches and search a new task."""

import time
from contextlib import nullcontext
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
_OWN = ("history", "space", "task", "task_name", "maximize", "minimize", "objective", "suggestions")
_PROCESS = ("coordinator", "num_processes", "process_id")


@dataclass(frozen=True)
class SearchConfig:
    """Learn from past searches, then search a new task.

    By default, searches a benchmark: holds one task out as the target, draws random past
    evaluations of the other tasks, learns from them, and searches the target by several methods.
    Prints a table and the best architecture, and writes a folder with results.json, trace.parquet,
    config.json, regret.png and information.png.

    With --history or --space, searches your own problem: learns from your past searches and
    evaluates --objective until the budget is used up, or prints the next architectures to try.

    Attributes:
      benchmark: Benchmark to search; `nmjax benchmarks` lists them.
      target: Task to search, held out of the past.
      budget: Number of distinct evaluations of each search.
      seeds: Number of searches by each method, run as one batch.
      methods: Methods to run: any of transfer, kernel-transfer, rgpe, fsbo, gp, bananas, evolution,
        local-search, random, past-best. A search by rgpe, fsbo, gp or bananas takes seconds.
      history_size: Number of past evaluations of each other task, drawn at random.
      history: Your past searches: a folder made by `nmjax history import`, or a file, as that
        command reads it.
      space: Your search space: a built-in one such as nas-bench-graph, MODULE:NAME, where NAME is a
        Space or a function without arguments that returns one, or auto, which proposes one from the
        file. Not needed with a history folder, which stores its space.
      task: Column of a history file that names the task.
      task_name: Name of the task, for a history file of one task without such a column.
      maximize: Metric of your past searches to maximize.
      minimize: Metric of your past searches to minimize.
      objective: Function to search, as MODULE:FUNCTION. It is called with the choices as keyword
        arguments and returns the metric.
      suggestions: Number of architectures to print if there is no objective.
      seed: Random seed; the same seed gives the same run.
      out: Folder to write: a new one, or an empty one.
      json: Print the results as JSON instead of the table.
      data: Folder with the data of benchmarks that no package ships.
      distributed: Join the other processes of one run and lay the searches over the devices of
        all; start the same command once on each host. The first process writes the folder.
      coordinator: Address of process 0 as HOST:PORT, where JAX cannot detect it.
      num_processes: Number of processes, where JAX cannot detect it.
      process_id: Number of this process, from 0, where JAX cannot detect it.
    """

    benchmark: str = "nas-bench-graph"
    target: Annotated[
        str | None, arg(help_behavior_hint="(default: photo, or the benchmark's first task)")
    ] = None
    budget: Annotated[
        int | None,
        arg(metavar="INT", help_behavior_hint="(default: 100, or 30 with --objective)"),
    ] = None
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
    history: Annotated[str | None, arg(metavar="FOLDER-OR-FILE", help_behavior_hint="")] = None
    space: Annotated[str | None, arg(metavar="SPACE", help_behavior_hint="")] = None
    task: Annotated[str, arg(metavar="COLUMN")] = "task"
    task_name: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    maximize: Annotated[str | None, arg(metavar="METRIC", help_behavior_hint="")] = None
    minimize: Annotated[str | None, arg(metavar="METRIC", help_behavior_hint="")] = None
    objective: Annotated[str | None, arg(metavar="MODULE:FUNCTION", help_behavior_hint="")] = None
    suggestions: int = 5
    seed: int = 0
    out: Annotated[
        Path | None, arg(help_behavior_hint="(default: runs/BENCHMARK-TARGET-NUMBER, next free)")
    ] = None
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    data: Annotated[Path | None, arg(help_behavior_hint="(default: $NMJAX_DATA)")] = None
    distributed: Annotated[bool, arg(help_behavior_hint="")] = False
    coordinator: Annotated[str | None, arg(metavar="HOST:PORT", help_behavior_hint="")] = None
    num_processes: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    process_id: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None


def run(config: SearchConfig) -> None:
    """Search a benchmark or the user's own problem, print what was found, and write a folder.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, data are not installed, or the
        folder is not empty or cannot be made.
    """
    if config.history is not None or config.space is not None:
        from nmjax.cli.own_search import search_own

        search_own(config)
    else:
        _search_benchmark(config)


def _search_benchmark(config: SearchConfig) -> None:
    import jax

    from nmjax.cli.reports import search as search_report
    from nmjax.cli.run_folder import run_folder
    from nmjax.evaluation.leave_one_out import check_run, prepare, run_methods, seed_keys
    from nmjax.evaluation.summary import summarize
    from nmjax.experiments import batch_mesh, make_progress, write_result
    from nmjax.experiments.progress import StageTimer
    from nmjax.tasks import leave_one_out, load_suite

    begun = time.perf_counter()
    enable_compilation_cache()
    _join(config)
    suite = load_suite(config.benchmark, data=config.data)
    target = config.target or DEFAULT_TARGETS.get(suite.name, suite.tasks[0])
    budget = 100 if config.budget is None else config.budget
    config = replace(config, target=target, budget=budget)
    split = leave_one_out(suite, target)
    _check_numbers(config)
    check_run(suite, methods=config.methods, budget=budget)

    past_key, search_key, bootstrap_key = jax.random.split(jax.random.key(config.seed), 3)
    first = jax.process_index() == 0
    make_folder = run_folder(config.out, benchmark=suite.name, target=target)
    with (
        make_folder if first else nullcontext(Path()) as folder,
        make_progress() as progress,
    ):
        stages = StageTimer(progress)
        prepared = prepare(past_key, suite, split, history_size=config.history_size, stages=stages)
        runs = run_methods(
            seed_keys(search_key, config.seeds),
            prepared,
            methods=config.methods,
            budget=budget,
            stages=stages,
            mesh=batch_mesh(config.seeds) if jax.device_count() > 1 else None,
        )
        if not first:
            return
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


def _join(config: SearchConfig) -> None:
    """Connect to the other processes, if asked to."""
    address = {name: getattr(config, name) for name in _PROCESS}
    if config.distributed:
        from nmjax.experiments import initialize_distributed

        initialize_distributed(**address)
    elif any(value is not None for value in address.values()):
        raise NmjaxError("Got the address of a distributed run without --distributed; add it.")


def _check_numbers(config: SearchConfig) -> None:
    for name in ("maximize", "minimize", "objective"):
        if getattr(config, name) is not None:
            raise NmjaxError(f"Got --{name} without --history or --space; give one of them.")
    if config.history_size < 1:
        raise NmjaxError(f"Got --history-size {config.history_size}; give at least 1.")
    if config.seeds < 1 or config.seed < 0:
        raise NmjaxError(
            f"Got --seeds {config.seeds} and --seed {config.seed}; give at least 1 and 0."
        )


def _settings(config: SearchConfig, learn: "LearnConfig") -> dict[str, Any]:
    """Return the settings that determine the results."""
    from nmjax.search import default_hyper

    apart = ("out", "json", "data", "distributed", *_PROCESS, *_OWN)
    chosen = {k: v for k, v in asdict(config).items() if k not in apart}
    hyper = default_hyper(config.budget or 100)._asdict()
    return chosen | {"learn": asdict(learn), "hyper": hyper}
