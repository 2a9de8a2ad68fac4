"""nmjax: learn from past architecture searches, make the next one faster."""

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    LearnConfig,
    MetaKnowledge,
    compute_information_gain,
    learn_from_history,
)
from nmjax.search import (
    Problem,
    bayesian_search,
    default_hyper,
    local_search,
    make_problem,
    past_best_search,
    random_search,
    regularised_evolution,
    run,
    search_lanes,
    without_transfer,
)
from nmjax.spaces import Choice, Space, get_space
from nmjax.tasks import (
    Suite,
    leave_family_out,
    leave_one_out,
    list_suites,
    load_suite,
    sample_history,
    scores,
    split_meta_validation,
)
from nmjax.types import Gaussian, History, Metric, Mixture, MultivariateGaussian
from nmjax.version import __version__

__all__ = [
    "Choice",
    "Gaussian",
    "History",
    "LearnConfig",
    "MetaKnowledge",
    "Metric",
    "Mixture",
    "MultivariateGaussian",
    "NmjaxError",
    "Problem",
    "Space",
    "Suite",
    "__version__",
    "bayesian_search",
    "compute_information_gain",
    "default_hyper",
    "get_space",
    "learn_from_history",
    "leave_family_out",
    "leave_one_out",
    "list_suites",
    "load_suite",
    "local_search",
    "make_problem",
    "past_best_search",
    "random_search",
    "regularised_evolution",
    "run",
    "sample_history",
    "scores",
    "search_lanes",
    "split_meta_validation",
    "without_transfer",
]
