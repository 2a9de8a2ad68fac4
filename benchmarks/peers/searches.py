"""The peer's side: tasks as it may see them, and searches that pay for each pool row once.

It runs in the peer's virtual environment, where nmjax is not: NumPy and the standard library only.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SUGGESTIONS_PER_EVALUATION = 20


class Choice(NamedTuple):
    """A decision: its name, "categorical" or "ordinal", and its options as text."""

    name: str
    kind: str
    options: tuple[str, ...]


class Tasks(NamedTuple):
    """A suite as `protocol.export_tasks` writes it.

    Attributes:
      choices: C of them.
      lookup: int32[O_1, ..., O_C], the pool row of option indices, the same for isomorphic
        architectures; -1 where there is none.
      scores: float32[T, N], higher is better; NaN is a failed evaluation.
    """

    choices: tuple[Choice, ...]
    lookup: np.ndarray
    scores: np.ndarray


class Search:
    """One search on one task: the only way from an architecture to its score.

    A row that was paid for is told again at no cost, as is that an architecture is not in the
    pool; both count as suggestions, of which there are at most 20 for each evaluation.

    Attributes:
      rows: of the pool, in the order in which they were paid for.
      suggestions: how often `evaluate` was called.
      repeated: suggestions whose row had been paid for.
      invalid: suggestions that are not in the pool.
      filled: rows that `fill` drew.
    """

    def __init__(self, lookup: np.ndarray, scores: np.ndarray, budget: int):
        self.rows: list[int] = []
        self.suggestions = self.repeated = self.invalid = self.filled = 0
        self._lookup, self._scores, self._budget = lookup, scores, budget

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or the suggestions are."""
        limit = SUGGESTIONS_PER_EVALUATION * self._budget
        return len(self.rows) == self._budget or self.suggestions == limit

    def evaluate(self, architecture: Sequence[int]) -> float:
        """The score of C option indices; NaN where it failed or is not in the pool."""
        if self.finished:
            raise RuntimeError("the search is finished: ask `finished` before each evaluation")
        self.suggestions += 1
        row = int(self._lookup[tuple(architecture)])
        if row < 0:
            self.invalid += 1
            return float("nan")
        if row in self.rows:
            self.repeated += 1
        else:
            self.rows.append(row)
        return float(self._scores[row])

    def fill(self, generator: np.random.Generator) -> None:
        """Spend what is left of the budget on random rows that were not evaluated."""
        rest = np.setdiff1d(np.arange(len(self._scores)), self.rows)
        self.filled = self._budget - len(self.rows)
        self.rows += generator.choice(rest, self.filled, replace=False).tolist()


Optimise = Callable[[Search, Sequence[Choice], int], None]
COUNTS = ("suggestions", "repeated", "invalid", "filled")


def read_tasks(path: str | Path) -> Tasks:
    """What `protocol.export_tasks` wrote."""
    with np.load(path, allow_pickle=False) as file:
        columns = (file["choice_names"], file["choice_kinds"], file["options"])
        choices = tuple(
            Choice(str(name), str(kind), tuple(str(option) for option in options[:size]))
            for name, kind, options, size in zip(*columns, file["lookup"].shape, strict=True)
        )
        return Tasks(choices, file["lookup"], file["scores"])


def run_searches(
    optimise: Optimise, tasks: Tasks, *, seeds: int, budget: int
) -> dict[str, np.ndarray]:
    """A search for each task and seed.

    Args:
      optimise: (search, choices, seed) evaluates until the search is finished.
      tasks: T of them.
      seeds: S; each search has an integer of its own, which depends on its task and seed only.
      budget: B, in distinct rows of the pool.

    Returns:
      `indices` int32[T, S, B]; `cpu_seconds` float32[T, S], of `optimise` alone; and the counts of
      `Search`, int32[T, S] each.
    """
    shape = (len(tasks.scores), seeds)
    arrays = {name: np.zeros(shape, np.int32) for name in COUNTS}
    arrays["indices"] = np.zeros((*shape, budget), np.int32)
    arrays["cpu_seconds"] = np.zeros(shape, np.float32)
    for task, seed in np.ndindex(*shape):
        search = Search(tasks.lookup, tasks.scores[task], budget)
        own, filling = np.random.SeedSequence((task, seed)).spawn(2)
        start = time.process_time()
        optimise(search, tasks.choices, int(own.generate_state(1)[0]))
        arrays["cpu_seconds"][task, seed] = time.process_time() - start
        search.fill(np.random.default_rng(filling))
        arrays["indices"][task, seed] = search.rows
        for name in COUNTS:
            arrays[name][task, seed] = getattr(search, name)
    return arrays


def peer_main(prepare: Callable[[str], tuple[Optimise, Mapping[str, Any]]]) -> None:
    """The command line of a peer, as `protocol.run_peer` calls it.

    Args:
      prepare: a variant's name to (optimise, {"version", "settings", "settings_from"}).
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--budget", type=int, required=True)
    parser.add_argument("--variant", required=True)
    options = parser.parse_args()
    optimise, about = prepare(options.variant)
    tasks = read_tasks(options.tasks)
    arrays = run_searches(optimise, tasks, seeds=options.seeds, budget=options.budget)
    told = json.dumps({**about, "python": platform.python_version(), "device": _device()})
    np.savez_compressed(options.out, about=np.array(told), **arrays)  # type: ignore[arg-type]


def _device() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{next(iter(names), platform.machine())}, one thread"
