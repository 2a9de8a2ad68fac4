"""Registry of the searches that are compared."""

from collections.abc import Callable
from typing import Any, NamedTuple

from nmjax.errors import unknown_name
from nmjax.search import (
    BananasSearch,
    BayesianSearch,
    FSBOSearch,
    GPSearch,
    LocalSearch,
    PastBestSearch,
    Problem,
    RandomSearch,
    RegularizedEvolution,
    RGPESearch,
    SearchAlgorithm,
    with_flat_prior,
)

CAPACITY_STEP = 128


class Method(NamedTuple):
    """Entry of `METHODS`.

    Attributes:
      search: a search class, or a callable with the keyword `capacity` that returns a search.
      view: function from the problem to the part that the search may use.
      transfer: whether the search learns from past tasks.
      ours: whether it is nmjax's own method, not a reimplemented baseline.

    Example:
      >>> from nmjax.evaluation import METHODS
      >>> METHODS["random"].search.__name__
      'RandomSearch'
    """

    search: type[SearchAlgorithm[Any, Problem]] | Callable[..., SearchAlgorithm[Any, Problem]]
    view: Callable[[Problem], Problem]
    transfer: bool = False
    ours: bool = False


def _whole(problem: Problem) -> Problem:
    return problem


METHODS = {
    "transfer": Method(BayesianSearch, _whole, transfer=True, ours=True),
    "kernel-transfer": Method(BayesianSearch, with_flat_prior, transfer=True, ours=True),
    "rgpe": Method(RGPESearch, _whole, transfer=True),
    "fsbo": Method(FSBOSearch, _whole, transfer=True),
    "gp": Method(GPSearch, _whole),
    "bananas": Method(BananasSearch, _whole),
    "evolution": Method(RegularizedEvolution, _whole),
    "local-search": Method(LocalSearch, _whole),
    "random": Method(RandomSearch, _whole),
    "past-best": Method(PastBestSearch, _whole, transfer=True),
}


def get_method(name: str) -> Method:
    """Return the method `name`.

    Raises:
      NmjaxError: no method has that name.

    Example:
      >>> from nmjax.evaluation import get_method
      >>> get_method("kernel-transfer").transfer
      True
    """
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)
    return METHODS[name]


def get_algorithm(name: str, budget: int) -> SearchAlgorithm[Any, Problem]:
    """Return the search of a method; budgets with the same capacity give equal searches.

    Raises:
      NmjaxError: no method has that name.

    Example:
      >>> from nmjax.evaluation import get_algorithm
      >>> get_algorithm("random", 100) == get_algorithm("random", 20)
      True
    """
    return get_method(name).search(capacity=-(-budget // CAPACITY_STEP) * CAPACITY_STEP)
