"""Trajectories of searches, the evaluated rows of the pool, stored in one file per suite."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.tasks import Suite
from nmjax.tasks.files.array_cache import whole_file

PACKAGED = Path(__file__).parent / "stored"
"""Folder of the files that are packaged with nmjax."""
KINDS = ("ours", "baseline", "peer", "user")
_DAMAGED = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Searches by one method on every task of a suite.

    Attributes:
      rows: int32[T, S, B], rows of the pool in the order of evaluation, distinct within a search.
      transfer: whether the method learns from past tasks.
      kind: "ours"; "baseline" for reimplementations in nmjax; "peer" for other packages; "user" for
        a user's search that is compared with these.
      seconds: median seconds of a search without its evaluations, in wall-clock time, or CPU time
        for a peer; NaN if unknown.
      provenance: version or commit that ran.

    Raises:
      NmjaxError: `kind` is unknown.

    Example:
      >>> from nmjax.evaluation import Trajectories
      >>> rows = np.array([[[2, 0, 1]]], np.int32)
      >>> Trajectories(rows, transfer=False, kind="user").rows.shape
      (1, 1, 3)
    """

    rows: np.ndarray
    transfer: bool
    kind: str
    seconds: float = float("nan")
    provenance: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown_name("kind of method", self.kind, KINDS)


def write_trajectories(path: str | Path, suite: Suite, found: Mapping[str, Trajectories]) -> None:
    """Write the trajectories of several methods to one file, without pickle.

    Args:
      path: path of the file, ending in .npz.
      suite: benchmark that was searched.
      found: trajectories by method.

    Raises:
      NmjaxError: rows do not fit the suite, or repeat within a search.

    Example:
      >>> import tempfile
      >>> from nmjax.evaluation import Trajectories, read_trajectories, write_trajectories
      >>> from nmjax.tasks import load_suite
      >>> suite = load_suite("nas-bench-201")
      >>> mine = Trajectories(np.arange(6, dtype=np.int32).reshape(3, 1, 2), False, "user")
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     write_trajectories(f"{folder}/mine.npz", suite, {"mine": mine})
      ...     read_trajectories(f"{folder}/mine.npz", suite)["mine"].rows.shape
      (3, 1, 2)
    """
    for name, method in found.items():
        check_rows(name, method.rows, suite)
    small = np.min_scalar_type(len(suite.pool) - 1)
    methods = {
        name: {field.name: getattr(method, field.name) for field in fields(method)[1:]}
        for name, method in found.items()
    }
    about = {
        "suite": suite.name,
        "package": suite.package,
        "tasks": suite.tasks,
        "methods": methods,
    }
    arrays = {name: method.rows.astype(small) for name, method in found.items()}
    with whole_file(Path(path)) as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]


def read_trajectories(path: str | Path, suite: Suite) -> dict[str, Trajectories]:
    """Read the trajectories of methods by name; {} if there is no such file.

    Args:
      path: path of the file.
      suite: benchmark that was searched.

    Raises:
      NmjaxError: the file is damaged, or was recorded on other data.

    Example:
      >>> from nmjax.evaluation import read_trajectories
      >>> from nmjax.tasks import load_suite
      >>> read_trajectories("no-such-file.npz", load_suite("nas-bench-201"))
      {}
    """
    path = Path(path)
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            known = about["methods"]
            found = {
                name: Trajectories(rows=file[name].astype(np.int32), **known[name])
                for name in known
            }
            recorded = about["package"], tuple(about["tasks"])
    except _DAMAGED as error:
        raise NmjaxError(f"{path} is damaged ({error}): reinstall nmjax.") from error
    if recorded != (suite.package, suite.tasks):
        raise NmjaxError(
            f"{path} was recorded on {recorded}, expected {(suite.package, suite.tasks)}: install "
            "those data, so that rows refer to the same architectures."
        )
    for name, method in found.items():
        check_rows(name, method.rows, suite)
    return found


def packaged_trajectories(suite: Suite) -> dict[str, Trajectories]:
    """Read the packaged trajectories of all methods and peers on a suite.

    Raises:
      NmjaxError: none are stored for the suite, or the installed data differ.

    Example:
      >>> from nmjax.evaluation import packaged_trajectories
      >>> from nmjax.tasks import load_suite
      >>> suite = load_suite("nas-bench-graph")  # doctest: +SKIP
      >>> packaged_trajectories(suite)["transfer"].rows.shape  # doctest: +SKIP
      (9, 20, 100)
    """
    found = read_trajectories(PACKAGED / f"{suite.name}.npz", suite)
    if not found:
        known = sorted(path.stem for path in PACKAGED.glob("*.npz"))
        raise NmjaxError(
            f"No searches of {suite.name!r} are stored to compare with; choose one of "
            f"{', '.join(known) or '(none)'}."
        )
    return found


def check_rows(name: str, rows: np.ndarray, suite: Suite) -> None:
    """Validate the rows of searches of a suite.

    Raises:
      NmjaxError: rows are not int[T, S, B], are outside the pool, or repeat within a search.
    """
    if rows.ndim != 3 or len(rows) != len(suite.tasks) or 0 in rows.shape:
        raise NmjaxError(
            f"Rows of {name!r} are {rows.dtype}{list(rows.shape)}, expected "
            f"int[{len(suite.tasks)}, seeds, evaluations], the tasks of {suite.name!r} first."
        )
    if rows.min() < 0 or rows.max() >= len(suite.pool):
        raise NmjaxError(f"Rows of {name!r} are outside the pool of {len(suite.pool)}.")
    if (np.diff(np.sort(rows, axis=-1), axis=-1) == 0).any():
        raise NmjaxError(f"A search of {name!r} evaluates a row twice, expected distinct rows.")
