"""Plots of searches and of past tasks; each function returns a matplotlib `Figure`."""

from nmjax.analysis.plots.critical_difference import plot_critical_difference
from nmjax.analysis.plots.information_gain import plot_information
from nmjax.analysis.plots.motifs import plot_motifs
from nmjax.analysis.plots.regret import plot_regret
from nmjax.analysis.plots.sensitivity import plot_sensitivity
from nmjax.analysis.plots.similarity_heatmap import plot_similarity
from nmjax.analysis.plots.tradeoffs import plot_tradeoffs

__all__ = [
    "plot_critical_difference",
    "plot_information",
    "plot_motifs",
    "plot_regret",
    "plot_sensitivity",
    "plot_similarity",
    "plot_tradeoffs",
]
