"""Where an acquisition is largest: all of a list, or ascents through a space of any size."""

from nmjax.search.maximizers.evolution import evolutionary_ascent
from nmjax.search.maximizers.exhaustive import exhaustive
from nmjax.search.maximizers.gradient import gradient_ascent
from nmjax.search.maximizers.local import local_ascent
from nmjax.search.maximizers.objective import Maximizer, Objective, is_among, optimize_acquisition

__all__ = [
    "Maximizer",
    "Objective",
    "evolutionary_ascent",
    "exhaustive",
    "gradient_ascent",
    "is_among",
    "local_ascent",
    "optimize_acquisition",
]
