"""Where an acquisition is largest: all of a list, or ascents through a space of any size."""

from nmjax.search.maximisers.evolution import evolutionary_ascent
from nmjax.search.maximisers.exhaustive import exhaustive
from nmjax.search.maximisers.gradient import gradient_ascent
from nmjax.search.maximisers.local import local_ascent
from nmjax.search.maximisers.objective import Maximiser, Objective, is_among, optimize_acquisition

__all__ = [
    "Maximiser",
    "Objective",
    "evolutionary_ascent",
    "exhaustive",
    "gradient_ascent",
    "is_among",
    "local_ascent",
    "optimize_acquisition",
]
