"""Real benchmarks, one a file, behind one door."""

from nmjax.tasks.suites.registry import list_suites, load_suite
from nmjax.tasks.suites.suite import Suite, SuiteInfo, scores

__all__ = ["Suite", "SuiteInfo", "list_suites", "load_suite", "scores"]
