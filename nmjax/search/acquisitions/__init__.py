"""Acquisition functions: the value of evaluating each architecture of a pool.

An acquisition is a frozen dataclass that is called as (key, posterior, context) -> float[N]. The
posterior is a mixture of Gaussian marginals of the next evaluation's score; the architecture with
the largest value is evaluated next.
"""

from nmjax.search.acquisitions.build import (
    ACQUISITIONS,
    LogCheapness,
    build_acquisition,
    get_acquisition,
    is_logarithmic,
)
from nmjax.search.acquisitions.choice import acquisition_value, argmax_unevaluated
from nmjax.search.acquisitions.context import AcquisitionContext
from nmjax.search.acquisitions.improvement import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LogProbabilityOfImprovement,
    NoisyExpectedImprovement,
    ProbabilityOfImprovement,
    is_worthwhile,
    log_standard_improvement,
    most_improving,
)
from nmjax.search.acquisitions.information import (
    InformationAboutAffinity,
    InformationAboutFunction,
    MaxValueEntropySearch,
)
from nmjax.search.acquisitions.lookahead import KnowledgeGradient
from nmjax.search.acquisitions.optimism import GPUCB, ThompsonSampling, UpperConfidenceBound
from nmjax.search.acquisitions.robust import Robust

__all__ = [
    "ACQUISITIONS",
    "AcquisitionContext",
    "acquisition_value",
    "argmax_unevaluated",
    "build_acquisition",
    "ExpectedImprovement",
    "get_acquisition",
    "GPUCB",
    "InformationAboutFunction",
    "InformationAboutAffinity",
    "is_logarithmic",
    "is_worthwhile",
    "KnowledgeGradient",
    "LogCheapness",
    "LogExpectedImprovement",
    "LogProbabilityOfImprovement",
    "log_standard_improvement",
    "MaxValueEntropySearch",
    "most_improving",
    "NoisyExpectedImprovement",
    "ProbabilityOfImprovement",
    "Robust",
    "ThompsonSampling",
    "UpperConfidenceBound",
]
