"""The settings of the main job; imports nothing that takes time, as the command line reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

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
