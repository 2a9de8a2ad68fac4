"""NAS-Bench-Graph: graph neural networks on eight data sets, and `proteins` with its own pool.

Data: package `nas-bench-graph` (`pip install "nmjax[bench]"`), one value for each architecture.
"""

from pathlib import Path

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Space
from nmjax.tasks.suites.suite import SuiteInfo, Table, read_columns
from nmjax.types import Metric

_OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
_BASE = len(_OPERATIONS) + 1
_METRICS = ("valid_perf", "perf", "latency", "para")
_COSTS = (
    Metric("latency", "s", "min", "log"),
    Metric("para", "million parameters", "min", "log"),
)
_CITATION = "Qin et al., NAS-Bench-Graph, NeurIPS Datasets and Benchmarks 2022, arXiv:2206.09166"

INFO = SuiteInfo(
    name="nas-bench-graph",
    space="nas-bench-graph",
    size=26_206,
    families=(
        ("cora", "citeseer", "pubmed"),
        ("cs", "physics"),
        ("photo", "computers"),
        ("arxiv",),
    ),
    metrics=(
        Metric("valid_perf", "accuracy", "max", "log_error"),
        Metric("perf", "accuracy", "max", "log_error"),
        *_COSTS,
    ),
    score_metric="valid_perf",
    test_metric="perf",
    package="nas-bench-graph",
    module="nas_bench_graph",
    file="light/{task}.bench",
    license="Apache-2.0",
    citation=_CITATION,
)

PROTEINS = SuiteInfo(
    name="nas-bench-graph-proteins",
    space="nas-bench-graph-proteins",
    size=2_021,
    families=(("proteins",),),
    metrics=(
        Metric("valid_perf", "ROC-AUC", "max", "log_error"),
        Metric("perf", "ROC-AUC", "max", "log_error"),
        *_COSTS,
    ),
    score_metric="valid_perf",
    test_metric="perf",
    package="nas-bench-graph",
    module="nas_bench_graph",
    file="light/{task}.bench",
    license="Apache-2.0",
    citation=_CITATION,
)


def read(path: Path, _task: str, space: Space) -> Table:
    """Return the table of one task, whose keys write (link, operations) as decimal digits."""
    keys, metrics = read_columns(path, _METRICS)
    codes = np.array(keys)
    if codes.dtype.kind != "i":
        raise NmjaxError(f"{path} has keys that are not integers: reinstall its package.")
    places = _BASE ** np.arange(4, -1, -1)
    link, operations = np.split(codes[:, None] // places % _BASE, [1], axis=1)
    options = space.choices[1].options
    option_of = np.array([options.index(o) if o in options else -1 for o in _OPERATIONS] + [-1])
    rows = np.concatenate([link, option_of[operations]], axis=1)
    if (rows < 0).any() or (rows >= np.array(space.num_options)).any():
        raise NmjaxError(f"{path} has a key outside {space.name!r}: reinstall its package.")
    return Table(rows.astype(np.int32), metrics)
