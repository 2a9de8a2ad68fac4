"""Maximizers of an acquisition: exhaustive, or ascents through a space of any size."""

from nmjax.search.maximizers.evolution import EvolutionaryAscent
from nmjax.search.maximizers.exhaustive import Exhaustive, ExhaustiveScan
from nmjax.search.maximizers.gradient import GradientAscent, Maximum, maximize_by_gradient
from nmjax.search.maximizers.guided import GuidedAscent
from nmjax.search.maximizers.local import LocalAscent
from nmjax.search.maximizers.objective import Maximizer, Objective, is_among, optimize_acquisition

__all__ = [
    "Maximizer",
    "Objective",
    "EvolutionaryAscent",
    "Exhaustive",
    "ExhaustiveScan",
    "GradientAscent",
    "GuidedAscent",
    "is_among",
    "LocalAscent",
    "maximize_by_gradient",
    "Maximum",
    "optimize_acquisition",
]
