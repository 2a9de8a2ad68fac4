"""nmjax's own benchmark: every multilayer perceptron of a small space, trained on real data.

The table ships with nmjax and needs no other package. `python -m benchmarks.live.make_table` makes
it anew: 8 epochs with minibatches of 32 rows, a cosine schedule, and three seeds.
"""

import json
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Space
from nmjax.tasks.suites.suite import SuiteInfo, Table
from nmjax.types import Metric

FILE = "stored/live-mlp.npz"
FAILED = 2**16 - 1
"""Number of right rows that marks a network that diverged."""

FAMILIES = (
    ("iris",),
    ("wine",),
    ("breast-cancer", "breast-cancer-mean", "breast-cancer-error"),
    ("diabetes-2", "diabetes-3"),
    (
        "digits",
        "digits-0-4",
        "digits-5-9",
        "digits-3-5-8",
        "digits-parity",
        "digits-left",
        "digits-coarse",
    ),
)
TASKS = tuple(task for family in FAMILIES for task in family)

INFO = SuiteInfo(
    name="live-mlp",
    space="live-mlp",
    size=960,
    families=FAMILIES,
    metrics=(
        Metric("val_acc", "accuracy", "max"),
        Metric("test_acc", "accuracy", "max"),
        Metric("val_acc_epoch1", "accuracy", "max"),
        Metric("val_acc_epoch2", "accuracy", "max"),
        Metric("val_acc_epoch4", "accuracy", "max"),
        Metric("parameters", "parameters", "min", "log"),
        Metric("multiplications", "multiplications", "min", "log"),
    ),
    score_metric="val_acc",
    test_metric="test_acc",
    package="",
    module="nmjax.tasks.suites",
    file=FILE,
    license="Apache-2.0",
    citation="nmjax; data of scikit-learn (Pedregosa et al., JMLR 2011, arXiv:1201.0490)",
    install="reinstall nmjax, which contains it",
)


class LiveRecords(NamedTuple):
    """All that was measured for `live-mlp`: seeds and epochs apart.

    Attributes:
      tasks: T names.
      pool: int32[N, C], as the architectures were trained.
      curve: float32[T, N, S, E], accuracy on the selection rows after each epoch; NaN from the
        epoch on in which the network diverged.
      test: float32[T, N, S], accuracy on the test rows after the last epoch; NaN if it diverged.
      context: float32[T, K], statistics of the training rows, named in `settings["context"]`.
      settings: Settings of training and versions of what trained.

    Example:
      >>> from nmjax.tasks.suites import read_live_records
      >>> records = read_live_records()
      >>> records.curve.shape, records.settings["schedule"]
      ((14, 960, 3, 8), 'cosine')
    """

    tasks: tuple[str, ...]
    pool: np.ndarray
    curve: np.ndarray
    test: np.ndarray
    context: np.ndarray
    settings: dict[str, Any]


def read_live_records() -> LiveRecords:
    """Return the learning curves and test scores of every seed.

    Raises:
      NmjaxError: The file that ships with nmjax is missing or damaged.

    Example:
      >>> from nmjax.tasks.suites import read_live_records
      >>> read_live_records().test.shape
      (14, 960, 3)
    """
    columns = _read(Path(__file__).parent / FILE)
    sizes = columns["sizes"].astype(np.float32)
    return LiveRecords(
        tasks=TASKS,
        pool=columns["pool"].astype(np.int32),
        curve=_shares(columns["curve"], sizes[:, 1, None, None, None]),
        test=_shares(columns["test"], sizes[:, 2, None, None]),
        context=columns["context"].copy(),
        settings=json.loads(str(columns["settings"])),
    )


def read(path: Path, task: str, space: Space) -> Table:
    """Return the table of one task: means over seeds, NaN where any of them diverged."""
    del space
    columns, index = _read(path), TASKS.index(task)
    _, selection_rows, test_rows = columns["sizes"][index].astype(np.float64)
    curve = _shares(columns["curve"][index], selection_rows).mean(1)
    metrics = {
        "val_acc": curve[:, -1],
        "test_acc": _shares(columns["test"][index], test_rows).mean(1),
        **{f"val_acc_epoch{epoch}": curve[:, epoch - 1] for epoch in (1, 2, 4)},
        "parameters": columns["parameters"][index].astype(np.float64),
        "multiplications": columns["multiplications"][index].astype(np.float64),
    }
    return Table(columns["pool"].astype(np.int32), metrics)


def _shares(right: np.ndarray, rows: Any) -> np.ndarray:
    return np.where(right == FAILED, np.nan, right / rows)


@lru_cache(maxsize=1)
def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise NmjaxError(
            f"{path.name} is missing or damaged ({error}): reinstall nmjax."
        ) from error
