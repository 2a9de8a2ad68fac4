"""Which rows of the pool searches evaluated: kept in one small file a suite, and read back."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.tasks import Suite

PACKAGED = Path(__file__).parent / "stored"
"""The folder of the files that come with nmjax."""
_DAMAGED = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class Trajectories:
    """What one method did on every task of a suite.

    Attributes:
      rows: int32[T, S, B], of the pool, in the order of evaluation, distinct within a search.
      transfer: whether the method learns from past tasks.
      kind: "ours"; "baseline" for what nmjax rebuilt; "peer" for another's own program; "guest" for
        what is compared with all these.
      seconds: of a search without its evaluations, the median: wall-clock, or CPU seconds of a
        peer; NaN where it is not known.
      provenance: the version or commit that ran.
    """

    rows: np.ndarray
    transfer: bool
    kind: str
    seconds: float = float("nan")
    provenance: str = ""


def write_trajectories(path: str | Path, suite: Suite, found: Mapping[str, Trajectories]) -> None:
    """Write methods by name, T tasks of S seeds and B evaluations each, without pickle.

    Raises:
      NmjaxError: as `check_rows`.
    """
    for name, method in found.items():
        check_rows(name, method.rows, suite)
    small = np.min_scalar_type(len(suite.pool) - 1)
    told = {
        name: {field.name: getattr(method, field.name) for field in fields(method)[1:]}
        for name, method in found.items()
    }
    about = {"suite": suite.name, "package": suite.package, "tasks": suite.tasks, "methods": told}
    arrays = {name: method.rows.astype(small) for name, method in found.items()}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]


def read_trajectories(path: str | Path, suite: Suite) -> dict[str, Trajectories]:
    """What `write_trajectories` wrote, by method; nothing where there is no such file.

    Raises:
      NmjaxError: the file is damaged, or of other data.
    """
    path = Path(path)
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            told = about["methods"]
            found = {
                name: Trajectories(rows=file[name].astype(np.int32), **told[name]) for name in told
            }
            came = about["package"], tuple(about["tasks"])
    except _DAMAGED as error:
        raise NmjaxError(f"{path} holds no trajectories ({error}): install nmjax anew.") from error
    if came != (suite.package, suite.tasks):
        raise NmjaxError(
            f"{path} is of {came}, expected {(suite.package, suite.tasks)}: install the data that "
            "it is of, so that rows mean the same architectures."
        )
    for name, method in found.items():
        check_rows(name, method.rows, suite)
    return found


def packaged_trajectories(suite: Suite) -> dict[str, Trajectories]:
    """The searches of all methods and peers that come with nmjax.

    Raises:
      NmjaxError: none are kept for the suite, or the installed data are others.
    """
    found = read_trajectories(PACKAGED / f"{suite.name}.npz", suite)
    if not found:
        known = sorted(path.stem for path in PACKAGED.glob("*.npz"))
        raise NmjaxError(
            f"No searches of {suite.name!r} are kept to compare with; choose one of "
            f"{', '.join(known) or '(none)'}."
        )
    return found


def check_rows(name: str, rows: np.ndarray, suite: Suite) -> None:
    """Refuses what are no searches of a suite.

    Raises:
      NmjaxError: rows are not int[T, S, B], leave the pool, or one is evaluated twice in a search.
    """
    if rows.ndim != 3 or len(rows) != len(suite.tasks) or 0 in rows.shape:
        raise NmjaxError(
            f"Rows of {name!r} are {rows.dtype}{list(rows.shape)}, expected "
            f"int[{len(suite.tasks)}, seeds, evaluations], the tasks of {suite.name!r} first."
        )
    if rows.min() < 0 or rows.max() >= len(suite.pool):
        raise NmjaxError(f"Rows of {name!r} leave the pool of {len(suite.pool)}.")
    if (np.diff(np.sort(rows, axis=-1), axis=-1) == 0).any():
        raise NmjaxError(f"A search of {name!r} pays for a row twice, expected distinct ones.")
