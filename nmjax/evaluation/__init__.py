"""Evaluation protocol: hold a task out, run methods and user searches, and compare them.

Example:
  >>> from nmjax import evaluation
  >>> sorted(name for name, method in evaluation.METHODS.items() if not method.transfer)
  ['bananas', 'evolution', 'gp', 'local-search', 'random']
"""

from nmjax.evaluation.comparison import RIVALS, compare
from nmjax.evaluation.leave_one_out import Prepared, prepare
from nmjax.evaluation.method_runs import MethodRun, run_methods
from nmjax.evaluation.methods import METHODS, Method, get_algorithm, get_method
from nmjax.evaluation.protocol import prepare_search
from nmjax.evaluation.suite_runs import run_suite
from nmjax.evaluation.summary import summarize
from nmjax.evaluation.trajectories import (
    Trajectories,
    packaged_trajectories,
    read_trajectories,
    write_trajectories,
)
from nmjax.evaluation.user_search import SearchTask, evaluate_user_search

__all__ = [
    "METHODS",
    "RIVALS",
    "Method",
    "MethodRun",
    "Prepared",
    "SearchTask",
    "Trajectories",
    "compare",
    "evaluate_user_search",
    "get_algorithm",
    "get_method",
    "packaged_trajectories",
    "prepare",
    "prepare_search",
    "read_trajectories",
    "run_methods",
    "run_suite",
    "summarize",
    "write_trajectories",
]
