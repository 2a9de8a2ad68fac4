"""How much an evaluation is worth, for every architecture of the pool.

Each factory returns a pure function (key, posterior, context) -> float[N] of a mixture of Gaussian
marginals of what evaluations would return; the architecture with the largest value is evaluated
next.
"""

from nmjax.search.acquisitions.build import (
    ACQUISITIONS,
    build_acquisition,
    get_acquisition,
    log_cheapness,
)
from nmjax.search.acquisitions.choice import argmax_unevaluated
from nmjax.search.acquisitions.context import AcquisitionContext
from nmjax.search.acquisitions.improvement import (
    expected_improvement,
    log_expected_improvement,
    log_probability_of_improvement,
    log_standard_improvement,
    most_improving,
    noisy_expected_improvement,
    probability_of_improvement,
)
from nmjax.search.acquisitions.information import (
    information_about_affinity,
    information_about_function,
    max_value_entropy_search,
)
from nmjax.search.acquisitions.lookahead import knowledge_gradient
from nmjax.search.acquisitions.optimism import gp_ucb, thompson_sampling, upper_confidence_bound
from nmjax.search.acquisitions.robust import robust

__all__ = [
    "ACQUISITIONS",
    "AcquisitionContext",
    "argmax_unevaluated",
    "build_acquisition",
    "expected_improvement",
    "get_acquisition",
    "gp_ucb",
    "information_about_function",
    "information_about_affinity",
    "knowledge_gradient",
    "log_cheapness",
    "log_expected_improvement",
    "log_probability_of_improvement",
    "log_standard_improvement",
    "max_value_entropy_search",
    "most_improving",
    "noisy_expected_improvement",
    "probability_of_improvement",
    "robust",
    "thompson_sampling",
    "upper_confidence_bound",
]
