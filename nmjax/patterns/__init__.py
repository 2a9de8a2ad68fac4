"""What past searches have in common: motifs, sensitivities and trade-offs."""

from nmjax.patterns.indices import Sensitivity, draws_interval, sensitivity_agreement
from nmjax.patterns.sensitivity import sampled_sobol_indices, sobol_indices
from nmjax.patterns.tradeoffs import hypervolume, hypervolume_contribution, pareto_front

__all__ = [
    "Sensitivity",
    "draws_interval",
    "hypervolume",
    "hypervolume_contribution",
    "pareto_front",
    "sampled_sobol_indices",
    "sensitivity_agreement",
    "sobol_indices",
]
