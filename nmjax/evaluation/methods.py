"""The searches that are compared, by name."""

from collections.abc import Callable
from typing import NamedTuple

from nmjax.errors import unknown_name
from nmjax.search import (
    Problem,
    SearchAlgorithm,
    bananas_search,
    bayesian_search,
    fsbo_search,
    gp_search,
    local_search,
    past_best_search,
    random_search,
    regularized_evolution,
    rgpe_search,
    with_flat_prior,
)

CAPACITY_STEP = 128


class Method(NamedTuple):
    """A search to compare.

    Attributes:
      make: keyword `capacity` -> algorithm, the very same for the same capacity.
      view: what of a problem it is given.
      transfer: whether it learns from past tasks.
      ours: whether it is nmjax's own, and no baseline that was rebuilt.
    """

    make: Callable[..., SearchAlgorithm]
    view: Callable[[Problem], Problem]
    transfer: bool = False
    ours: bool = False


def _whole(problem: Problem) -> Problem:
    return problem


METHODS = {
    "transfer": Method(bayesian_search, _whole, transfer=True, ours=True),
    "kernel-transfer": Method(bayesian_search, with_flat_prior, transfer=True, ours=True),
    "rgpe": Method(rgpe_search, _whole, transfer=True),
    "fsbo": Method(fsbo_search, _whole, transfer=True),
    "gp": Method(gp_search, _whole),
    "bananas": Method(bananas_search, _whole),
    "evolution": Method(regularized_evolution, _whole),
    "local-search": Method(local_search, _whole),
    "random": Method(random_search, _whole),
    "past-best": Method(past_best_search, _whole, transfer=True),
}


def get_method(name: str) -> Method:
    """The method `name`.

    Raises:
      NmjaxError: no method has that name.
    """
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)
    return METHODS[name]


def get_algorithm(name: str, budget: int) -> SearchAlgorithm:
    """The algorithm of a method, the very same for all budgets of one capacity.

    Raises:
      NmjaxError: no method has that name.
    """
    return get_method(name).make(capacity=-(-budget // CAPACITY_STEP) * CAPACITY_STEP)
