"""Baselines: searches from the literature, with the same interface as `BayesianSearch`."""

from nmjax.search.baselines.bananas import BananasSearch
from nmjax.search.baselines.fsbo import FSBOSearch
from nmjax.search.baselines.gp import GPSearch
from nmjax.search.baselines.local_search import LocalSearch
from nmjax.search.baselines.ordered import PastBestSearch, RandomSearch
from nmjax.search.baselines.regularized_evolution import RegularizedEvolution
from nmjax.search.baselines.rgpe import RGPESearch

__all__ = [
    "BananasSearch",
    "FSBOSearch",
    "GPSearch",
    "LocalSearch",
    "PastBestSearch",
    "RandomSearch",
    "RegularizedEvolution",
    "RGPESearch",
]
