"""Real benchmarks, one a file, behind one door."""

from nmjax.tasks.suites.registry import list_suites, load_suite
from nmjax.tasks.suites.suite import Suite, SuiteInfo, oriented_metric, scores

__all__ = ["Suite", "SuiteInfo", "list_suites", "load_suite", "oriented_metric", "scores"]
