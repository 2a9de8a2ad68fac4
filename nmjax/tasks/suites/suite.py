"""Tabular benchmarks in memory, and helpers to read their files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import Space, canonicalize, enumerate_architectures, pool_rows
from nmjax.tasks.metrics import raw_to_score
from nmjax.tasks.suites.unpickle import read_pickle
from nmjax.types import Array, Metric


@dataclass(frozen=True)
class SuiteInfo:
    """Description of a suite, available before its data are read.

    Attributes:
      name: Name that `load_suite` takes.
      space: Name of its space in `nmjax.spaces.catalog`.
      size: Number of architectures in the pool, isomorphic ones counted once.
      families: Task names, related tasks grouped.
      metrics: Measured quantities.
      score_metric: Name of the metric that a search improves.
      test_metric: Name of the metric on held-out data, or None.
      package: Distribution that contains the data; "" if they are in a folder of the user.
      module: Folder that the package installs; "" likewise.
      file: Path of a task's data in that folder, with `{task}` for the task's name.
      license: License of the data.
      citation: Paper to cite.
      install: How to get the data.
      version: Version of the installed package; "" if unknown.
      installed: Whether all data files were found.

    Example:
      >>> from nmjax.tasks import list_suites
      >>> [info.size for info in list_suites() if info.name == "nas-bench-201"]
      [6466]
    """

    name: str
    space: str
    size: int
    families: tuple[tuple[str, ...], ...]
    metrics: tuple[Metric, ...]
    score_metric: str
    test_metric: str | None
    package: str
    module: str
    file: str
    license: str
    citation: str
    install: str = 'pip install "nmjax[bench]"'
    version: str = ""
    installed: bool = False

    @property
    def tasks(self) -> tuple[str, ...]:
        """Task names, in the order of the tables' first axis."""
        return tuple(task for family in self.families for task in family)


@dataclass(frozen=True, eq=False)
class Suite:
    """A tabular benchmark in memory.

    Attributes:
      name: Name that `load_suite` takes.
      space: Space of every task.
      tasks: T names.
      families: Task names, related tasks grouped.
      pool: One architecture of each isomorphism class, int32[N, C].
      metrics: {name: float32[T, N]}, raw; NaN is a failed or missing evaluation.
      metric_info: {name: Metric}.
      score_metric: Name of the metric that a search improves.
      test_metric: Name of the metric on held-out data, or None.
      license: License of the data.
      citation: Paper to cite.
      package: Source of the data, with its version.
      context: Description of each task, float32[T, K]; None if there is none.
      splits: The authors' splits, {part: tasks} each, as in {"train": ..., "test": ...}.

    Example:
      >>> from nmjax.tasks import load_suite
      >>> suite = load_suite("nas-bench-201")
      >>> suite.pool.shape, suite.metrics["val_acc"].shape
      ((6466, 6), (3, 6466))
    """

    name: str
    space: Space
    tasks: tuple[str, ...]
    families: tuple[tuple[str, ...], ...]
    pool: np.ndarray
    metrics: Mapping[str, np.ndarray]
    metric_info: Mapping[str, Metric]
    score_metric: str
    test_metric: str | None
    license: str
    citation: str
    package: str
    context: np.ndarray | None = None
    splits: tuple[Mapping[str, tuple[str, ...]], ...] = ()


def scores(suite: Suite) -> Array:
    """Return the scores of the whole pool by the suite's score metric, higher is better.

    Returns:
      float32[T, N]; NaN where an evaluation failed or is missing.

    Example:
      >>> from nmjax.tasks import load_suite, scores
      >>> scores(load_suite("nas-bench-201")).shape
      (3, 6466)
    """
    metric = suite.metric_info[suite.score_metric]
    return raw_to_score(metric, suite.metrics[suite.score_metric])


def oriented_metric(suite: Suite, name: str) -> np.ndarray:
    """Return a raw metric of the whole pool, negated if lower is better: float32[T, N].

    Raises:
      NmjaxError: The metric is unknown.

    Example:
      >>> from nmjax.tasks import load_suite, oriented_metric
      >>> bool((oriented_metric(load_suite("nas-bench-201"), "latency") < 0).all())
      True
    """
    if name not in suite.metrics:
        raise unknown_name("metric", name, suite.metrics)
    raw = suite.metrics[name]
    return raw if suite.metric_info[name].direction == "max" else -raw


class Table(NamedTuple):
    """Evaluations of one task as in its file.

    Attributes:
      architecture: Option indices, isomorphic architectures not merged, int32[n, C].
      metrics: {name: float64[n]}, raw.
      context: Description of the task, float32[K]; K = 0 if there is none.
      parts: Part of each of the authors' splits that the task belongs to.
    """

    architecture: np.ndarray
    metrics: Mapping[str, np.ndarray]
    context: np.ndarray = np.zeros(0, np.float32)
    parts: tuple[str, ...] = ()


