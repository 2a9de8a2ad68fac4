"""Bayesian optimization of spaces too large to enumerate, of 10^12 architectures or more.

The model is that of `BayesianSearch` over a pool of B slots, which evaluated architectures fill one
by one. Predictions for other architectures extend that pool, and a maximizer searches the space for
the largest acquisition value.
"""

from nmjax.search.combinatorial.space_search import SpaceSearch
from nmjax.search.combinatorial.state import Candidate, SpaceState

__all__ = ["Candidate", "SpaceSearch", "SpaceState"]
