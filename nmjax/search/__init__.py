"""How the next architecture is found: problems, acquisitions, the loop, baselines."""

from nmjax.search.acquisitions import (
    AcquisitionContext,
    build_acquisition,
    expected_improvement,
    get_acquisition,
    gp_ucb,
    information_about_function,
    information_about_kinship,
    knowledge_gradient,
    log_cheapness,
    log_expected_improvement,
    max_value_entropy_search,
    noisy_expected_improvement,
    probability_of_improvement,
    thompson_sampling,
    upper_confidence_bound,
)
from nmjax.search.advice import Advice, advise
from nmjax.search.baselines import (
    local_search,
    past_best_search,
    random_search,
    regularised_evolution,
)
from nmjax.search.loop import (
    SearchAlgorithm,
    SearchHyper,
    SearchState,
    bayesian_search,
    default_hyper,
    run,
    search_lanes,
)
from nmjax.search.problem import Problem, make_problem, pool_neighbours, without_transfer
from nmjax.search.record import Record, SearchInfo
from nmjax.search.strategy import sample_from_prior, select_initial_points
from nmjax.search.study import Study, is_finished, observe, start_study, suggest

__all__ = [
    "AcquisitionContext",
    "Advice",
    "Problem",
    "Record",
    "SearchAlgorithm",
    "SearchHyper",
    "SearchInfo",
    "SearchState",
    "Study",
    "advise",
    "bayesian_search",
    "build_acquisition",
    "default_hyper",
    "expected_improvement",
    "get_acquisition",
    "gp_ucb",
    "information_about_function",
    "information_about_kinship",
    "is_finished",
    "knowledge_gradient",
    "local_search",
    "log_cheapness",
    "log_expected_improvement",
    "make_problem",
    "max_value_entropy_search",
    "noisy_expected_improvement",
    "observe",
    "past_best_search",
    "pool_neighbours",
    "probability_of_improvement",
    "random_search",
    "regularised_evolution",
    "run",
    "sample_from_prior",
    "search_lanes",
    "select_initial_points",
    "start_study",
    "suggest",
    "thompson_sampling",
    "upper_confidence_bound",
    "without_transfer",
]