Reader = Callable[[Path, str, Space], Table]


def pool_arrays(space: Space, tables: Sequence[Table]) -> dict[str, np.ndarray]:
    """Return the `pool` int32[N, C] of `space` and float32[T, N] for every metric.

    A class of isomorphic architectures has the value of its canonical representative, or of
    another member if the table lacks that one, or NaN.
    """
    pool = np.asarray(enumerate_architectures(space), dtype=np.int32)
    arrays = {
        name: np.full((len(tables), len(pool)), np.nan, np.float32) for name in tables[0].metrics
    }
    for task, table in enumerate(tables):
        architecture = jnp.asarray(table.architecture)
        canonical = canonicalize(space, architecture)
        itself = np.asarray(jnp.all(canonical == architecture, axis=-1))
        row = np.asarray(pool_rows(space, pool, canonical))
        known = row >= 0
        for chosen in (known & ~itself, known & itself):
            for name, values in table.metrics.items():
                arrays[name][task, row[chosen]] = values[chosen]
    return {"pool": pool, **arrays}


def read_grid(path: Path, task: str, space: Space, names: Sequence[str]) -> Table:
    """Return the table of a task from an `.npz` file with all tasks.

    The file contains `tasks` [T], `pool` int[N, C] of option indices, and float[T, N] for each
    metric; optionally `context` float[T, K], and `split` [S, T] of names of parts.

    Args:
      path: The file.
      task: Name of the task.
      space: Space of the architectures.
      names: Names of the metrics.

    Raises:
      NmjaxError: The file has another structure, or a row is not an architecture of the space.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            row = file["tasks"].tolist().index(task)
            pool = file["pool"].astype(np.int32)
            metrics = {name: file[name][row].astype(np.float64) for name in names}
            context = file["context"][row] if "context" in file else np.zeros(0)
            parts = file["split"][:, row].tolist() if "split" in file else ()
    except (KeyError, ValueError, IndexError, OSError) as error:
        raise NmjaxError(
            f"{path} holds no `tasks`, `pool`, {', '.join(names)} of {task!r} ({error}): make it "
            "again."
        ) from error
    fits = pool.ndim == 2 and pool.shape[1] == space.num_choices
    fits = fits and all(values.shape == (len(pool),) for values in metrics.values())
    if not fits or (pool < 0).any() or (pool >= np.array(space.num_options)).any():
        raise NmjaxError(
            f"{path} has a pool {list(pool.shape)} that does not fit space {space.name!r}: make it "
            "again."
        )
    return Table(pool, metrics, context.astype(np.float32), tuple(parts))


def splits_of_tasks(
    tasks: Sequence[str], tables: Sequence[Table]
) -> tuple[Mapping[str, tuple[str, ...]], ...]:
    """Return the authors' splits, {part: tasks} each, from the tables of the tasks."""
    splits = zip(*(table.parts for table in tables), strict=True)
    return tuple(
        {
            part: tuple(task for task, own in zip(tasks, parts, strict=True) if own == part)
            for part in dict.fromkeys(parts)
        }
        for parts in splits
    )


def read_columns(path: Path, names: Sequence[str]) -> tuple[Sequence[Any], dict[str, np.ndarray]]:
    """Return keys and {name: float64[n]} of a pickled {key: {name: value or list of values}}.

    A list has a value for each seed and becomes its mean.

    Raises:
      NmjaxError: The file is not such a table.
    """
    table = read_pickle(path)
    try:
        columns = {
            name: np.array([_mean(row[name]) for row in table.values()], np.float64)
            for name in names
        }
        return list(table), columns
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise NmjaxError(
            f"{path} holds no table of {', '.join(names)} ({error!r}): reinstall its package."
        ) from error


def digits(keys: Sequence[str], space: Space) -> np.ndarray:
    """Return int32[n, C] of keys that write each option index as one digit.

    Raises:
      NmjaxError: A key is not an architecture of `space`.
    """
    width = space.num_choices
    good = all(isinstance(key, str) and len(key) == width and key.isdecimal() for key in keys)
    if not good or not keys:
        raise NmjaxError(f"A key of {space.name!r} is not {width} digits: reinstall its package.")
    flat = np.frombuffer("".join(keys).encode("ascii", "replace"), np.uint8) - ord("0")
    rows = flat.reshape(len(keys), width).astype(np.int32)
    if (rows >= np.array(space.num_options)).any():
        raise NmjaxError(f"A key of {space.name!r} is not an architecture: reinstall its package.")
    return rows


def _mean(value: Any) -> float:
    return sum(value) / len(value) if isinstance(value, list) else float(value)
