"""A `History` on disk: the folder, and the manifest that says what its rows are."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, RealChoice, Space, catalog, get_space
from nmjax.tasks.files.folders import folder_at, locate

MANIFEST = "manifest.json"
SCHEMA = 1


@dataclass(frozen=True)
class HistoryStore:
    """What the manifest of a folder of evaluations says; the rows stay on disk.

    `manifest.json` is written once and never changed. `task=NAME/`, with NAME percent-encoded,
    holds a task's rows, a Parquet file for each append: choices as int32 option indices,
    real-valued choices, metrics and context as float32. A file appears wholly or not at all and
    is never written again, so a killed writer loses at most the append in flight, and several
    processes, wherever they are, lose none of each other's. Readers see what had appeared when
    they looked. Other tools read the folder as a hive-partitioned data set.

    Each file of rows repeats the manifest. A server that does not know conditional requests, as
    S3, Google's and Azure's do, may keep the last of several manifests that were made at once;
    then rows that another describes are refused, not misread.

    Attributes:
      folder: a path, or the URL of an object store.
      space: of the architectures.
      metrics: names of the metrics, raw values.
      context: K names of what is known of a task before any evaluation.
    """

    folder: str | Path
    space: Space
    metrics: tuple[str, ...]
    context: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Of a file of rows: choices, real-valued choices, metrics, context."""
        return [*self.space.names, *self.metrics, *self.context]

    @cached_property
    def manifest(self) -> bytes:
        """What `manifest.json` says."""
        choices = [asdict(choice) for choice in self.space.choices]
        continuous = (
            {"continuous": [asdict(real) for real in self.space.continuous]}
            if self.space.continuous
            else {}
        )
        description = {
            "schema": SCHEMA,
            "space": {"name": self.space.name, "choices": choices} | continuous,
            "metrics": self.metrics,
            "context": self.context,
        }
        return json.dumps(description, indent=1).encode()


def create_store(
    folder: str | Path, space: Space, *, metrics: Sequence[str], context: Sequence[str] = ()
) -> HistoryStore:
    """The store in `folder`, made where there is none; any number of processes may do so at once.

    Args:
      folder: a path, or a URL: s3://BUCKET/..., gs:// or az://, with the extra s3, gcs or azure.
        What they need to be reached is set as for s3fs, gcsfs and adlfs.
      space: of the architectures.
      metrics: names of the metrics, raw values.
      context: names of what is known of a task before any evaluation.

    Raises:
      NmjaxError: the folder holds a store of something else, there is no metric, two columns would
        share a name, or nothing can be written there.
    """
    store = HistoryStore(locate(folder), space, tuple(metrics), tuple(context))
    names = ["task", *store.columns]
    if not metrics or len(set(names)) < len(names):
        raise NmjaxError(
            f"Columns {names} came, expected at least one metric and no name twice: rename one."
        )
    try:
        folder_at(store.folder).create(MANIFEST, store.manifest)
    except OSError as error:
        raise NmjaxError(f"{folder} cannot hold a history: {error}") from error
    found = open_store(folder, space)
    if (found.metrics, found.context) != (store.metrics, store.context):
        raise NmjaxError(
            f"{folder} holds metrics {found.metrics} and context {found.context}, not "
            f"{store.metrics} and {store.context}: open it with open_store, or name another."
        )
    return store


def open_store(folder: str | Path, space: Space | None = None) -> HistoryStore:
    """The store in `folder`; reads its manifest only.

    Args:
      folder: as given to `create_store`.
      space: as given to `create_store`; by default that of the catalog, if it has the name and
        choices. Of any other the manifest holds these alone: neither its cell nor what is valid
        and isomorphic, which are code.

    Raises:
      NmjaxError: there is no store, its manifest cannot be read, or its space is another.
    """
    location = locate(folder)
    path = f"{location}/{MANIFEST}"
    try:
        with folder_at(location).open(MANIFEST) as file:
            told = json.loads(file.read())
        if told["schema"] != SCHEMA:
            raise NmjaxError(
                f"{path} has schema {told['schema']}, expected {SCHEMA}: use the version of nmjax "
                "that wrote it."
            )
        choices = tuple(Choice(**choice) for choice in told["space"]["choices"])
        continuous = tuple(RealChoice(**real) for real in told["space"].get("continuous", ()))
        stored = Space.build(told["space"]["name"], choices, continuous)
        metrics, context = tuple(told["metrics"]), tuple(told["context"])
    except FileNotFoundError:
        raise NmjaxError(f"{folder} holds no history: make one with create_store.") from None
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise NmjaxError(f"{path} cannot be read as a history's manifest: {error!r}.") from error
    if space is None:
        ready = get_space(stored.name) if stored.name in catalog.names() else stored
        space = ready if _what_is_stored(ready) == _what_is_stored(stored) else stored
    elif _what_is_stored(space) != _what_is_stored(stored):
        raise NmjaxError(
            f"{folder} holds architectures of space {stored.name!r} with choices "
            f"{list(stored.names)}, not of {space.name!r} with {list(space.names)}, or their "
            "options differ: give the space that it was made with."
        )
    return HistoryStore(location, space, metrics, context)


def _what_is_stored(space: Space) -> tuple[str, tuple[Choice, ...], tuple[RealChoice, ...]]:
    return space.name, space.choices, space.continuous
