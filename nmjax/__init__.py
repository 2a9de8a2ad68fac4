"""nmjax: learn from past architecture searches to make the next one faster."""

import importlib
from types import ModuleType

from nmjax.compilation_cache import disable_compilation_cache
from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    LearnConfig,
    MetaKnowledge,
    compute_information_gain,
    learn,
    learn_from_history,
)
from nmjax.search import (
    BayesianSearch,
    LocalSearch,
    PastBestSearch,
    Problem,
    RandomSearch,
    RegularizedEvolution,
    SpaceSearch,
    default_hyper,
    is_finished,
    make_problem,
    make_space_problem,
    observe,
    run,
    run_batch,
    start,
    suggest,
)
from nmjax.spaces import Choice, Integer, Ordinal, Real, Space, get_space, when
from nmjax.storage import load, save
from nmjax.study import Study, Trial
from nmjax.tasks import (
    PastSearches,
    Suite,
    fold_tasks,
    history_from_frame,
    infer_space,
    leave_family_out,
    leave_one_out,
    list_suites,
    load_suite,
    read_history,
    sample_history,
    sample_suite,
    scores,
)
from nmjax.types import Gaussian, History, Metric, Mixture, MultivariateGaussian
from nmjax.version import __version__

__all__ = [
    "BayesianSearch",
    "Choice",
    "Gaussian",
    "History",
    "Integer",
    "LearnConfig",
    "LocalSearch",
    "MetaKnowledge",
    "Metric",
    "Mixture",
    "MultivariateGaussian",
    "NmjaxError",
    "Ordinal",
    "PastBestSearch",
    "PastSearches",
    "Problem",
    "RandomSearch",
    "Real",
    "RegularizedEvolution",
    "Space",
    "SpaceSearch",
    "Study",
    "Suite",
    "Trial",
    "__version__",
    "compute_information_gain",
    "default_hyper",
    "disable_compilation_cache",
    "get_space",
    "history_from_frame",
    "infer_space",
    "is_finished",
    "learn",
    "learn_from_history",
    "leave_family_out",
    "leave_one_out",
    "list_suites",
    "load",
    "load_suite",
    "make_problem",
    "make_space_problem",
    "observe",
    "read_history",
    "run",
    "run_batch",
    "sample_history",
    "sample_suite",
    "save",
    "scores",
    "fold_tasks",
    "start",
    "suggest",
    "when",
]
_LAZY = (
    "analysis",
    "cli",
    "evaluation",
    "experiments",
    "integrations",
    "live",
    "meta",
    "oneshot",
    "patterns",
    "testing",
)


def __getattr__(name: str) -> ModuleType:
    """Import a sub-package on its first use."""
    if name in _LAZY:
        return importlib.import_module(f"nmjax.{name}")
    raise AttributeError(f"module 'nmjax' has no attribute {name!r}")
