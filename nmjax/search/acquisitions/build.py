"""Acquisitions by name, and sums of them."""

import math
from collections.abc import Callable, Mapping

import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
from nmjax.errors import NmjaxError, unknown_name
from nmjax.search.acquisitions.context import AcquisitionContext
from nmjax.search.acquisitions.improvement import (
    expected_improvement,
    log_expected_improvement,
    log_probability_of_improvement,
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
from nmjax.types import Acquisition, Array, Mixture


@cached_factory
def log_cheapness() -> Acquisition:
    """-log cost: added to the logarithm of a gain, it makes that the gain per cost."""

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        del key, posterior
        return -jnp.log(context.cost)

    return acquire


ACQUISITIONS: dict[str, Callable[[], Acquisition]] = {
    "expected_improvement": expected_improvement,
    "log_expected_improvement": log_expected_improvement,
    "noisy_expected_improvement": noisy_expected_improvement,
    "probability_of_improvement": probability_of_improvement,
    "log_probability_of_improvement": log_probability_of_improvement,
    "upper_confidence_bound": upper_confidence_bound,
    "gp_ucb": gp_ucb,
    "thompson_sampling": thompson_sampling,
    "max_value_entropy_search": max_value_entropy_search,
    "knowledge_gradient": knowledge_gradient,
    "information_about_function": information_about_function,
    "information_about_affinity": information_about_affinity,
    "log_cheapness": log_cheapness,
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
    return _weighted_sum(
        tuple(
            (get_acquisition(term) if isinstance(term, str) else term, float(weight))
            for term, weight in weights.items()
        )
    )


@cached_factory
def _weighted_sum(terms: tuple[tuple[Acquisition, float], ...]) -> Acquisition:
    """The sum of acquisitions times their weights."""

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        values = [weight * term(key, posterior, context) for term, weight in terms]
        return jnp.sum(jnp.stack(values), axis=0)

    return acquire
