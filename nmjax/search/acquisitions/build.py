"""Acquisitions by name, and weighted sums of acquisitions."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp

from nmjax.errors import NmjaxError, unknown_name
from nmjax.search.acquisitions.choice import acquisition_value
from nmjax.search.acquisitions.context import AcquisitionContext
from nmjax.search.acquisitions.improvement import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LogProbabilityOfImprovement,
    NoisyExpectedImprovement,
    ProbabilityOfImprovement,
)
from nmjax.search.acquisitions.information import (
    InformationAboutAffinity,
    InformationAboutFunction,
    MaxValueEntropySearch,
)
from nmjax.search.acquisitions.lookahead import KnowledgeGradient
from nmjax.search.acquisitions.optimism import GPUCB, ThompsonSampling, UpperConfidenceBound
from nmjax.search.acquisitions.robust import Robust
from nmjax.types import Acquisition, Array, Mixture


@dataclass(frozen=True)
class LogCheapness:
    """Negative logarithm of the cost, to be added to the logarithm of a gain.

    The sum is the logarithm of the gain per unit of cost.

    Example:
      >>> from nmjax.search import LogCheapness, build_acquisition
      >>> build_acquisition({"log_expected_improvement": 1, LogCheapness(): 1}).terms
      ((LogExpectedImprovement(noise_free=False), 1.0), (LogCheapness(), 1.0))
    """

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key, posterior
        return -jnp.log(context.cost)


# Acquisitions by name, each with default settings.
ACQUISITIONS: dict[str, Callable[[], Acquisition]] = {
    "expected_improvement": ExpectedImprovement,
    "log_expected_improvement": LogExpectedImprovement,
    "noisy_expected_improvement": NoisyExpectedImprovement,
    "probability_of_improvement": ProbabilityOfImprovement,
    "log_probability_of_improvement": LogProbabilityOfImprovement,
    "upper_confidence_bound": UpperConfidenceBound,
    "gp_ucb": GPUCB,
    "thompson_sampling": ThompsonSampling,
    "max_value_entropy_search": MaxValueEntropySearch,
    "knowledge_gradient": KnowledgeGradient,
    "information_about_function": InformationAboutFunction,
    "information_about_affinity": InformationAboutAffinity,
    "log_cheapness": LogCheapness,
}


def get_acquisition(name: str) -> Acquisition:
    """Return the acquisition with a given name, with default settings.

    Args:
      name: Key of `ACQUISITIONS`.

    Raises:
      NmjaxError: No acquisition has this name.

    Example:
      >>> from nmjax.search import get_acquisition
      >>> get_acquisition("gp_ucb")
      GPUCB(failure=0.1)
    """
    if name not in ACQUISITIONS:
        raise unknown_name("acquisition", name, ACQUISITIONS)
    return ACQUISITIONS[name]()


def is_logarithmic(acquisition: Acquisition) -> bool:
    """Return whether an acquisition is the logarithm of a utility, or has one as a term.

    Example:
      >>> from nmjax.search import ExpectedImprovement, LogExpectedImprovement
      >>> from nmjax.search.acquisitions import is_logarithmic
      >>> is_logarithmic(LogExpectedImprovement()), is_logarithmic(ExpectedImprovement())
      (True, False)
    """
    if isinstance(acquisition, WeightedSum):
        return any(is_logarithmic(term) for term, _ in acquisition.terms)
    if isinstance(acquisition, Robust):
        return is_logarithmic(acquisition.acquisition)
    return isinstance(acquisition, LogExpectedImprovement | LogProbabilityOfImprovement)


def build_acquisition(weights: Mapping[str | Acquisition, float]) -> Acquisition:
    """Return a weighted sum of acquisitions, all of which receive the same key.

    `{"log_expected_improvement": 1, "log_cheapness": 1}` is the logarithm of expected improvement
    per cost; `{"expected_improvement": 1, "information_about_affinity": 0.1}` values one nat as
    much as a tenth of a unit of score.

    Args:
      weights: Weight of each acquisition; a key is an acquisition or its name.

    Raises:
      NmjaxError: The mapping is empty, a name is unknown, or a weight is not finite.

    Example:
      >>> from nmjax.search import build_acquisition
      >>> build_acquisition({"expected_improvement": 1, "thompson_sampling": 0.5}).terms
      ((ExpectedImprovement(), 1.0), (ThompsonSampling(), 0.5))
    """
    if not weights or not all(math.isfinite(weight) for weight in weights.values()):
        raise NmjaxError(
            f"Got the weights {list(weights.values())}; give one or more acquisitions, each with a "
            "finite number as its weight."
        )
    return WeightedSum(
        tuple(
            (get_acquisition(term) if isinstance(term, str) else term, float(weight))
            for term, weight in weights.items()
        )
    )


@dataclass(frozen=True)
class WeightedSum:
    """Weighted sum of acquisitions, as returned by `build_acquisition`.

    Attributes:
      terms: Pairs of an acquisition and its weight.
    """

    terms: tuple[tuple[Acquisition, float], ...]

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        values = [
            weight * acquisition_value(term, key, posterior, context) for term, weight in self.terms
        ]
        return jnp.sum(jnp.stack(values), axis=0)
