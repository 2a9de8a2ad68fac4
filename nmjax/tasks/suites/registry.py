"""List and load suites by name.

The data of a suite ship with nmjax, are in a package that the extra `bench` installs, or are in a
folder of the user that `NMJAX_DATA` or `data=` names. Nothing is downloaded.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata, util
from pathlib import Path

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces.catalog import get_space
from nmjax.tasks.files.array_cache import cached_arrays
from nmjax.tasks.suites import (
    dataset2vec,
    hpobench,
    hpolib,
    live_mlp,
    mdesign,
    nas_bench_201,
    nas_bench_graph,
    transnas101,
)
from nmjax.tasks.suites.suite import (
    Reader,
    Suite,
    SuiteInfo,
    Table,
    pool_arrays,
    splits_of_tasks,
)
from nmjax.version import __version__

_FORMAT = 1

_SUITES: Mapping[str, tuple[SuiteInfo, Reader]] = {
    info.name: (info, read)
    for info, read in (
        (nas_bench_graph.INFO, nas_bench_graph.read),
        (nas_bench_graph.PROTEINS, nas_bench_graph.read),
        (nas_bench_201.INFO, nas_bench_201.read),
        (hpobench.INFO, hpobench.read),
        (hpolib.INFO, hpolib.read),
        (transnas101.INFO, transnas101.read),
        (mdesign.NODE, mdesign.read),
        (mdesign.LINK, mdesign.read),
        (mdesign.GRAPH, mdesign.read),
        (dataset2vec.SPACE_A, dataset2vec.read),
        (dataset2vec.SPACE_B, dataset2vec.read),
        (dataset2vec.SPACE_C, dataset2vec.read),
        (live_mlp.INFO, live_mlp.read),
    )
}


def list_suites(*, data: str | Path | None = None) -> tuple[SuiteInfo, ...]:
    """Return all suites, with their versions and whether their data are installed.

    Reads no data.

    Args:
      data: Folder with data that no package contains; `NMJAX_DATA` by default.

    Example:
      >>> from nmjax.tasks import list_suites
      >>> [info.name for info in list_suites()][:3]
      ['nas-bench-graph', 'nas-bench-graph-proteins', 'nas-bench-201']
    """
    return tuple(_found(info, _folder(info, data)) for info, _ in _SUITES.values())


def load_suite(name: str, *, data: str | Path | None = None) -> Suite:
    """Return a suite, read from its package or from the folder `data`.

    The data of a package are converted once and cached in `NMJAX_CACHE` or the user's cache folder.
    No code of the package is run.

    Args:
      name: Name of a suite, as in `list_suites`.
      data: Folder with data that no package contains; `NMJAX_DATA` by default.

    Raises:
      NmjaxError: The suite is unknown, its data are not installed, or a file is damaged.

    Example:
      >>> from nmjax.tasks import load_suite
      >>> load_suite("nas-bench-201").tasks
      ('cifar10', 'cifar100', 'imagenet')
    """
    if name not in _SUITES:
        raise unknown_name("suite", name, _SUITES)
    described, read = _SUITES[name]
    folder = _folder(described, data)
    info = _found(described, folder)
    if folder is None or not info.installed:
        raise NmjaxError(
            f"Suite {name!r} needs {info.package or info.file}, which was not found: "
            f"{info.install}."
        )
    space = get_space(info.space)

    def tables() -> list[Table]:
        paths = (folder / info.file.format(task=task) for task in info.tasks)
        return [read(path, task, space) for path, task in zip(paths, info.tasks, strict=True)]

    known: list[Table] = []
    if info.package:
        key = f"{name}-{info.package}-{info.version}-nmjax-{__version__}-{_FORMAT}"
        table = (len(info.tasks), info.size)
        shapes = {metric.name: table for metric in info.metrics}
        expected = {"pool": (info.size, space.num_choices), **shapes}
        arrays = cached_arrays(key, expected, lambda: pool_arrays(space, tables()))
    else:
        known = tables()
        arrays = pool_arrays(space, known)
    contexts = np.array([table.context for table in known])
    for array in arrays.values():
        array.setflags(write=False)
    return Suite(
        name=name,
        space=space,
        tasks=info.tasks,
        families=info.families,
        pool=arrays.pop("pool"),
        metrics=arrays,
        metric_info={metric.name: metric for metric in info.metrics},
        score_metric=info.score_metric,
        test_metric=info.test_metric,
        license=info.license,
        citation=info.citation,
        package=f"{info.package} {info.version}" if info.package else info.file,
        context=contexts if contexts.size else None,
        splits=splits_of_tasks(info.tasks, known),
    )


def _folder(info: SuiteInfo, data: str | Path | None) -> Path | None:
    if not info.module:
        named = data or os.environ.get("NMJAX_DATA")
        return Path(named) if named else None
    spec = util.find_spec(info.module)
    return Path(spec.origin).parent if spec and spec.origin else None


def _found(info: SuiteInfo, folder: Path | None) -> SuiteInfo:
    if folder is None:
        return info
    files = {folder / info.file.format(task=task) for task in info.tasks}
    try:
        version = metadata.version(info.package) if info.package else ""
    except metadata.PackageNotFoundError:
        version = ""
    return replace(info, version=version, installed=all(file.is_file() for file in files))
