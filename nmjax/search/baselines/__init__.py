"""Searches to compare with, under the same Protocol."""

from nmjax.search.baselines.bananas import bananas_search
from nmjax.search.baselines.fsbo import fsbo_search
from nmjax.search.baselines.gp import gp_search
from nmjax.search.baselines.local_search import local_search
from nmjax.search.baselines.ordered import past_best_search, random_search
from nmjax.search.baselines.regularized_evolution import regularized_evolution
from nmjax.search.baselines.rgpe import rgpe_search

__all__ = [
    "bananas_search",
    "fsbo_search",
    "gp_search",
    "local_search",
    "past_best_search",
    "random_search",
    "regularized_evolution",
    "rgpe_search",
]
