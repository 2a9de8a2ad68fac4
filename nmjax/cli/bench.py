"""`nmjax bench`: run the protocol on a suite, and compare methods with the stored searches."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from nmjax.cli.console import make_console
from nmjax.cli.long_run import (
    CONFIG,
    FINISHED,
    DistributedConfig,
    join_processes,
    read_interrupted,
    settings_of,
    shared_run_folder,
)
from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError

if TYPE_CHECKING:
    from nmjax.evaluation import Trajectories
    from nmjax.tasks import Suite

_FIRST_RANKS = 20


@dataclass(frozen=True)
class BenchConfig(DistributedConfig):
    """Run the frozen protocol on a benchmark: every task held out in turn, one past per seed.

    Each device takes one task and seed at a time: it learns from the past of the other tasks and
    searches by each method. The rows do not depend on the number of devices or processes. Prints a
    table and the groups of methods that do not differ, the stored searches of other methods
    included, and writes a folder with results.json, trajectories.npz and ranks.png.

    Attributes:
      suite: Benchmark to search; `nmjax benchmarks` lists them.
      methods: Methods to run; the first is compared with each other one. All methods of `nmjax
        search` are known.
      seeds: Number of pasts, and of searches by each method, for each task.
      budget: Number of distinct evaluations of each search. Stored searches have 100 and are left
        out for others.
      out: Folder to write: a new one, or an empty one.
      resume: Folder of an interrupted run, to be continued with its settings, also with another
        number of devices or processes. Finished searches are kept.
      json: Print the results as JSON instead of the table.
      data: Folder with the data of benchmarks that no package ships.
    """

    suite: Annotated[Positional[str], arg(metavar="SUITE")] = "nas-bench-graph"
    methods: tuple[str, ...] = ("transfer", "random")
    seeds: int = 20
    budget: int = 100
    out: Annotated[
        Path | None, arg(help_behavior_hint="(default: runs/SUITE-bench-NUMBER, next free)")
    ] = None
    resume: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    data: Annotated[Path | None, arg(help_behavior_hint="(default: $NMJAX_DATA)")] = None


def run(config: BenchConfig) -> None:
    """Run the searches, print the comparison, and write the folder.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, data are not installed, the folder
        cannot be made or is in use, or the processes of a distributed run cannot connect.
    """
    import jax

    from nmjax.cli.reports.leaderboard import leaderboard_table, write_leaderboard
    from nmjax.cli.reports.search import write_config
    from nmjax.evaluation import run_suite
    from nmjax.evaluation.method_runs import check_run
    from nmjax.experiments import make_progress
    from nmjax.tasks import load_suite

    begun = time.perf_counter()
    join_processes(config)
    if config.resume is not None:
        config = read_interrupted(config, "bench")
    enable_compilation_cache()
    suite = load_suite(config.suite, data=config.data)
    check_run(suite, methods=config.methods, budget=config.budget)
    stored = _stored(suite, config)
    first = jax.process_index() == 0
    with (
        shared_run_folder(config, benchmark=suite.name, target="bench") as folder,
        make_progress() as progress,
    ):
        if first:
            write_config(folder / CONFIG, settings_of(config))
        found = run_suite(
            suite,
            methods=config.methods,
            seeds=config.seeds,
            budget=config.budget,
            path=folder / FINISHED,
            progress=progress,
        )
        if not first:
            return
        compared, focus = {**stored, **found}, config.methods[0]
        rows = write_leaderboard(
            folder, suite, compared, config=_described(config, stored, found), focus=focus
        )
        (folder / FINISHED).unlink()
    if config.json:
        print((folder / "results.json").read_text(), end="")
        return
    console = make_console(markup=True)
    console.print(leaderboard_table(suite, rows, focus=focus))
    console.print(f"\nWrote {folder} in {time.perf_counter() - begun:.0f} s.", soft_wrap=True)


def _stored(suite: "Suite", config: BenchConfig) -> "dict[str, Trajectories]":
    """Return the packaged searches that the run is compared with; check that there is something."""
    from nmjax.evaluation import read_trajectories
    from nmjax.evaluation.protocol import BUDGET
    from nmjax.evaluation.trajectories import PACKAGED

    path = PACKAGED / f"{suite.name}.npz"
    stored = read_trajectories(path, suite) if config.budget == BUDGET else {}
    if len({*stored, *config.methods}) < 2 or config.budget < _FIRST_RANKS or config.seeds < 1:
        raise NmjaxError(
            f"Got --methods {' '.join(config.methods)}, --budget {config.budget} and --seeds "
            f"{config.seeds}; give two methods to compare, {_FIRST_RANKS} evaluations and one seed "
            "or more."
        )
    return stored


def _described(
    config: BenchConfig, stored: "dict[str, Trajectories]", found: "dict[str, Trajectories]"
) -> dict[str, Any]:
    """Return the settings, the devices, and how many searches chose the stored rows."""
    import jax

    same = {}
    for name in stored.keys() & found.keys():
        old, new = stored[name].rows, found[name].rows
        seeds = min(old.shape[1], new.shape[1])
        equal = (old[:, :seeds] == new[:, :seeds]).all(axis=-1)
        same[name] = {"searches": equal.size, "with_the_stored_rows": int(equal.sum())}
    return {
        **settings_of(config),
        "processes": jax.process_count(),
        "devices": jax.device_count(),
        "stored": same,
    }
