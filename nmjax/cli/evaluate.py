"""`nmjax evaluate`: compare a user's search with the stored ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from nmjax.cli.console import make_console
from nmjax.cli.long_run import (
    CONFIG,
    FINISHED,
    read_interrupted,
    settings_of,
    shared_run_folder,
)
from nmjax.compilation_cache import enable_compilation_cache


@dataclass(frozen=True)
class EvaluateConfig:
    """Run your own search under the frozen protocol, and compare it with all methods and peers.

    Every task of the benchmark is held out in turn. A search has 100 evaluations, and each seed has
    the same past as for all other methods. Only your search is run; the searches of the others are
    packaged with nmjax. Prints a table and the groups of methods that do not differ, and writes a
    folder with results.json, trajectories.npz and ranks.png.

    Attributes:
      search: Function that makes the search, as MODULE:FUNCTION. Without arguments, it returns a
        search of nmjax.search or an (init, step) pair. With one argument, a SearchTask, it returns
        an object with ask() and tell(architecture, score), which runs one search.
      benchmark: Benchmark with stored searches: nas-bench-graph, nas-bench-201, hpobench, hpolib or
        transnas101.
      seeds: Number of searches of each task.
      out: Folder to write: a new one, or an empty one.
      resume: Folder of an interrupted run of the same search, to be continued with its settings.
        Finished searches are kept.
      data: Folder with the data of benchmarks that no package ships.
    """

    search: Annotated[Positional[str], arg(metavar="MODULE:FUNCTION")]
    benchmark: str = "nas-bench-graph"
    seeds: int = 20
    out: Annotated[
        Path | None, arg(help_behavior_hint="(default: runs/BENCHMARK-evaluate-NUMBER, next free)")
    ] = None
    resume: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    data: Annotated[Path | None, arg(help_behavior_hint="(default: $NMJAX_DATA)")] = None


def run(config: EvaluateConfig) -> None:
    """Run the search, print the comparison, and write its folder.

    Raises:
      NmjaxError: a name is unknown, no searches of the benchmark are stored, the search fails, or
        the folder is not empty or cannot be made.
    """
    from nmjax.cli.reports.leaderboard import leaderboard_table, write_leaderboard
    from nmjax.cli.reports.search import write_config
    from nmjax.evaluation.trajectories import packaged_trajectories
    from nmjax.evaluation.user_search import evaluate_user_search, load_user_search
    from nmjax.experiments import make_progress
    from nmjax.tasks import load_suite

    if config.resume is not None:
        config = read_interrupted(config, "evaluate", again=("search",))
    enable_compilation_cache()
    suite = load_suite(config.benchmark, data=config.data)
    kept = packaged_trajectories(suite)
    with shared_run_folder(config, benchmark=suite.name, target="evaluate") as folder:
        function = load_user_search(config.search)
        write_config(folder / CONFIG, settings_of(config))
        with make_progress() as progress:
            searched = evaluate_user_search(
                config.search,
                function,
                suite,
                seeds=config.seeds,
                progress=progress,
                path=folder / FINISHED,
            )
        found = {config.search: searched, **kept}
        rows = write_leaderboard(
            folder, suite, found, config=settings_of(config), focus=config.search
        )
        (folder / FINISHED).unlink()
    console = make_console(markup=True)
    console.print(leaderboard_table(suite, rows, focus=config.search))
    console.print(f"\nWrote {folder}.", soft_wrap=True)
