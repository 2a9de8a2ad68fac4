"""Tasks and searches of a peer, with a budget of distinct rows of the pool.

This module runs in the virtual environment of the peer, without nmjax, and imports only NumPy and
the standard library.
"""

import argparse
import hashlib
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SUGGESTIONS_PER_EVALUATION = 20


class Choice(NamedTuple):
    """Choice of the space: its name, "categorical" or "ordinal", and its options as text."""

    name: str
    kind: str
    options: tuple[str, ...]


class Pool(NamedTuple):
    """Architectures that can be evaluated.

    Attributes:
      choices: C choices.
      architectures: int32[N, C], one of each isomorphism class.
      encoding: float32[N, D], encodings of nmjax.
    """

    choices: tuple[Choice, ...]
    architectures: np.ndarray
    encoding: np.ndarray


class Source(NamedTuple):
    """Past evaluations of another task: M rows of the pool int32[M] and their scores float32[M]."""

    rows: np.ndarray
    scores: np.ndarray


class Tasks(NamedTuple):
    """Suite as written by `export.export_tasks`.

    Attributes:
      pool: N architectures of C choices.
      lookup: int32[O_1, ..., O_C], the pool row of option indices, the same for isomorphic
        architectures; -1 where there is none.
      scores: float32[T, N], higher is better; NaN is a failed evaluation.
      past_rows: int32[T, S, T - 1, M], for each task and seed M past evaluations of each other
        task, in the order of `scores`; int32[T, S, 0, 0] for a peer that does not learn from them.
      past_scores: float32, of those rows; NaN is a failed evaluation.
    """

    pool: Pool
    lookup: np.ndarray
    scores: np.ndarray
    past_rows: np.ndarray
    past_scores: np.ndarray


class Search:
    """One search on one task, which gives access to scores only by `evaluate`.

    Evaluating a row again, or an architecture outside the pool, does not count towards the budget.
    Both count as suggestions, of which there are at most 20 per evaluation.

    Attributes:
      past: past evaluations of each other task, in an order that does not depend on the seed.
      rows: evaluated rows of the pool, in order.
      suggestions: number of calls of `evaluate`.
      repeated: number of suggestions of evaluated rows.
      invalid: number of suggestions outside the pool.
      filled: number of rows drawn by `fill`.
    """

    def __init__(
        self,
        lookup: np.ndarray,
        scores: np.ndarray,
        budget: int,
        past: tuple[Source, ...] = (),
    ):
        self.past = past
        self.rows: list[int] = []
        self.suggestions = self.repeated = self.invalid = self.filled = 0
        self._lookup, self._scores, self._budget = lookup, scores, budget

    @property
    def finished(self) -> bool:
        """Whether the budget or the suggestions are used up."""
        limit = SUGGESTIONS_PER_EVALUATION * self._budget
        return len(self.rows) == self._budget or self.suggestions == limit

    def evaluate(self, architecture: Sequence[int]) -> float:
        """Return the score of C option indices; NaN if it failed or is not in the pool."""
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
        """Spend the rest of the budget on random rows that were not evaluated."""
        rest = np.setdiff1d(np.arange(len(self._scores)), self.rows)
        self.filled = self._budget - len(self.rows)
        self.rows += generator.choice(rest, self.filled, replace=False).tolist()


Optimize = Callable[[Search, Pool, int], None]
COUNTS = ("suggestions", "repeated", "invalid", "filled")


def read_tasks(path: str | Path) -> Tasks:
    """Read a file from `export.export_tasks`."""
    with np.load(path, allow_pickle=False) as file:
        columns = (file["choice_names"], file["choice_kinds"], file["options"])
        choices = tuple(
            Choice(str(name), str(kind), tuple(str(option) for option in options[:size]))
            for name, kind, options, size in zip(*columns, file["lookup"].shape, strict=True)
        )
        pool = Pool(choices, file["architectures"], file["encoding"])
        return Tasks(pool, *(file[name] for name in Tasks._fields[1:]))


def to_values(choices: Sequence[Choice], architecture: Sequence[int]) -> dict[str, int | str]:
    """Values by choice for a peer: the option of a categorical choice, else its index."""
    return {
        choice.name: int(option) if choice.kind == "ordinal" else choice.options[option]
        for choice, option in zip(choices, architecture, strict=True)
    }


