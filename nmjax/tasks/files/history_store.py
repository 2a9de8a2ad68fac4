"""A store of past evaluations: its folder, and the manifest that describes its rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, RealChoice, Space, catalog, get_space
from nmjax.tasks.files.folders import folder_at, locate
from nmjax.tasks.tables.table import Direction
from nmjax.types import Metric

MANIFEST = "manifest.json"
SCHEMA = 1


@dataclass(frozen=True)
class HistoryStore:
    """Description of a folder of evaluations; the rows stay on disk.

    `manifest.json` is written once and never changed. The folder `task=NAME`, with NAME
    percent-encoded, contains the rows of a task, in one Parquet file for each append: choices as
    int32 option indices; real-valued choices, metrics and context as float32. A file appears
    complete or not at all and never changes, and several processes can append at once. In a local
    folder the files of one append appear together, so a killed writer loses at most the append in
    progress; on an object store it may leave the first tasks of it. Readers see the files that
    exist when they look, and write nothing. Other tools can read the folder as a hive-partitioned
    data set.

    Each file of rows repeats the manifest. A server without conditional requests, unlike those of
    S3, Google and Azure, may keep the last of several manifests that are written at once. Rows that
    another manifest describes are then refused.

    Attributes:
      folder: Path, or URL of an object store.
      space: Space of the architectures.
      metrics: Names of the metrics, whose raw values are stored.
      context: K names of numbers that describe a task.
      directions: {metric: "max" or "min"}, of the metrics whose direction is known.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import HistoryStore
      >>> HistoryStore(tempfile.mkdtemp(), Space(op=["conv", "pool"]), ("loss",)).columns
      ['op', 'loss']
    """

    folder: str | Path
    space: Space
    metrics: tuple[str, ...]
    context: tuple[str, ...] = ()
    directions: Mapping[str, Direction] = field(default_factory=dict, hash=False)

    @property
    def columns(self) -> list[str]:
        """Columns of a file of rows: choices, real-valued choices, metrics, context."""
        return [*self.space.names, *self.metrics, *self.context]

    @cached_property
    def manifest(self) -> bytes:
        """Content of `manifest.json`."""
        choices = [_described(choice) for choice in self.space.choices]
        continuous = (
            {"continuous": [_described(real) for real in self.space.continuous]}
            if self.space.continuous
            else {}
        )
        description = {
            "schema": SCHEMA,
            "space": {"name": self.space.name, "choices": choices} | continuous,
            "metrics": self.metrics,
            "context": self.context,
        }
        if self.directions:
            description["directions"] = dict(self.directions)
        return json.dumps(description, indent=1).encode()

    def describes(self, manifest: bytes) -> bool:
        """Return whether a file of rows with this manifest has the columns of the store."""
        mine, other = json.loads(self.manifest), json.loads(manifest)
        if not isinstance(other, dict):
            return False
        return bool({**mine, "directions": None} == {**other, "directions": None})


def create_store(
    folder: str | Path,
    space: Space,
    *,
    metrics: Sequence[str],
    context: Sequence[str] = (),
    directions: Mapping[str, Direction] | None = None,
) -> HistoryStore:
    """Return the store in a folder, created if it is missing.

    Several processes may call this at once.

    Args:
      folder: Path, or URL: s3://BUCKET/..., gs:// or az://, which need the extra s3, gcs or azure.
        Credentials are configured as for s3fs, gcsfs and adlfs.
      space: Space of the architectures.
      metrics: Names of the metrics, whose raw values are stored.
      context: Names of numbers that describe a task.
      directions: {metric: "max" or "min"} where known; a new folder keeps them, and then the
        opposite direction is refused.

    Raises:
      NmjaxError: The folder holds a store with another space, metrics, context or the opposite
        direction of a metric; there is no metric; two columns would share a name; or the folder
        cannot be written.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import create_store
      >>> create_store(tempfile.mkdtemp(), Space(op=["conv", "pool"]), metrics=["loss"]).metrics
      ('loss',)
    """
    store = plan_store(folder, space, metrics=metrics, context=context, directions=directions)
    try:
        folder_at(store.folder).create(MANIFEST, store.manifest)
    except OSError as error:
        raise NmjaxError(f"{folder} cannot hold a history: {error}") from error
    check_planned(store)
    return store


def plan_store(
    folder: str | Path,
    space: Space,
    *,
    metrics: Sequence[str],
    context: Sequence[str] = (),
    directions: Mapping[str, Direction] | None = None,
) -> HistoryStore:
    """Return what `create_store` would, but write nothing.

    Raises:
      NmjaxError: As `create_store`, except that the folder may not be writable.
    """
    if isinstance(metrics, str) or isinstance(context, str):
        raise NmjaxError(f"Expected lists of names, got metrics={metrics!r}, context={context!r}.")
    known = dict(directions or {})
    store = HistoryStore(locate(folder), space, tuple(metrics), tuple(context), known)
    names = ["task", *store.columns]
    if not metrics or len(set(names)) < len(names):
        raise NmjaxError(
            f"Got columns {names}, expected at least one metric and no name twice: rename one."
        )
    if wrong := [item for item in known.items() if not _is_direction(*item, store.metrics)]:
        raise NmjaxError(
            f"Got directions {dict(wrong)}; give 'max' or 'min' for some of {store.metrics}."
        )
    if _has_manifest(store.folder):
        found = open_store(store.folder, space)
        check_planned(store, found)
        return replace(store, directions=found.directions)
    return store


def check_planned(store: HistoryStore, found: HistoryStore | None = None) -> None:
    """Raise an NmjaxError if the store in the folder, or `found`, is not the planned one."""
    if found is None:
        found = open_store(store.folder, store.space)
    _check_space(found, store.space)
    if (found.metrics, found.context) != (store.metrics, store.context):
        raise NmjaxError(
            f"{found.folder} holds metrics {found.metrics} and context {found.context}, not "
            f"{store.metrics} and {store.context}: open it with open_store, or name another."
        )
    for name, direction in store.directions.items():
        check_direction(found, Metric(name, direction=direction))


def check_direction(store: HistoryStore, metric: Metric | None) -> None:
    """Raise an NmjaxError if the store says that the metric, if any, has the opposite direction."""
    stated = None if metric is None else store.directions.get(metric.name)
    if metric is not None and stated not in (None, metric.direction):
        words = {"max": "maximized", "min": "minimized"}
        raise NmjaxError(
            f"{store.folder} says that {metric.name!r} is {words[str(stated)]}, and it is to be "
            f"{words[metric.direction]} here: use its direction, or another folder."
        )


def open_store(folder: str | Path, space: Space | None = None) -> HistoryStore:
    """Return the store in a folder; reads its manifest only.

    Args:
      folder: As given to `create_store`.
      space: As given to `create_store`. By default the space of the catalog with that name and
        choices, or else one with the choices of the manifest, which contains neither a cell nor
        which architectures are valid or isomorphic, as these are code.

    Raises:
      NmjaxError: There is no store, its manifest cannot be read, or its space is another one.

    Example:
      >>> import tempfile
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import create_store, open_store
      >>> folder = tempfile.mkdtemp()
      >>> _ = create_store(folder, Space(op=["conv", "pool"]), metrics=["loss"])
      >>> open_store(folder).space.names
      ('op',)
    """
    location = locate(folder)
    path = f"{location}/{MANIFEST}"
    try:
        with folder_at(location).open(MANIFEST) as file:
            manifest = json.loads(file.read())
        if manifest["schema"] != SCHEMA:
            raise NmjaxError(
                f"{path} has schema {manifest['schema']}, expected {SCHEMA}: use the version of "
                "nmjax that wrote it."
            )
        choices = tuple(Choice(**choice) for choice in manifest["space"]["choices"])
        continuous = tuple(RealChoice(**real) for real in manifest["space"].get("continuous", ()))
        stored = Space.build(manifest["space"]["name"], choices, continuous)
        metrics, context = tuple(manifest["metrics"]), tuple(manifest["context"])
        directions = dict(manifest.get("directions", {}))
        if not all(_is_direction(*item, metrics) for item in directions.items()):
            raise ValueError(f"directions {directions}")
    except NmjaxError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise NmjaxError(
            f"{folder} holds no history: make one with create_store (nmjax history import)."
        ) from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NmjaxError(f"{path} cannot be read as a history's manifest: {error!r}.") from error
    if space is None:
        ready = get_space(stored.name) if stored.name in catalog.names() else stored
        space = ready if _choices_of(ready) == _choices_of(stored) else stored
    _check_space(HistoryStore(location, stored, metrics, context), space)
    return HistoryStore(location, space, metrics, context, directions)


def _is_direction(metric: str, direction: str, metrics: Sequence[str]) -> bool:
    return metric in metrics and direction in ("max", "min")


def _has_manifest(location: str | Path) -> bool:
    try:
        folder_at(location).open(MANIFEST).close()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise NmjaxError(f"{location} cannot hold a history: {error}") from error
    return True


def _check_space(found: HistoryStore, space: Space) -> None:
    stored = found.space
    if _choices_of(space) != _choices_of(stored):
        raise NmjaxError(
            f"{found.folder} holds architectures of space {stored.name!r} with choices "
            f"{list(stored.names)}, not of {space.name!r} with {list(space.names)}, or their "
            "options differ: give the space that it was made with."
        )


def _described(choice: Choice | RealChoice) -> dict[str, Any]:
    """Return the fields of a choice, without conditions if it has none."""
    fields = asdict(choice)
    if not fields["conditions"]:
        del fields["conditions"]
    return fields


def _choices_of(space: Space) -> tuple[str, tuple[Choice, ...], tuple[RealChoice, ...]]:
    return space.name, space.choices, space.continuous
