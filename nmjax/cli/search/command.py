"""`nmjax search`: learn from past searches and search a new task."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from nmjax.cli.long_run import DistributedConfig, join_processes, read_interrupted


@dataclass(frozen=True)
class SearchConfig(DistributedConfig):
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
      max_tasks: Largest number of past tasks to learn from; of more, a random sample is read.
      rows_per_task: Largest number of evaluations of each past task to learn from, likewise.
      task: Column of a history file that names the task.
      task_name: Name of the task, for a history file of one task without such a column.
      maximize: Metric of your past searches to maximize. Not needed with a history folder of one
        metric that knows its direction.
      minimize: Metric of your past searches to minimize.
      objective: Function to search, as MODULE:FUNCTION. It is called with the choices as keyword
        arguments and returns the metric.
      suggestions: Number of architectures to print if there is no objective.
      seed: Random seed; the same seed gives the same run.
      out: Folder to write: a new one, or an empty one.
      resume: Folder of an interrupted search, to be continued with its settings. A search of a
        benchmark continues from its last checkpoint, your own from its last evaluation.
      json: Print the results as JSON instead of the table.
      data: Folder with the data of benchmarks that no package ships.
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
    max_tasks: Annotated[
        int | None,
        arg(metavar="INT", help_behavior_hint="(default: all, and 1,000 are the most)"),
    ] = None
    rows_per_task: Annotated[
        int | None,
        arg(metavar="INT", help_behavior_hint="(default: all are read, and 2,000 learned from)"),
    ] = None
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
    resume: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    data: Annotated[Path | None, arg(help_behavior_hint="(default: $NMJAX_DATA)")] = None


def run(config: SearchConfig) -> None:
    """Search a benchmark or the user's own problem, print what was found, and write a folder.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, data are not installed, or the
        folder is not empty or cannot be made.
    """
    if config.history is None and config.space is None:
        join_processes(config)
    if config.resume is not None:
        config = read_interrupted(config, "search")
    if config.history is not None or config.space is not None:
        from nmjax.cli.search.own_search import search_own

        search_own(config)
    else:
        from nmjax.cli.search.benchmark_search import search_benchmark

        search_benchmark(config)