def to_options(choices: Sequence[Choice], values: Mapping[str, Any]) -> list[int]:
    """Option indices of values, the inverse of `to_values`."""
    return [
        int(values[choice.name])
        if choice.kind == "ordinal"
        else choice.options.index(values[choice.name])
        for choice in choices
    ]


def run_searches(
    optimize: Optimize, tasks: Tasks, *, seeds: int, budget: int, kept: Path, code: bytes = b""
) -> dict[str, np.ndarray]:
    """Run a search for each task and seed.

    Each finished search is kept under a name derived from all its inputs, and is not run again.

    Args:
      optimize: (search, pool, seed), evaluates until the search is finished.
      tasks: tasks to search.
      seeds: number of seeds S; the random seed of a search depends only on its task and seed.
      budget: number of distinct rows that a search evaluates, B.
      kept: folder of finished searches.
      code: code of `optimize`; searches by other code are run again.

    Returns:
      `indices` int32[T, S, B]; `cpu_seconds` float32[T, S] of `optimize`; and the counts of
      `Search`, int32[T, S] each.
    """
    kept.mkdir(parents=True, exist_ok=True)
    inputs = hashlib.sha256(code + str(budget).encode())
    for array in (tasks.lookup, tasks.pool.encoding):
        inputs.update(array.tobytes())
    shape = (len(tasks.scores), seeds)
    found = []
    for task, seed in np.ndindex(*shape):
        own = inputs.copy()
        for array in (
            tasks.scores[task],
            tasks.past_rows[task, seed],
            tasks.past_scores[task, seed],
        ):
            own.update(array.tobytes())
        path = kept / f"{task}_{seed}_{own.hexdigest()[:16]}.npz"
        if not path.exists():
            unfinished = path.with_suffix(".unfinished.npz")
            np.savez(
                unfinished, allow_pickle=False, **_run_search(optimize, tasks, task, seed, budget)
            )
            unfinished.replace(path)
        with np.load(path, allow_pickle=False) as file:
            found.append({name: file[name] for name in file.files})
    return {
        name: np.stack([one[name] for one in found]).reshape(*shape, *found[0][name].shape)
        for name in found[0]
    }


def peer_main(prepare: Callable[[str], tuple[Optimize, Mapping[str, Any]]]) -> None:
    """Run the command line of a peer, which `harness.run_peer` calls.

    Args:
      prepare: (variant) -> (optimize, {"version", "settings", "settings_from"}).
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--kept", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--budget", type=int, required=True)
    parser.add_argument("--variant", required=True)
    options = parser.parse_args()
    optimize, about = prepare(options.variant)
    arrays = run_searches(
        optimize,
        read_tasks(options.tasks),
        seeds=options.seeds,
        budget=options.budget,
        kept=options.kept,
        code=json.dumps(about).encode() + _own_code(),
    )
    described = json.dumps({**about, "python": platform.python_version(), "device": _device()})
    np.savez_compressed(options.out, about=np.array(described), **arrays)  # type: ignore[arg-type]


def _run_search(
    optimize: Optimize, tasks: Tasks, task: int, seed: int, budget: int
) -> dict[str, np.ndarray]:
    """Run one search: `indices` int32[B], `cpu_seconds` float32 and the counts int32."""
    past = zip(tasks.past_rows[task, seed], tasks.past_scores[task, seed], strict=True)
    search = Search(
        tasks.lookup, tasks.scores[task], budget, tuple(Source(*source) for source in past)
    )
    own, filling = np.random.SeedSequence((task, seed)).spawn(2)
    start = time.process_time()
    optimize(search, tasks.pool, int(own.generate_state(1)[0]))
    seconds = time.process_time() - start
    search.fill(np.random.default_rng(filling))
    return {
        "indices": np.array(search.rows, np.int32),
        "cpu_seconds": np.array(seconds, np.float32),
        **{name: np.array(getattr(search, name), np.int32) for name in COUNTS},
    }


def _own_code() -> bytes:
    """Source code of the imported modules in this folder, and of the peer's module."""
    beside = (sys.modules[name] for name in sorted(sys.modules) if name.startswith(__package__))
    paths = [sys.argv[0], *(module.__file__ for module in beside if module.__file__)]
    return b"".join(Path(path).read_bytes() for path in paths)


def _device() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{next(iter(names), platform.machine())}, one thread"
