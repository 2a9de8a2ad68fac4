"""Acquisitions by name, and sums of them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp

from nmjax.errors import NmjaxError, unknown_name
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
from nmjax.types import Acquisition, Array, Mixture


@dataclass(frozen=True)
class LogCheapness:
    """-log cost: added to the logarithm of a gain, it makes that the gain per cost."""

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key, posterior
        return -jnp.log(context.cost)


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
    """The acquisition of that name.

    Raises:
      NmjaxError: no acquisition has that name.
    """
    if name not in ACQUISITIONS:
        raise unknown_name("acquisition", name, ACQUISITIONS)
    return ACQUISITIONS[name]()


def build_acquisition(weights: Mapping[str | Acquisition, float]) -> Acquisition:
    """A weighted sum of acquisitions, all given the same key.

    `{"log_expected_improvement": 1, "log_cheapness": 1}` is the logarithm of expected improvement
    per cost; `{"expected_improvement": 1, "information_about_affinity": 0.1}` pays a tenth of a
    unit of score for a nat.

    Args:
      weights: of each acquisition, by its name or itself.

    Raises:
      NmjaxError: there is none, no acquisition has one of the names, or a weight is not finite.
    """
    if not weights or not all(math.isfinite(weight) for weight in weights.values()):
        raise NmjaxError(
            f"Got the weights {list(weights.values())}; give a finite number for each of one or "
            "more acquisitions."
        )
    return WeightedSum(
        tuple(
            (get_acquisition(term) if isinstance(term, str) else term, float(weight))
            for term, weight in weights.items()
        )
    )


@dataclass(frozen=True)
class WeightedSum:
    """The sum of acquisitions times their weights; `build_acquisition` makes one.

    Attributes:
      terms: pairs of an acquisition and its weight.
    """

    terms: tuple[tuple[Acquisition, float], ...]

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        values = [weight * term(key, posterior, context) for term, weight in self.terms]
        return jnp.sum(jnp.stack(values), axis=0)
