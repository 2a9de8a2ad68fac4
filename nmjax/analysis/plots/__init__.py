"""Pictures of a search: each function returns a matplotlib `Figure`, which the caller saves."""

from nmjax.analysis.plots.information import plot_information
from nmjax.analysis.plots.regret import plot_regret

__all__ = ["plot_information", "plot_regret"]
