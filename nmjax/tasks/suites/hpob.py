"""HPO-B: pools of real-valued configurations, one for each data set, and their comparison.

Pineda Arango, Jomaa, Wistuba and Grabocka, 2021, "HPO-B: a large-scale reproducible benchmark for
black-box HPO based on OpenML", version 3, on the discrete pools. A `Suite` has one pool for all
tasks; here each task has its own encodings. The user downloads the data from the authors.
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
      space: Identifier of the space, such as "4796".
      dataset: Identifier of the data set, such as "3549".
      encoding: Configurations, which the authors scaled to [0, 1], float32[N, D].
      score: Accuracy, float64[N].
      initial: {seed: int32[5]}, the rows that a search with that seed begins with: the first five
        of the published ones. Seeds are "test0" to "test4". Empty except in the test part.

    Example:
      >>> import numpy as np
      >>> from nmjax.tasks import HpobTask
      >>> HpobTask("4796", "3549", np.zeros((2, 3)), np.array([0.1, 0.2]), {}).dataset
      '3549'
    """

    space: str
    dataset: str
    encoding: np.ndarray
    score: np.ndarray
    initial: Mapping[str, np.ndarray]


def read_hpob(folder: str | Path, *, part: str = "test") -> tuple[HpobTask, ...]:
    """Return the tasks of a part, from `meta-PART-dataset.json` and `bo-initializations.json`.

    The first contains {space: {dataset: {"X": [[float]], "y": [[float]]}}}; the second, which is
    read for the test part only, {space: {dataset: {seed: [row]}}}.

    Args:
      folder: Folder with the published files.
      part: "train", "validation" or "test".

    Raises:
      NmjaxError: The part is unknown, a file is missing or not JSON, or has another structure.

    Example:
      >>> import json, pathlib, tempfile
      >>> from nmjax.tasks import read_hpob
      >>> path = pathlib.Path(tempfile.mkdtemp(), "meta-train-dataset.json")
      >>> _ = path.write_text(json.dumps({"4796": {"3549": {"X": [[0.5]], "y": [[0.9]]}}}))
      >>> [task.score.tolist() for task in read_hpob(path.parent, part="train")]
      [[0.9]]
    """
    if part not in _PARTS:
        raise unknown_name("part", part, _PARTS, of="HPO-B")
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
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise NmjaxError(
            f"{path} is not in the format of HPO-B ({error!r}): download it again."
        ) from error


def hpob_regret(task: HpobTask, rows: np.ndarray) -> np.ndarray:
    """Return the regret of the best score so far, relative to the range of the pool's scores.

    Args:
      task: Task that was searched.
      rows: Initial rows of a seed, then those of B trials, int[..., 5 + B].

    Returns:
      float64[..., B + 1] in [0, 1]; entry t is the regret after t trials. NaN if all scores of the
      pool are equal.

    Raises:
      NmjaxError: There are fewer than five rows, a row is not in the pool, or a search repeats one.

    Example:
      >>> import numpy as np
      >>> from nmjax.tasks import HpobTask, hpob_regret
      >>> task = HpobTask("4796", "3549", np.zeros((7, 3)), np.linspace(0, 1, 7), {})
      >>> hpob_regret(task, np.array([0, 1, 2, 3, 4, 6])).round(2).tolist()
      [0.33, 0.0]
    """
    rows = np.asarray(rows)
    outside = rows.size > 0 and not 0 <= rows.min() <= rows.max() < len(task.score)
    ordered = np.sort(rows, axis=-1)
    if rows.shape[-1] < _INITIAL or outside or (ordered[..., 1:] == ordered[..., :-1]).any():
        raise NmjaxError(
            f"Got rows {list(rows.shape)} for task {task.dataset!r} of space {task.space!r}; give "
            f"the {_INITIAL} initial rows and those of the trials, rows of the pool and none of "
            "them twice."
        )
    best = np.maximum.accumulate(task.score[rows], axis=-1)[..., _INITIAL - 1 :]
    with np.errstate(invalid="ignore"):
        regret: np.ndarray = (task.score.max() - best) / np.ptp(task.score)
    return regret


def hpob_ranks(regret: np.ndarray) -> np.ndarray:
    """Return the ranks float64[M, ...] of M methods by their regret float[M, ...].

    The smallest regret has rank 1. Regrets that are equal to 8 decimals share their mean rank.

    Example:
      >>> import numpy as np
      >>> from nmjax.tasks import hpob_ranks
      >>> hpob_ranks(np.array([0.2, 0.1, 0.2])).tolist()
      [2.5, 1.0, 2.5]
    """
    rounded = np.round(np.asarray(regret, np.float64), 8)
    better = (rounded[None] < rounded[:, None]).sum(axis=1)
    equal = (rounded[None] == rounded[:, None]).sum(axis=1)
    ranks: np.ndarray = better + (equal + 1) / 2
    return ranks


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
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
