"""HPO-B: pools of real-valued settings, another one for each data set, and how they are compared.

Pineda Arango, Jomaa, Wistuba and Grabocka, 2021, "HPO-B: a large-scale reproducible benchmark for
black-box HPO based on OpenML", version 3, on the discrete pools. A `Suite` holds one pool of
options for all tasks; here each task has encodings of its own.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nmjax.errors import NmjaxError, unknown_name

_PARTS = ("train", "validation", "test")
_INITIAL = 5


class HpobTask(NamedTuple):
    """One data set of one search space.

    Attributes:
      space: its identifier, as "4796".
      dataset: its identifier, as "3549".
      encoding: float32[N, D], the settings, scaled to [0, 1] by those who published them.
      score: float64[N], accuracy.
      initial: {seed: int32[5]}, the rows that a search of that seed begins with, the first five
        that are listed; seeds are "test0" to "test4". Empty but for the tasks of the test.
    """

    space: str
    dataset: str
    encoding: np.ndarray
    score: np.ndarray
    initial: Mapping[str, np.ndarray]


def read_hpob(folder: str | Path, *, part: str = "test") -> tuple[HpobTask, ...]:
    """The tasks of a part, out of `meta-PART-dataset.json` and `bo-initializations.json`.

    The first holds {space: {dataset: {"X": [[float]], "y": [[float]]}}}, the second, read for the
    test only, {space: {dataset: {seed: [row]}}}.

    Args:
      folder: with the files as they were published.
      part: "train", "validation" or "test".

    Raises:
      NmjaxError: no such part, a file is missing or no JSON, or a task is not what is told above.
    """
    if part not in _PARTS:
        raise unknown_name("part of HPO-B", part, _PARTS)
    path = Path(folder) / f"meta-{part}-dataset.json"
    tables = _read_json(path)
    starts = _read_json(Path(folder) / "bo-initializations.json") if part == "test" else None
    try:
        return tuple(
            _task(space, dataset, table, starts[space][dataset] if starts is not None else {})
            for space, datasets in tables.items()
            for dataset, table in datasets.items()
        )
    except NmjaxError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NmjaxError(
            f"{path} is not in the format of HPO-B ({error!r}): fetch it anew."
        ) from error


def hpob_regret(task: HpobTask, rows: np.ndarray) -> np.ndarray:
    """How far the best so far is below the best of the pool, in units of the pool's range.

    Args:
      task: that was searched.
      rows: int[..., 5 + B], the initial rows of a seed and then those of B trials.

    Returns:
      float64[..., B + 1] in [0, 1], at t after t trials: entry 0 is of the initial rows alone. NaN
      where all scores of the pool are equal.

    Raises:
      NmjaxError: there are fewer rows than initial ones, or a search repeats one.
    """
    rows = np.asarray(rows)
    ordered = np.sort(rows, axis=-1)
    if rows.shape[-1] < _INITIAL or (ordered[..., 1:] == ordered[..., :-1]).any():
        raise NmjaxError(
            f"Got rows {list(rows.shape)} for task {task.dataset!r} of space {task.space!r}; give "
            f"the {_INITIAL} initial rows and those of the trials, none of them twice."
        )
    best = np.maximum.accumulate(task.score[rows], axis=-1)[..., _INITIAL - 1 :]
    with np.errstate(invalid="ignore"):
        return (task.score.max() - best) / np.ptp(task.score)


def hpob_ranks(regret: np.ndarray) -> np.ndarray:
    """Ranks among M methods, float64[M, ...], of their regret float[M, ...].

    1 is the least regret; ties, to 8 decimals, share their mean rank.
    """
    rounded = np.round(np.asarray(regret, np.float64), 8)
    better = (rounded[None] < rounded[:, None]).sum(axis=1)
    equal = (rounded[None] == rounded[:, None]).sum(axis=1)
    return better + (equal + 1) / 2


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NmjaxError(
            f"{path} cannot be read as JSON ({error}): give the folder of HPO-B-v3's data."
        ) from error


def _task(
    space: str, dataset: str, table: Mapping[str, Any], starts: Mapping[str, Any]
) -> HpobTask:
    encoding = np.asarray(table["X"], np.float32)
    score = np.asarray(table["y"], np.float64).reshape(-1)
    initial = {seed: np.asarray(rows, np.int32)[:_INITIAL] for seed, rows in starts.items()}
    fits = encoding.ndim == 2 and encoding.shape[0] == len(score) > 0
    finite = np.isfinite(encoding).all() and np.isfinite(score).all()
    if not (fits and finite):
        raise NmjaxError(
            f"Task {dataset!r} of space {space!r} has X {list(encoding.shape)} and y "
            f"[{len(score)}], expected finite numbers, one row of X for each of y."
        )
    for seed, rows in initial.items():
        if rows.shape != (_INITIAL,) or not ((rows >= 0) & (rows < len(score))).all():
            raise NmjaxError(
                f"Task {dataset!r} of space {space!r} begins with the rows {rows.tolist()} for "
                f"{seed!r}, expected {_INITIAL} rows out of {len(score)}."
            )
    return HpobTask(space, dataset, encoding, score, initial)
